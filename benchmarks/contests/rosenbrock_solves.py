"""Contests on one problem: the Rosenbrock function, of two or many parameters."""

import functools

import numpy as np

from ..helpers import limits
from .contest_types import Entry, Work
from .rmsprop_formulas import descended

ITERATIONS, SOME = 10_000, 1_000


def slope(x):
    """Return the gradient of the Rosenbrock function of pairs."""
    a, b, g = x[1::2] - x[::2] ** 2, 1.0 - x[::2], np.empty_like(x)
    g[::2], g[1::2] = -400.0 * x[::2] * a - 2.0 * b, 200.0 * a
    return g


def iterated(answer):
    away = np.abs(answer - descended(slope, np.array([-1.2, 1.0]), 1e-4, SOME)).max()
    return "" if away <= 1e-7 else f"x is {away:.2g} away after {SOME} iterations"


iterations = Work(
    "iterations",
    f"{ITERATIONS:,} iterations of RMSProp on the Rosenbrock function, its gradient by hand",
    lambda: {"x0": np.array([-1.2, 1.0]), "iterations": ITERATIONS, "some": SOME},
    iterated,
    (
        Entry("fastopt", "ours.py", "iterations"),
        Entry("optax, one compiled loop", "by_optax.py", "iterations"),
        Entry("torch", "by_torch.py", "iterations"),
        Entry("NumPy", "by_numpy.py", "iterations"),
    ),
    lambda: limits.rosenbrock() * ITERATIONS,
)


def solved(answer):
    """Return "" if an answer is at the minimum, else its gradient as a text."""
    g = np.abs(slope(answer)).max()
    return "" if g <= 1e-5 else f"its gradient is {g:.2g}"


def start(n):
    if n == 2:
        return {"x0": np.array([-1.2, 1.0])}
    return {"x0": np.random.default_rng(5).uniform(-1.5, 1.5, n)}


def solve(n):
    """Return the work of a whole solve, with nothing tuned, to a gradient of 1e-5."""
    size = f"{n:,}"
    # Matrices of BFGS have n² elements.
    dense = [
        Entry("SciPy BFGS", "by_scipy.py", "solve, BFGS"),
        Entry("jaxopt BFGS", "by_jax.py", "solve, jaxopt BFGS"),
        Entry("optimistix BFGS", "by_jax.py", "solve, optimistix BFGS"),
    ]
    return Work(
        f"solve, {size} parameters",
        f"A solve of the Rosenbrock function, {size} parameters, to a gradient of 1e-5",
        functools.partial(start, n),
        solved,
        (
            Entry("fastopt", "ours.py", "solve"),
            Entry("fastopt, prepared solver", "ours.py", "solve, prepared"),
            Entry("SciPy L-BFGS-B", "by_scipy.py", "solve, L-BFGS-B"),
            Entry("jaxopt LBFGS", "by_jax.py", "solve, jaxopt LBFGS"),
            *(dense if n < 1_000 else ()),
        ),
    )


first = Work(
    "first answer",
    "A new process, until it has solved the 2-D Rosenbrock function (caches on disk warm)",
    functools.partial(start, 2),
    solved,
    (
        Entry("fastopt", "first.py", "fastopt"),
        Entry("SciPy L-BFGS-B, plain Python", "first.py", "SciPy"),
        Entry("jaxopt BFGS", "first.py", "jaxopt"),
        Entry("torch LBFGS", "first.py", "torch"),
    ),
    whole=True,
)
