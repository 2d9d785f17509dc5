"""Digests of forty results of every kind, to see whether a change keeps the bits.

    python tests/helpers/digests.py > before.txt     # on one commit, and again on another

Each line is a name and the start of a SHA-256 digest of x, f and the counts of evaluations.
"""

import hashlib
import sys
import warnings

import numpy as np
from numba import njit

import fastopt

RNG = np.random.default_rng(5)
T = np.linspace(0.0, 4.0, 33)
Y = RNG.uniform(1.0, 3.0, (50, 1)) * np.exp(-RNG.uniform(0.3, 2.0, (50, 1)) * T) + 0.3
ROWS, TARGETS = RNG.normal(size=(120, 4)), RNG.normal(size=120)


@njit
def rosenbrock(x):
    f = 0.0
    for i in range(x.size - 1):
        f += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return f


@njit
def decay(p, y, t):
    return np.sum((p[0] * np.exp(-p[1] * t) + p[2] - y) ** 2)


@njit
def residual(w, row, target):
    return (np.sum(w * row) - target) ** 2


def quadratic(x):
    return float(((x - 3.0) ** 2).sum())


def jobs():
    """Yield names and functions that give a result."""
    minimize, batch = fastopt.minimize, fastopt.minimize_batch
    few = {"maxiter": 200}
    for method in fastopt.methods():
        yield f"{method}, auto", lambda m=method: minimize(rosenbrock, [-1.2, 1.0], method=m)
        fixed = {"learning_rate": 1e-3, **few}
        yield (
            f"{method}, fixed",
            lambda m=method, o=fixed: minimize(rosenbrock, [-1.2, 1.0], method=m, options=o),
        )
        yield f"{method}, steps", lambda m=method: steps(m)
    yield "float32", lambda: minimize(rosenbrock, np.float32([-1.2, 1.0]))
    yield "bounds", lambda: minimize(rosenbrock, [-1.2, 0.7, 0.5], bounds=[(-2, 0.8)] * 3)
    yield "thirty", lambda: minimize(rosenbrock, np.full(30, -1.0), options={"maxiter": 500})
    yield "matrix", lambda: minimize(quadratic, np.zeros((2, 3)))
    yield "2-point", lambda: minimize(decay, [1.0, 1.0, 0.0], args=(Y[0], T), jac="2-point")
    yield "cs", lambda: minimize(quadratic_of_arrays, np.zeros(3), jac="cs")
    yield (
        "schedule",
        lambda: minimize(
            rosenbrock,
            [-1.2, 1.0],
            options={"learning_rate": fastopt.schedules.cosine(0.01, 300), "maxiter": 300},
        ),
    )
    yield "batch", lambda: batch(decay, [1.0, 1.0, 0.0], Y, args=(T,))
    yield (
        "batch, float32",
        lambda: batch(
            decay, np.float32([1, 1, 0]), Y.astype(np.float32), args=(T.astype(np.float32),)
        ),
    )
    yield (
        "batch, bounds",
        lambda: batch(
            decay, [1.0, 1.0, 0.0], Y, args=(T,), bounds=[(0.5, 2.5), (0.0, 1.0), (0.0, 1.0)]
        ),
    )
    yield (
        "ragged",
        lambda: batch(
            decay, [1.0, 1.0, 0.0], ([y[: 20 + b % 13] for b, y in enumerate(Y)], ragged())
        ),
    )
    yield "multistart", lambda: fastopt.multistart(rosenbrock, [(-2, 2)] * 2, rng=1)
    for method in ("sgd", "rmsprop", "adam", "adagrad", "nadam"):
        yield (
            f"mini-batches, {method}",
            lambda m=method: fastopt.minimize_stochastic(
                residual, np.zeros(4), (ROWS, TARGETS), method=m, batch_size=7, epochs=4, seed=3
            ),
        )


def ragged():
    return [T[: 20 + b % 13] for b in range(len(Y))]


def quadratic_of_arrays(x):
    return ((x - 1.0) ** 2).sum() + (x[0] * x[1]) ** 2


def steps(method):
    """Return arrays after ten steps of an optimizer object."""
    kind = next(n for n in dir(fastopt) if n.lower() == method and n[0].isupper())
    optimizer = getattr(fastopt, kind)(0.01, weight_decay=0.01)
    params = {"w": np.linspace(-1, 1, 50), "b": np.ones(3, np.float32)}
    for k in range(10):
        optimizer.step(params, {name: np.cos(k + x) for name, x in params.items()})
    return params


def digest(found):
    """Return the start of a digest of a result."""
    found = dict(found) if hasattr(found, "items") else vars(found)
    whole = hashlib.sha256()
    for name in ("x", "fun", "nfev", "nit", "status", "w", "b", "minima"):
        if name in found:
            whole.update(np.ascontiguousarray(found[name]).tobytes())
    return whole.hexdigest()[:16]


def main():
    warnings.simplefilter("ignore")
    for name, job in jobs():
        print(f"{name:24} {digest(job())}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
