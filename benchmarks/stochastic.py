"""Epochs of mini-batch logistic regression: nanoseconds a row, and beside PyTorch and optax.

Usage::

    python -m benchmarks.stochastic

prints the peers' time for an epoch over ours: 100,000 rows of 50 float32, mini-batches of 32,
RMSProp; each peer in a process of its own (in the Python that FASTOPT_PEERS_PYTHON names), in turn
with ours, the same rows in the same order. All losses must be alike.
"""

import pathlib
import statistics
import tempfile

import numba
import numpy as np

import fastopt
from fastopt import _epochs

from . import fits
from .targets import line
from .work import median

ROWS, N, BATCH, SEED = 100_000, 50, 32, 1
OPTIONS = {"learning_rate": 1e-3, "rho": 0.9, "eps": 1e-8, "eps_inside": False}
PEERS = {"epoch_torch.py": 10, "epoch_optax.py": 5}  # and how many times faster we want to be
ONE = np.float32(1.0)


@numba.njit(fastmath=True)
def margin(x, a, b):
    s = np.float32(0.0)
    for i in range(a.size):
        s += x[i] * a[i]
    return -b * s


@numba.njit(fastmath=True)
def loss(x, a, b):
    s = 0.0
    for i in range(a.size):
        s += x[i] * a[i]
    return np.log1p(np.exp(-b * s))


@numba.njit(fastmath=True)
def with_gradient(x, a, b):
    e = np.exp(margin(x, a, b))
    return np.log1p(e), (-b * e / (ONE + e)) * a


@numba.njit(fastmath=True)
def adding(x, g, a, b):
    e = np.exp(margin(x, a, b))
    slope = -b * e / (ONE + e)
    for i in range(a.size):
        g[i] += slope * a[i]
    return np.log1p(e)


@numba.njit(fastmath=True)
def adding_batch(x, g, a, b):
    """The same of a mini-batch: the exponentials run in vectors."""
    rows, n = a.shape
    z = np.empty(rows, np.float32)
    for k in range(rows):
        z[k] = margin(x, a[k], b[k])
    f, share = np.float32(0.0), ONE / np.float32(rows)
    for k in range(rows):
        e = np.exp(z[k])
        f += np.log1p(e)
        z[k] = -b[k] * e / (ONE + e) * share
    for k in range(rows):
        for i in range(n):
            g[i] += z[k] * a[k, i]
    return f * share


WAYS = {
    "derived": (loss, {}),
    "jac=True": (with_gradient, {"jac": True}),
    "jac='add'": (adding, {"jac": "add"}),
    "jac='add', vectorized": (adding_batch, {"jac": "add", "vectorized": True}),
}


def make(rows=ROWS):
    """Features and labels of -1 and 1."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((rows, N)).astype(np.float32)
    p = 1.0 / (1.0 + np.exp(-a @ rng.standard_normal(N).astype(np.float32)))
    return a, np.where(rng.random(rows) < p, 1, -1).astype(np.float32)


def epochs(data, way, count=1):
    """So many epochs from zero; the losses."""
    fun, how = WAYS[way]
    x0 = np.zeros(N, np.float32)
    how = {"batch_size": BATCH, "epochs": count, "seed": SEED, "options": OPTIONS, **how}
    return fastopt.minimize_stochastic(fun, x0, data, **how).loss


def orders(count):
    """The order of the rows in each of our epochs."""
    draw, order = numba.njit(_epochs.draw), np.arange(ROWS, dtype=np.int32)
    keys, found = np.random.default_rng(SEED), []
    for _ in range(count):
        draw(order, 0, ROWS, keys.integers(2**64, dtype=np.uint64))
        found.append(order.copy())
    return np.array(found)


class TrackEpochs:
    """Nanoseconds a row."""

    params = tuple(WAYS)
    param_names = ("gradient",)
    unit = "ns"

    def setup(self, way):
        self.data = make()
        epochs(self.data, way)

    def track_row(self, way):
        return median(lambda: epochs(self.data, way), 5) / ROWS * 1e9


def main(rounds=5, count=4):
    print(f"{'figure':58} {'wanted':>10} {'measured':>10}")
    data = make()
    wanted = {way: epochs(data, way, count) for way in WAYS}
    ours, theirs, versions = {way: [] for way in WAYS}, {name: [] for name in PEERS}, {}
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "epochs.npz"
        np.savez(file, a=data[0], b=data[1], orders=orders(count))
        for _ in range(rounds):
            for way, times in ours.items():
                times.append(median(lambda way=way: epochs(data, way, count), 3) / count)
            for name, times in theirs.items():
                for found in fits.peer(name, file):
                    times.append(found["seconds"])
                    versions[name] = f"{found['name']} {found['version']}"
                    for losses in wanted.values():
                        np.testing.assert_allclose(losses, found["losses"], rtol=1e-4)
    for name, times in theirs.items():
        for way in WAYS if times else ():
            seconds, own = statistics.median(times), statistics.median(ours[way])
            title = f"an epoch of {name[6:-3]} over ours, {way}"
            line(title, f">= {PEERS[name]}", f"{seconds / own:.1f}")
            print(f"    {1e3 * seconds:.1f} ms against {1e3 * own:.1f} ms; {versions[name]}")


if __name__ == "__main__":
    main()
