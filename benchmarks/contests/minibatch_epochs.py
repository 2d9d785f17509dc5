"""Contests on a finite sum: logistic regression by mini-batches."""

import functools

import numpy as np

from .. import stochastic
from .contest_types import Entry, Work


@functools.cache
def rows():
    (a, b), rule = stochastic.make(), (stochastic.RATE, stochastic.RHO, stochastic.EPS)
    return {"a": a, "b": b, "orders": stochastic.orders(2), "rule": rule, "batch": stochastic.BATCH}


def learnt(answer):
    data = rows()
    away = np.abs(answer / stochastic.losses(data["a"], data["b"], data["orders"]) - 1.0).max()
    return "" if away <= 1e-5 else f"the losses of the first epochs differ by {away:.2g} of them"


epoch = Work(
    "epoch",
    f"An epoch of logistic regression, {stochastic.ROWS:,} rows of {stochastic.N} float32 in "
    f"mini-batches of {stochastic.BATCH}, RMSProp",
    rows,
    learnt,
    (
        *(Entry(f"fastopt, {way}", "ours.py", f"epochs, {way}") for way in stochastic.WAYS),
        Entry("optax, one compiled scan", "by_optax.py", "epochs"),
        Entry("torch", "by_torch.py", "epochs, autograd"),
        Entry("torch, gradient by hand", "by_torch.py", "epochs, by hand"),
    ),
)
