"""Contests on a network: epochs of 64-32-10 on scikit-learn's digits."""

import functools

from .. import network, stochastic
from .contest_types import Entry, Work


@functools.cache
def rows():
    a, b = network.make()
    orders, rule = stochastic.orders(2, len(b)), (network.RATE, network.ALPHA)
    sizes = {"x0": network.start(), "batch": network.BATCH, "rule": rule}
    return {"a": a, "b": b, "orders": orders, **sizes}


def learnt(answer):
    """Compare losses: slopes near zero have signs of rounding, and Adam steps by signs."""
    data = rows()
    a, b = data["a"].astype(float), data["b"]
    x = network.trained(data["x0"], a, b, data["orders"])
    f, wanted = (network.cross_entropies(at, a, b)[0] for at in (answer.astype(float), x))
    away = abs(f / wanted - 1.0)
    return "" if away <= 1e-3 else f"the loss after two epochs differs by {away:.2g} of it"


epoch = Work(
    "network",
    f"An epoch of a network 64-32-10 on {network.ROWS:,} digits, float32, in mini-batches of "
    f"{network.BATCH}, Adam",
    rows,
    learnt,
    (
        Entry("fastopt", "ours.py", "network"),
        Entry("optax, one compiled scan", "network_optax.py", "network"),
        Entry("torch", "network_torch.py", "network"),
        Entry("scikit-learn", "network_sklearn.py", "network"),
    ),
)
