"""Large problems that couple each component with its neighbours, as sums of powers.

From the CUTE collection: I. Bongartz, A. R. Conn, N. I. M. Gould and Ph. L. Toint, "CUTE:
Constrained and Unconstrained Testing Environment", ACM Transactions on Mathematical Software 21
(1995) 123-160. Formulas, starts and published values are those of its SIF files; PSPMIN is
Ph. L. Toint, "Test problems for partially separable optimization and results for the routine
PSPMIN", Report 83/4, FUNDP Namur (1983).
"""

import math

import numba
import numpy as np

from .large_case import Large, constant, multiple_of, repeated, zero


@numba.njit
def bdqrtic(x):
    """Problem 61 in Conn, Gould, Lescrenier and Toint, Report 88/4, FUNDP Namur (1988)."""
    n = x.size
    f, last, g = 0.0, 0.0, np.zeros_like(x)
    for i in range(n - 4):
        r = 3.0 - 4.0 * x[i]
        s = x[i] ** 2 + 2.0 * x[i + 1] ** 2 + 3.0 * x[i + 2] ** 2 + 4.0 * x[i + 3] ** 2
        s += 5.0 * x[n - 1] ** 2
        f += r * r + s * s
        g[i] += 4.0 * s * x[i] - 8.0 * r
        g[i + 1] += 8.0 * s * x[i + 1]
        g[i + 2] += 12.0 * s * x[i + 2]
        g[i + 3] += 16.0 * s * x[i + 3]
        last += 20.0 * s * x[n - 1]
    g[n - 1] += last
    return f, g


@numba.njit
def broydn7d(x):
    """Ph. L. Toint, Mathematics of Computation 32 (1978) 839-852: Broyden's, of seven diagonals."""
    n, half = x.size, x.size // 2
    f, g = 0.0, np.zeros_like(x)
    for i in range(n):
        r = 1.0 + (3.0 - 2.0 * x[i]) * x[i]
        if i > 0:
            r -= x[i - 1]
        if i < n - 1:
            r -= 2.0 * x[i + 1]
        size = abs(r) ** (4.0 / 3.0)
        f += size * abs(r)
        slope = math.copysign(7.0 / 3.0 * size, r)
        g[i] += slope * (3.0 - 4.0 * x[i])
        if i > 0:
            g[i - 1] -= slope
        if i < n - 1:
            g[i + 1] -= 2.0 * slope
    for i in range(half):
        r = x[i] + x[i + half]
        size = abs(r) ** (4.0 / 3.0)
        f += size * abs(r)
        slope = math.copysign(7.0 / 3.0 * size, r)
        g[i] += slope
        g[i + half] += slope
    return f, g


@numba.njit
def edensch(x):
    """G. Li, the extended problem of Dennis and Schnabel, SIAM Journal on Optimization (1990)."""
    f, g = 16.0, np.zeros_like(x)
    for i in range(x.size - 1):
        r, s = x[i] - 2.0, x[i + 1] + 1.0
        p = r * x[i + 1]
        f += r**4 + p * p + s * s
        g[i] += 4.0 * r**3 + 2.0 * p * x[i + 1]
        g[i + 1] += 2.0 * p * r + 2.0 * s
    return f, g


@numba.njit
def engval1(x):
    """Problem 31 of PSPMIN."""
    f, g = 0.0, np.zeros_like(x)
    for i in range(x.size - 1):
        s = x[i] ** 2 + x[i + 1] ** 2
        f += s * s - 4.0 * x[i] + 3.0
        g[i] += 4.0 * s * x[i] - 4.0
        g[i + 1] += 4.0 * s * x[i + 1]
    return f, g


@numba.njit
def freuroth(x):
    """Problem 33 of PSPMIN, of Freudenstein and Roth."""
    f, g = 0.0, np.zeros_like(x)
    for i in range(x.size - 1):
        y = x[i + 1]
        r = x[i] - 13.0 + ((5.0 - y) * y - 2.0) * y
        s = x[i] - 29.0 + ((1.0 + y) * y - 14.0) * y
        f += r * r + s * s
        g[i] += 2.0 * (r + s)
        g[i + 1] += 2.0 * r * ((10.0 - 3.0 * y) * y - 2.0)
        g[i + 1] += 2.0 * s * ((2.0 + 3.0 * y) * y - 14.0)
    return f, g


def freuroth_start(n):
    x = np.zeros(n)
    x[:2] = 0.5, -2.0
    return x


@numba.njit
def morebv(x):
    """Moré, Garbow and Hillstrom 28: a boundary value problem."""
    n = x.size
    h = 1.0 / (n + 1)
    f, g = 0.0, np.zeros_like(x)
    for i in range(n):
        c = x[i] + (i + 1) * h + 1.0
        r = 2.0 * x[i] + 0.5 * h * h * c**3
        if i > 0:
            r -= x[i - 1]
        if i < n - 1:
            r -= x[i + 1]
        f += r * r
        g[i] += 2.0 * r * (2.0 + 1.5 * h * h * c * c)
        if i > 0:
            g[i - 1] -= 2.0 * r
        if i < n - 1:
            g[i + 1] -= 2.0 * r
    return f, g


