"""Epochs of mini-batch logistic regression: 100,000 rows of 50 float32, RMSProp.

`peers.py` and the report compare them with PyTorch and optax.
"""

import inspect

import numba
import numpy as np

import fastopt

from .helpers.shared import clock, median, over

ROWS, N, BATCH, SEED = 100_000, 50, 32, 1
RATE, RHO, EPS = 1e-3, 0.9, 1e-8
OPTIONS = {"learning_rate": RATE, "rho": RHO, "eps": EPS, "eps_inside": False}
ONE = np.float32(1.0)


@numba.njit(fastmath=True)
def loss(x, a, b):
    s = np.float32(0.0)
    for i in range(a.size):
        s += x[i] * a[i]
    return np.log1p(np.exp(-b * s))


@numba.njit(fastmath=True)
def with_gradient(x, a, b):
    s = np.float32(0.0)
    for i in range(a.size):
        s += x[i] * a[i]
    e = np.exp(-b * s)
    return np.log1p(e), (-b * e / (ONE + e)) * a


@numba.njit(fastmath=True)
def adding(x, g, a, b):
    s = np.float32(0.0)
    for i in range(a.size):
        s += x[i] * a[i]
    e = np.exp(-b * s)
    slope = -b * e / (ONE + e)
    for i in range(a.size):
        g[i] += slope * a[i]
    return np.log1p(e)


@numba.njit(fastmath=True)
def adding_batch(x, g, a, b):
    """Return the mean loss of a mini-batch, and add its gradient; exp is vectorised."""
    rows, n = a.shape
    z = np.empty(rows, np.float32)
    for k in range(rows):
        s = np.float32(0.0)
        for i in range(n):
            s += x[i] * a[k, i]
        z[k] = -b[k] * s
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
    "jac='add'": (adding, {"jac": "add"}),
    "jac='add', vectorized": (adding_batch, {"jac": "add", "vectorized": True}),
    "jac=True": (with_gradient, {"jac": True}),
    "derived": (loss, {}),
}


def make(rows=ROWS, n=N):
    """Return features, and labels of -1 and 1."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((rows, n)).astype(np.float32)
    x = rng.standard_normal(n).astype(np.float32) * np.float32(np.sqrt(N / n))
    p = 1.0 / (1.0 + np.exp(-a @ x))
    return a, np.where(rng.random(rows) < p, 1, -1).astype(np.float32)


def orders(count, rows=ROWS):
    """Return the order of the rows in each of our epochs."""
    from fastopt.algorithms import minibatch  # older commits have none

    shuffle, order = numba.njit(minibatch.shuffle_ahead), np.arange(rows, dtype=np.int32)
    keys, found = np.random.default_rng(SEED), []
    for _ in range(count):
        shuffle(order, 0, rows, keys.integers(2**64, dtype=np.uint64))
        found.append(order.copy())
    return np.array(found)


def losses(a, b, orders):
    """Return the mean losses of epochs in these orders, by plain NumPy in float64."""
    a, b, found = a.astype(float), b.astype(float), []
    x, v = np.zeros(a.shape[1]), np.zeros(a.shape[1])
    for order in orders:
        total = 0.0
        for first in range(0, len(order), BATCH):
            rows = order[first : first + BATCH]
            e = np.exp(-b[rows] * (a[rows] @ x))
            g = -(b[rows] * e / (1.0 + e)) @ a[rows] / len(rows)
            v = RHO * v + (1.0 - RHO) * g * g
            x = x - RATE * g / (np.sqrt(v) + EPS)
            total += np.sum(np.log1p(e))
        found.append(total / len(order))
    return np.array(found)


def epochs(data, way, count=1):
    """Run `count` epochs from zero; return their losses."""
    fun, how = WAYS[way]
    x0 = np.zeros(N, np.float32)
    how = {"batch_size": BATCH, "epochs": count, "seed": SEED, "options": OPTIONS, **how}
    return fastopt.minimize_stochastic(fun, x0, data, **how).loss


class TrackEpochs:
    """Nanoseconds a row of an epoch."""

    params = tuple(WAYS)
    param_names = ("gradient",)
    unit = "ns"

    def setup(self, way):
        if not hasattr(fastopt, "minimize_stochastic"):
            raise NotImplementedError("no minimize_stochastic")
        self.data = make()
        epochs(self.data, way)

    def track_row(self, way):
        return median(lambda: epochs(self.data, way), 5) / ROWS * 1e9


class TrackThreads:
    """Large mini-batches on two threads over one thread that computes the same parts."""

    params = "256 x 100", "512 x 100", "256 x 300", "1024 x 300", "1024 x 1000"
    param_names = ("rows and features",)
    unit = "times one thread"

    def setup(self, size):
        if numba.get_num_threads() < 2:
            raise NotImplementedError("one processor only")
        if "workers" not in inspect.signature(fastopt.minimize_stochastic).parameters:
            raise NotImplementedError("no workers")
        rows, n = map(int, size.split(" x "))
        self.data, self.x0 = make(4_000_000 // n, n), np.zeros(n, np.float32)
        self.how = {"batch_size": rows, "jac": "add", "epochs": 10, "options": OPTIONS}
        self.clock(1)

    def clock(self, workers):
        def run():
            fastopt.minimize_stochastic(adding, self.x0, self.data, workers=workers, **self.how)

        return clock(run)

    def track_two_over_one(self, size):
        return over(lambda: self.clock(2), lambda: self.clock(1), 9)
