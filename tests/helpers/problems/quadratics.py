"""Quadratic functions that are badly scaled or badly conditioned; the minimum is 0 in all of them.

Each has its gradient, which derivatives carried forward would take O(n) evaluations for.
"""

import functools

import numpy as np

from .case import CONVERGED, LONG, case


def weighted(x, decades):
    """A diagonal Hessian from 10^-decades to 10^decades, minimum at 1."""
    n = len(x)
    f = 0.0
    for i in range(n):
        f += 0.5 * 10.0 ** (decades * (2.0 * i / (n - 1.0) - 1.0)) * (x[i] - 1.0) ** 2
    return f


def weighted_jac(x, decades):
    n = len(x)
    g = np.zeros_like(x)
    for i in range(n):
        g[i] = 10.0 ** (decades * (2.0 * i / (n - 1.0) - 1.0)) * (x[i] - 1.0)
    return g


def in_units(x, decades):
    """Variables of sizes from 10^-decades to 10^decades, minimum at (-1)^i sizes."""
    n = len(x)
    f = 0.0
    for i in range(n):
        unit = (1.0 - 2.0 * (i % 2)) * 10.0 ** (decades * (2.0 * i / (n - 1.0) - 1.0))
        f += 0.5 * (x[i] / unit - 1.0) ** 2
    return f


def in_units_jac(x, decades):
    n = len(x)
    g = np.zeros_like(x)
    for i in range(n):
        unit = (1.0 - 2.0 * (i % 2)) * 10.0 ** (decades * (2.0 * i / (n - 1.0) - 1.0))
        g[i] = (x[i] / unit - 1.0) / unit
    return g


def rotated(x, decades):
    """Eigenvalues from 10^-decades to 10^decades, all variables coupled, minimum at 1.

    The rotation is I - 2 v v' / v'v, v = (1, 2, ..., n), which no scaling of variables undoes.
    """
    n = len(x)
    along, norm2 = 0.0, 0.0
    for i in range(n):
        along += (i + 1.0) * (x[i] - 1.0)
        norm2 += (i + 1.0) ** 2
    f = 0.0
    for i in range(n):
        y = x[i] - 1.0 - 2.0 * (i + 1.0) * along / norm2
        f += 0.5 * 10.0 ** (decades * (2.0 * i / (n - 1.0) - 1.0)) * y * y
    return f


def rotated_jac(x, decades):
    n = len(x)
    along, norm2 = 0.0, 0.0
    for i in range(n):
        along += (i + 1.0) * (x[i] - 1.0)
        norm2 += (i + 1.0) ** 2
    g = np.zeros_like(x)
    back = 0.0
    for i in range(n):
        y = x[i] - 1.0 - 2.0 * (i + 1.0) * along / norm2
        g[i] = 10.0 ** (decades * (2.0 * i / (n - 1.0) - 1.0)) * y
        back += (i + 1.0) * g[i]
    for i in range(n):
        g[i] -= 2.0 * (i + 1.0) * back / norm2
    return g


def of(fun, jac, decades):
    """Both for so many decades, which compiled code is given as a number."""
    return functools.partial(fun, decades=decades), functools.partial(jac, decades=decades)


def hilbert(x):
    """Half z'Hz with z = x - 1; the condition of H is 1.5e7 for n = 6 and 1.6e13 for n = 10."""
    f = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            f += 0.5 * (x[i] - 1.0) * (x[j] - 1.0) / (i + j + 1.0)
    return f


def hilbert_jac(x):
    g = np.zeros_like(x)
    for i in range(len(x)):
        for j in range(len(x)):
            g[i] += (x[j] - 1.0) / (i + j + 1.0)
    return g


def laplacian(x):
    """The energy of a string that is held at 1 at both ends, condition 4 n^2 / pi^2."""
    n = len(x)
    f, left = 0.0, 1.0
    for i in range(n):
        f += (x[i] - left) ** 2
        left = x[i]
    return 0.5 * (n + 1.0) * (f + (1.0 - left) ** 2)


def laplacian_jac(x):
    n = len(x)
    g = np.zeros_like(x)
    for i in range(n):
        left = x[i - 1] if i > 0 else 1.0
        right = x[i + 1] if i < n - 1 else 1.0
        g[i] = (n + 1.0) * (2.0 * x[i] - left - right)
    return g


def _row(name, pair, x0, solution=1.0, statuses=CONVERGED, accuracy=1e-6):
    fun, jac = pair
    return case(name, fun, x0, solution=solution, jac=jac, statuses=statuses, accuracy=accuracy)


_SIGNS = 1.0 - 2.0 * (np.arange(10) % 2)
_SIZES_2, _SIZES_5 = (_SIGNS * 10.0 ** np.linspace(-d, d, 10) for d in (2.0, 5.0))

QUADRATICS = [
    *(
        _row(f"weights 1e±5, n = {n}", of(weighted, weighted_jac, 5.0), [-1.0] * n)
        for n in (2, 10, 100)
    ),
    # In units this large, f may be 5e-4 off where the gradient is below the absolute 3e-7.
    _row(
        "units 1e±5, from thrice",
        of(in_units, in_units_jac, 5.0),
        3.0 * _SIZES_5,
        _SIZES_5,
        accuracy=1e-3,
    ),
    _row(
        "units 1e±5, from ones", of(in_units, in_units_jac, 5.0), [1.0] * 10, _SIZES_5, LONG, 1e-3
    ),
    _row("units 1e±2, from ones", of(in_units, in_units_jac, 2.0), [1.0] * 10, _SIZES_2, LONG),
    *(
        _row(
            f"rotated, n = {n}, condition 1e{power}",
            of(rotated, rotated_jac, 0.5 * power),
            [0.0] * n,
            statuses=CONVERGED if power <= 4 else LONG,
        )
        for n in (2, 10, 100)
        for power in (2, 4, 6, 8, 10)
    ),
    _row("Hilbert, n = 6", (hilbert, hilbert_jac), [0.0] * 6),
    _row("Hilbert, n = 10", (hilbert, hilbert_jac), [0.0] * 10),
    _row("Laplacian, n = 1,000", (laplacian, laplacian_jac), [0.0] * 1000, statuses=LONG),
    _row("Laplacian, n = 10,000", (laplacian, laplacian_jac), [0.0] * 10_000, statuses=LONG),
]