def morebv_start(n):
    t = np.arange(1.0, n + 1.0) / (n + 1)
    return t * (t - 1.0)


@numba.njit
def nondquar(x):
    """Problem 57 in Conn, Gould, Lescrenier and Toint, Report 88/4, FUNDP Namur (1988)."""
    n = x.size
    a, b = x[0] - x[1], x[n - 2] - x[n - 1]
    f, last, g = a * a + b * b, 0.0, np.zeros_like(x)
    g[0] = 2.0 * a
    g[1] = -2.0 * a
    g[n - 2] += 2.0 * b
    for i in range(n - 2):
        s = x[i] + x[i + 1] + x[n - 1]
        f += s**4
        slope = 4.0 * s**3
        g[i] += slope
        g[i + 1] += slope
        last += slope
    g[n - 1] += last - 2.0 * b
    return f, g


@numba.njit
def schmvett(x):
    """Problem 35 of PSPMIN, of J. W. Schmidt and K. Vetters (1970)."""
    f, g = 0.0, np.zeros_like(x)
    for i in range(x.size - 2):
        u = x[i] - x[i + 1]
        t = 1.0 + u * u
        v = 0.5 * (math.pi * x[i + 1] + x[i + 2])
        q = (x[i] + x[i + 2]) / x[i + 1]
        e = math.exp(-((q - 2.0) ** 2))
        f -= 1.0 / t + math.sin(v) + e
        a, c, d = 2.0 * u / (t * t), 0.5 * math.cos(v), 2.0 * (q - 2.0) * e / x[i + 1]
        g[i] += a + d
        g[i + 1] -= a + math.pi * c + d * q
        g[i + 2] += d - c
    return f, g


@numba.njit
def tointgss(x):
    """Problem 21 of PSPMIN, Toint's Gaussians."""
    n = x.size
    f, g = 0.0, np.zeros_like(x)
    for i in range(n - 2):
        u, w = x[i] - x[i + 1], x[i + 2]
        a, t = 10.0 / (n - 2) + w * w, 0.1 + w * w
        q = u * u / t
        e = math.exp(-q)
        f += a * (2.0 - e)
        g[i] += 2.0 * a * e * u / t
        g[i + 1] -= 2.0 * a * e * u / t
        g[i + 2] += 2.0 * w * (2.0 - e) - 2.0 * a * e * q * w / t
    return f, g


@numba.njit
def cragglvy(x):
    """Problem 32 of PSPMIN, of Cragg and Levy."""
    f, g = 0.0, np.zeros_like(x)
    for i in range(0, x.size - 2, 2):
        a, b, c, d = x[i], x[i + 1], x[i + 2], x[i + 3]
        e, t = math.exp(a), math.tan(c - d)
        p, q, r = e - b, b - c, t + c - d
        f += p**4 + 100.0 * q**6 + r**4 + a**8 + (d - 1.0) ** 2
        slope = 4.0 * r**3 * (2.0 + t * t)
        g[i] += 4.0 * p**3 * e + 8.0 * a**7
        g[i + 1] += 600.0 * q**5 - 4.0 * p**3
        g[i + 2] += slope - 600.0 * q**5
        g[i + 3] += 2.0 * (d - 1.0) - slope
    return f, g


def cragglvy_start(n):
    x = np.full(n, 2.0)
    x[0] = 1.0
    return x


SCHMVETT_X = math.pi / (math.pi + 1.0)

CHAINS = [
    Large(
        "BDQRTIC",
        bdqrtic,
        constant(1),
        published={100: 378.769, 500: 1981.01, 1000: 3983.82},
    ),
    Large("BROYDN7D", broydn7d, constant(1), size=multiple_of(2)),
    Large(
        "CRAGGLVY",
        cragglvy,
        cragglvy_start,
        size=multiple_of(2),
        spread=0.75,  # further apart the tangent has a pole between neighbours
        published={10: 1.886566, 50: 15.372, 100: 32.27, 500: 167.45, 1000: 336.42, 5000: 1688.2},
    ),
    Large("EDENSCH", edensch, constant(8), published={36: 219.28, 2000: 12003.2}),
    Large("ENGVAL1", engval1, constant(2)),
    Large(
        "FREUROTH",
        freuroth,
        freuroth_start,
        published={10: 1014.1, 50: 5881.0, 100: 11965.0, 500: 60634.0, 1000: 121470.0},
    ),
    Large("MOREBV", morebv, morebv_start, zero),
    Large("NONDQUAR", nondquar, repeated(1, -1), zero, constant(0)),
    Large(
        "SCHMVETT",
        schmvett,
        constant(0.5),
        lambda n: -3.0 * (n - 2),
        constant(SCHMVETT_X),
        spread=0.25,  # the quotient of neighbours has a pole at 0
        near=True,
        published={10: -24.0, 100: -294.0, 1000: -2994.0},
    ),
    Large("TOINTGSS", tointgss, constant(3), lambda n: 10.0, constant(0)),
]
