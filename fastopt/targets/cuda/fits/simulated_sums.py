"""Replacements in plain Python for the intrinsics of `normal_sums` and `residuals_on_device`."""

import numpy as np

from fastopt.derivatives import fit_equations
from fastopt.derivatives.forward.python_dual import Dual, seeded, value_of, write_partials


def no_sums(kind, size):
    return np.zeros(1), np.zeros(size), np.zeros((size, size))


def with_residual(sums, dual, loss, slope, curvature):
    (total, slopes, matrix), partials = sums, np.empty(len(sums[1]))
    write_partials(dual, partials, 0, 0)
    matrix = matrix + curvature * np.outer(partials, partials)
    return total + loss, slopes + slope * partials, matrix


def write_sums(sums, found):
    total, slopes, matrix = sums
    n = slopes.size
    found[1 : 1 + n], found[1 + n : 1 + n + n * n] = slopes, matrix.reshape(-1)
    return total[0]


def seeded_items(kind, x, size):
    return tuple(seeded(kind, x, None, 0, size))


def as_dual(kind, value):
    return value if isinstance(value, Dual) else Dual(float(value_of(value)), np.zeros(kind))


def listed(kind, residuals):
    if isinstance(residuals, np.ndarray) and residuals.ndim == 1:
        return residuals
    return residuals if isinstance(residuals, tuple) else (residuals,)


BINDINGS = {
    "no_sums": no_sums,
    "with_residual": with_residual,
    "write_sums": write_sums,
    "seeded_items": seeded_items,
    "as_dual": as_dual,
    "listed": listed,
    "root_in": fit_equations.transposed,
}
