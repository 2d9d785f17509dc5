"""The decay fits of limits_fits.c as arrays.

A fit has three parameters and 64 points, y = p0 exp(-p1 t) + p2 and uniform noise. It starts at
(1, 1, 1).
"""

import functools
import math

import numba
import numpy as np

from . import xorshift

POINTS = 64


def make(problems):
    """Return times t (64,) and data y (problems, 64), as drawn by `make_fits` of limits_fits.c."""
    t = 4.0 * np.arange(POINTS) / (POINTS - 1)
    y = np.empty((problems, POINTS))
    compiled()(t, y)
    return t, y


@functools.cache
def compiled():
    """Return `fill`, compiled late: this module is also imported without need of it."""
    return numba.njit(fill)


def fill(t, y):
    """Draw y as limits_fits.c does; xorshift64 is one chain, so problems are drawn in order."""
    u, q = np.uint64(88172645463325252), np.empty(3 + t.size)
    for b in range(len(y)):
        u = xorshift.draw(u, q)
        for i in range(t.size):
            e = math.exp(-(0.5 + 1.5 * q[1]) * t[i])
            y[b, i] = (1 + 2 * q[0]) * e + q[2] + 0.034 * (q[3 + i] - 0.5)
