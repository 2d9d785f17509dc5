"""Solvers of decays, and functions that call a solver in compiled code."""

import functools

import numpy as np
from numba import njit

import fastopt

T = np.linspace(0.0, 4.0, 24)
RATES = np.linspace(0.3, 2.0, 12)
DECAYS = (1.0 + RATES[:, None]) * np.exp(-RATES[:, None] * T)
START = np.array([1.0, 1.0])


@njit
def misfit(p, t, y):
    if p[0] == 77.0:
        raise ValueError("no such decay")
    s = 0.0
    for i in range(t.size):
        r = p[0] * np.exp(-p[1] * t[i]) - y[i]
        s += r * r
    return s


@njit
def residuals(p, t, y):
    return p[0] * np.exp(-p[1] * t) - y


@functools.cache
def solver():
    return fastopt.solver(misfit, START, (T, T))


@functools.cache
def fit():
    return fastopt.least_squares_solver(residuals, START, (T, T), bounds=(0.0, [9.0, 1.5]))


@njit
def once(solve, x0, t, y):
    return solve(x0, t, y)


@njit
def into(solve, x, t, y):
    return solve(x, t, y, out=x)


def same(solution, result):
    np.testing.assert_array_equal(solution.x, result.x)
    for name in ("fun", "status", "nit", "nfev", "success"):
        if hasattr(solution, name):
            found, wanted = getattr(solution, name), getattr(result, name)
            assert found == wanted, name
            assert type(found) is type(wanted), name
