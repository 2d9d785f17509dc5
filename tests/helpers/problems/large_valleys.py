"""Large problems of curved valleys: Rosenbrock's, Wood's and Powell's, in blocks and in chains.

From the CUTE collection: I. Bongartz, A. R. Conn, N. I. M. Gould and Ph. L. Toint, "CUTE:
Constrained and Unconstrained Testing Environment", ACM Transactions on Mathematical Software 21
(1995) 123-160. Formulas, starts and published values are those of its SIF files.
"""

import numba
import numpy as np

from .large_case import Large, constant, multiple_of, repeated, zero


@numba.njit
def chained_rosenbrock(x):
    """Problem 1 of L. Lukšan and J. Vlček, report V-767, Academy of Sciences, Prague (1999)."""
    f, g = 0.0, np.zeros_like(x)
    for i in range(x.size - 1):
        r, s = x[i + 1] - x[i] ** 2, 1.0 - x[i]
        f += 100.0 * r * r + s * s
        g[i] -= 400.0 * r * x[i] + 2.0 * s
        g[i + 1] += 200.0 * r
    return f, g


@numba.njit
def extrosnb(x):
    """Problem 10 of Ph. L. Toint's PSPMIN (1983)."""
    s = x[0] - 1.0
    f, g = s * s, np.zeros_like(x)
    g[0] = 2.0 * s
    for i in range(1, x.size):
        r = x[i] - x[i - 1] ** 2
        f += 100.0 * r * r
        g[i - 1] -= 400.0 * r * x[i - 1]
        g[i] += 200.0 * r
    return f, g


@numba.njit
def genrose(x):
    """Problem 5 in S. G. Nash, SIAM Journal on Numerical Analysis 21 (1984) 770-788."""
    f, g = 1.0, np.zeros_like(x)
    for i in range(1, x.size):
        r, s = x[i] - x[i - 1] ** 2, x[i] - 1.0
        f += 100.0 * r * r + s * s
        g[i - 1] -= 400.0 * r * x[i - 1]
        g[i] += 200.0 * r + 2.0 * s
    return f, g


@numba.njit
def srosenbr(x):
    """Moré, Garbow and Hillstrom 21: Rosenbrock's function of each pair."""
    f, g = 0.0, np.empty_like(x)
    for i in range(0, x.size, 2):
        r, s = x[i + 1] - x[i] ** 2, 1.0 - x[i]
        f += 100.0 * r * r + s * s
        g[i] = -400.0 * r * x[i] - 2.0 * s
        g[i + 1] = 200.0 * r
    return f, g


@numba.njit
def wood(x, constant, step):
    """Wood's function of x[i] to x[i + 3] for every i that is a multiple of `step`."""
    f, g = constant, np.zeros_like(x)
    for i in range(0, x.size - 3, step):
        a, b, c, d = x[i], x[i + 1], x[i + 2], x[i + 3]
        p, q, s, t = b - a * a, d - c * c, b + d - 2.0, b - d
        f += 100.0 * p * p + (1.0 - a) ** 2 + 90.0 * q * q + (1.0 - c) ** 2
        f += 10.0 * s * s + 0.1 * t * t
        g[i] -= 400.0 * p * a + 2.0 * (1.0 - a)
        g[i + 1] += 200.0 * p + 20.0 * s + 0.2 * t
        g[i + 2] -= 360.0 * q * c + 2.0 * (1.0 - c)
        g[i + 3] += 180.0 * q + 20.0 * s - 0.2 * t
    return f, g


@numba.njit
def powellsg(x):
    """Moré, Garbow and Hillstrom 22: Powell's singular function of each four."""
    f, g = 0.0, np.empty_like(x)
    for i in range(0, x.size, 4):
        p, q = x[i] + 10.0 * x[i + 1], x[i + 2] - x[i + 3]
        r, s = x[i + 1] - 2.0 * x[i + 2], x[i] - x[i + 3]
        f += p * p + 5.0 * q * q + r**4 + 10.0 * s**4
        g[i] = 2.0 * p + 40.0 * s**3
        g[i + 1] = 20.0 * p + 4.0 * r**3
        g[i + 2] = 10.0 * q - 8.0 * r**3
        g[i + 3] = -10.0 * q - 40.0 * s**3
    return f, g


def chainwoo_start(n):
    x = np.full(n, -2.0)
    x[:4] = -3.0, -1.0, -3.0, -1.0
    return x


def genrose_start(n):
    return np.arange(1.0, n + 1.0) / (n + 1)


VALLEYS = [
    Large("Rosenbrock, chained", chained_rosenbrock, repeated(-1.2, 1), zero, constant(1)),
    Large(
        "CHAINWOO",
        wood,
        chainwoo_start,
        lambda n: 1.0,
        constant(1),
        lambda n: (1.0, 2),
        multiple_of(2),
    ),
    Large("EXTROSNB", extrosnb, constant(-1), zero, constant(1)),
    Large("GENROSE", genrose, genrose_start, lambda n: 1.0, constant(1)),
    Large("POWELLSG", powellsg, repeated(3, -1, 0, 1), zero, constant(0), size=multiple_of(4)),
    Large("SROSENBR", srosenbr, repeated(-1.2, 1), zero, constant(1), size=multiple_of(2)),
    Large(
        "WOODS",
        wood,
        repeated(-3, -1),
        zero,
        constant(1),
        lambda n: (0.0, 4),
        multiple_of(4),
    ),
]
