"""Equations in triangular form: Cholesky's factor, Givens rotations, substitution.

The lower triangle of `factor` is F, `inner` a right side q, and a step p solves F' p = -q. The
factored matrix is F P^-1 F', P being the diagonal matrix `pivots`. With rotations P is 1. Without
them it is F's own diagonal, so that no root is needed. `inverse` has the inverses of F's diagonal.
"""

import math

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.placeholders import BOUNDED, SIZE


def is_free(i, arrays):
    """Return whether no bound blocks a parameter."""
    return not BOUNDED or arrays.blocked[i] == 0.0


@separate
def add_equation(factor, right, row, value):
    """Add the equation row p = -value to a triangular system, by rotations; `row` is overwritten.

    Element (k, j) of `factor` is element (j, k) of the upper triangular root.
    """
    n = SIZE or right.size
    for j in range(n):
        if row[j] != 0.0:
            a, b = factor[j, j], row[j]
            r = math.sqrt(a * a + b * b)
            if r > 0.0:  # else the squares underflow
                c, s = a / r, b / r
                factor[j, j] = r
                for k in range(j + 1, n):
                    t, row_k = factor[k, j], row[k]
                    factor[k, j] = c * t + s * row_k
                    row[k] = c * row_k - s * t
                t = right[j]
                right[j] = c * t + s * value
                value = c * value - s * t


@separate
def factorise(damping, arrays):
    """Write the factor of J'J + damping D², and its right side; return the smallest pivot.

    The upper triangle of `factor` gets P^-1 F'.
    Parameters that are blocked have the moves that are in `step`. Pivots are relative: each is the
    part of a column that the columns before it do not explain, squared.
    """
    n, least = SIZE or arrays.step.size, 1.0
    factor, inner, inverse = arrays.factor, arrays.inner, arrays.inverse
    for i in range(n):
        if not is_free(i, arrays):
            for j in range(i):
                factor[i, j] = factor[j, i] = 0.0
            arrays.pivots[i], inverse[i], inner[i] = 1.0, 1.0, 0.0
            continue
        d = arrays.metric[i]
        own, value = arrays.equations[i, i], arrays.slopes[i]
        for j in range(n):
            if not is_free(j, arrays):
                a = arrays.equations[i, j] if j < i else arrays.equations[j, i]
                value += a * arrays.step[j]
        pivot = own + damping * d * d
        for j in range(i):
            if is_free(j, arrays):
                t = arrays.equations[i, j]
                for k in range(j):
                    t -= factor[i, k] * factor[k, j]
                part = t * inverse[j]
                factor[i, j], factor[j, i] = t, part
                pivot -= t * part
                value -= part * inner[j]
            else:
                factor[i, j] = factor[j, i] = 0.0
        share = pivot * arrays.per_column[i] * arrays.per_column[i] if own > 0.0 else 0.0
        if not share >= least:
            least = share
        arrays.pivots[i], inner[i] = pivot, value
        inverse[i] = 1.0 / pivot if pivot > 0.0 else math.nan
    return least


@separate
def factorise_root(damping, arrays):
    """Do the same if the equations are a triangular root, without squaring it."""
    n, least = SIZE or arrays.step.size, 1.0
    factor, inner, row = arrays.factor, arrays.inner, arrays.row
    for i in range(n):
        arrays.pivots[i], inner[i] = 1.0, 0.0
        for j in range(n):
            factor[i, j] = 0.0
    for i in range(2 * n):
        k = i - n
        if k >= 0 and (damping == 0.0 or not is_free(k, arrays)):
            continue
        value = arrays.right[i] if k < 0 else 0.0
        for j in range(n):
            row[j] = 0.0
            if k < 0 and is_free(j, arrays):
                row[j] = arrays.equations[i, j]
            elif k < 0:
                value += arrays.equations[i, j] * arrays.step[j]
        if k >= 0:
            row[k] = math.sqrt(damping) * arrays.metric[k]
        add_equation(factor, inner, row, value)
    for i in range(n):
        if not is_free(i, arrays):
            arrays.inverse[i], inner[i] = 1.0, 0.0
            continue
        arrays.inverse[i] = 1.0 / factor[i, i]
        own = 0.0
        for k in range(i + 1):
            own += arrays.equations[k, i] * arrays.equations[k, i]
        share = factor[i, i] * factor[i, i] / own if own > 0.0 else 0.0
        if not share >= least:
            least = share
    return least


@separate
def solve_factor(arrays):
    """Write the step of the parameters that are not blocked."""
    n = SIZE or arrays.step.size
    factor, step = arrays.factor, arrays.step
    for back in range(1, n + 1):
        i = n - back
        if is_free(i, arrays):
            t = -arrays.inner[i]
            for k in range(i + 1, n):
                if is_free(k, arrays):
                    t -= factor[k, i] * step[k]
            step[i] = t * arrays.inverse[i]


@separate
def stretch(length, arrays):
    """Return how fast damping shortens the step: the square of D² p / `length` by the inverse."""
    n, total = SIZE or arrays.step.size, 0.0
    factor, row = arrays.factor, arrays.row
    for i in range(n):
        row[i] = 0.0
        if is_free(i, arrays):
            d = arrays.metric[i]
            t = d * (d * arrays.step[i] / length)
            for k in range(i):
                t -= factor[i, k] * row[k]
            row[i] = t * arrays.inverse[i]
            total += row[i] * (arrays.pivots[i] * row[i])
    return total
