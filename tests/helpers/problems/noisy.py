"""Smooth functions under deterministic noise, whose given gradients are of the smooth part.

The noise is that of J. J. Moré and S. M. Wild, "Benchmarking Derivative-Free Optimization
Algorithms", SIAM Journal on Optimization 20 (2009) 172-191: a cubic Chebyshev polynomial of fast
sines of norms of x. It is between -1 and 1, and the same for the same x.
"""

import functools
import math

import numpy as np
from numba.extending import register_jitable

from .case import ROUGH_END, case
from .fits import brown_dennis
from .valleys import rosenbrock, rosenbrock_jac


@register_jitable
def noise(x):
    total, largest, squares = 0.0, 0.0, 0.0
    for i in range(len(x)):
        total += abs(x[i])
        largest = max(largest, abs(x[i]))
        squares += x[i] ** 2
    wave = 0.9 * math.sin(100.0 * total) * math.cos(100.0 * largest)
    wave += 0.1 * math.cos(math.sqrt(squares))
    return wave * (4.0 * wave * wave - 3.0)


def bowl(x):
    """Curvatures 1 to n, minimum 1 at 1."""
    f = 1.0
    for i in range(len(x)):
        f += 0.5 * (i + 1.0) * (x[i] - 1.0) ** 2
    return f


def bowl_jac(x):
    g = np.zeros_like(x)
    for i in range(len(x)):
        g[i] = (i + 1.0) * (x[i] - 1.0)
    return g


def exponentials(x):
    """Of cosh(x - 1), the sum: steep far off, minimum n at 1."""
    f = 0.0
    for i in range(len(x)):
        f += 0.5 * (math.exp(x[i] - 1.0) + math.exp(1.0 - x[i]))
    return f


def exponentials_jac(x):
    g = np.zeros_like(x)
    for i in range(len(x)):
        g[i] = 0.5 * (math.exp(x[i] - 1.0) - math.exp(1.0 - x[i]))
    return g


def brown_dennis_jac(x):
    g = np.zeros_like(x)
    for i in range(20):
        t = 0.2 * (i + 1.0)
        a = x[0] + t * x[1] - math.exp(t)
        b = x[2] + x[3] * math.sin(t) - math.cos(t)
        c = 4.0 * (a * a + b * b)
        g[0] += c * a
        g[1] += c * a * t
        g[2] += c * b
        g[3] += c * b * math.sin(t)
    return g


@functools.cache
def _relative(smooth):
    smooth = register_jitable(smooth)

    def fun(x, sigma):
        return smooth(x) * (1.0 + sigma * noise(x))

    return fun


@functools.cache
def _absolute(smooth):
    smooth = register_jitable(smooth)

    def fun(x, sigma):
        return smooth(x) + sigma * noise(x)

    return fun


def relative(smooth, sigma):
    """As in the paper: vanishes where f does."""
    return functools.partial(_relative(smooth), sigma=sigma)


def absolute(smooth, sigma):
    return functools.partial(_absolute(smooth), sigma=sigma)


_SMOOTH = [
    ("bowl", bowl, bowl_jac, [4.0, -2.0, 3.0, -1.0, 0.3, 2.0, -3.0, 5.0], 1.0, 1.0),
    ("exponentials", exponentials, exponentials_jac, [4.0, -2.0, 3.0], 3.0, 1.0),
    ("Rosenbrock", rosenbrock, rosenbrock_jac, [-1.2, 1.0], 0.0, 1.0),
    (
        *("Brown-Dennis", brown_dennis, brown_dennis_jac, [25.0, 5.0, -5.0, -1.0]),
        *(85822.20162635634, None),
    ),
]


def _row(name, kind, sigma, smooth, jac, x0, least, solution):
    """A success must be within 10 sigma, any other end within 100.

    The minimum is that of the smooth part, at which the noise itself is not 0. No method can tell
    it from a point where f is within sigma, and where the noise is the steeper no step leads down.
    """
    fun = kind(smooth, sigma)
    row = case(
        f"{name}, {kind.__name__} noise {sigma:g}", fun, x0, least, solution=solution, jac=jac
    )
    return row._replace(accuracy=10.0 * sigma, reach=100.0 * sigma, statuses=ROUGH_END)


NOISY = [
    _row(name, kind, sigma, *rest)
    for name, *rest in _SMOOTH
    for kind in (relative, absolute)
    for sigma in (1e-3, 1e-6, 1e-10)
    if name != "Brown-Dennis" or kind is relative
]
