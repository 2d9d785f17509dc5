"""The peaks of limits_fits.c as arrays, and a check of their fits.

A fit has four parameters and 64 points, y = p0 exp(-((x - p1) / p2)^2 / 2) + p3, and uniform noise
with a standard deviation of 5. Each parameter starts up to 20 % off.
"""

import functools
import math

import numba
import numpy as np

from . import xorshift

POINTS, NOISE = 64, 5.0 * math.sqrt(12.0)
LEAST, MOST = np.array([50.0, 24.0, 5.0, 5.0]), np.array([150.0, 40.0, 10.0, 20.0])


def make(problems):
    """Return x (64,), y (problems, 64) and the starts, as drawn by limits_fits.c."""
    x = np.arange(float(POINTS))
    y, start = np.empty((problems, POINTS)), np.empty((problems, 4))
    compiled()(x, y, start)
    return x, y, start


@functools.cache
def compiled():
    """Return `fill`, compiled late: this module is also imported without need of it."""
    return numba.njit(fill)


def fill(x, y, start):
    """Draw y and the starts; xorshift64 is one chain, so problems are drawn in order."""
    u, q = np.uint64(88172645463325252), np.empty(8 + x.size)
    for b in range(len(y)):
        u = xorshift.draw(u, q)
        p = LEAST + (MOST - LEAST) * q[:4]
        start[b] = p * (0.8 + 0.4 * q[4:8])
        for i in range(x.size):
            z = (x[i] - p[1]) / p[2]
            y[b, i] = p[0] * math.exp(-0.5 * z * z) + p[3] + NOISE * (q[8 + i] - 0.5)


def curve(x, height, centre, width, base):
    """Return a peak; with rows of parameters, a row for each."""
    z = (x - centre) / width
    return height * np.exp(-0.5 * z * z) + base


def slopes(x, height, centre, width, base):
    """Return the curve's derivatives by its parameters, along the last axis."""
    z = (x - centre) / width
    e = np.exp(-0.5 * z * z)
    by_centre = height / width * e * z
    return np.stack([e, by_centre, by_centre * z, np.ones_like(e)], -1)


def judged(p, x, y):
    """Return how far each fit is from its minimum, in standard errors, and the standard errors.

    The distance is that of a Gauss-Newton step, in the metric of the covariance.
    """
    parameters = p.T[:, :, None]
    r, jacobian = curve(x, *parameters) - y, slopes(x, *parameters)
    inverse = np.linalg.pinv(np.swapaxes(jacobian, 1, 2) @ jacobian)
    gradient = (r[:, None] @ jacobian)[:, 0]
    variance = np.sum(r * r, 1) / (POINTS - 4)
    rise = np.einsum("bi,bij,bj->b", gradient, inverse, gradient)
    errors = np.sqrt(np.diagonal(inverse, axis1=1, axis2=2) * variance[:, None])
    return np.sqrt(np.abs(rise) / variance), errors
