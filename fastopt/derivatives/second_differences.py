"""Hessians by differences, of gradients or of values, extrapolated to steps of zero."""

from typing import Any

import numpy as np

# Steps over the size of a component: the first, and how often it is halved. Gradients and values
# are smooth over some per cent of most parameters. The last step keeps half the digits of a
# gradient, and those before it keep more.
FIRST, LEVELS = 2.0**-5, 8
EPS = np.finfo(float).eps


def of_gradient(gradient, x):
    """Return the symmetric matrix of derivatives of ``gradient(x)``, a vector, at the vector x."""
    h = np.empty((x.size, x.size))
    for j, own in enumerate(sizes(x)):

        def quotient(step, j=j, own=own):
            above, below = x.copy(), x.copy()
            above[j] += step * own
            below[j] -= step * own
            ends, width = (gradient(above), gradient(below)), above[j] - below[j]
            return (ends[0] - ends[1]) / width, EPS * np.maximum(*np.abs(ends)) / width

        h[:, j] = extrapolated(quotient)
    return 0.5 * (h + h.T)


def of_values(value, x):
    """Return the matrix of second derivatives of ``value(x)``, a number, at the vector x."""
    h, own, middle = np.empty((x.size, x.size)), sizes(x), value(x.copy())

    def at(*moves):
        point = x.copy()
        for i, move in moves:
            point[i] += move
        return value(point)

    for i in range(x.size):

        def twice(step, i=i):
            s = (x[i] + step * own[i]) - x[i]  # what the computer adds
            ends = at((i, s)), at((i, -s))
            rounding = EPS * max(abs(middle), *map(abs, ends)) / (s * s)
            return ((ends[0] - middle) - (middle - ends[1])) / (s * s), rounding

        h[i, i] = extrapolated(twice)
        for j in range(i):

            def mixed(step, i=i, j=j):
                s, t = ((x[k] + step * own[k]) - x[k] for k in (i, j))
                up = at((i, s), (j, t)), at((i, -s), (j, t))
                down = at((i, s), (j, -t)), at((i, -s), (j, -t))
                found = ((up[0] - up[1]) - (down[0] - down[1])) / (4.0 * s * t)
                return found, EPS * max(map(abs, up + down)) / (s * t)

            h[i, j] = h[j, i] = extrapolated(mixed)
    return h


def sizes(x):
    """Return the sizes of the components; that of a zero is the largest one's, at most 1."""
    size = np.abs(x)
    return np.where(size > 0.0, size, min(1.0, float(size.max())) or 1.0)


def extrapolated(quotient):
    """Return the limit of difference quotients, each element with the least doubt.

    ``quotient(step)`` returns the quotients and their errors of rounding. An element's doubt is its
    change by one extrapolation (Ridders 1982), and at least rounding. Quotients that are not finite
    are left out: the step leads out of the domain.
    """
    found: Any = None
    doubt: Any = None
    before: list = []
    for level in range(LEVELS):
        with np.errstate(all="ignore"):
            first, rounding = map(np.asarray, quotient(FIRST / 2.0**level))
        if found is None:
            found, doubt = np.full(first.shape, np.nan), np.full(first.shape, np.inf)
        row = [first]
        if not np.isfinite(first).all():
            before = []
            continue
        for m, old in enumerate(before):
            power = 4.0 ** (m + 1)
            row.append((power * row[m] - old) / (power - 1.0))
            change = np.maximum(np.abs(row[m + 1] - row[m]), np.abs(row[m + 1] - old)) + rounding
            better = change < doubt
            found, doubt = np.where(better, row[m + 1], found), np.where(better, change, doubt)
        before = row
    return found
