"""Large problems that couple components far from each other.

From the CUTE collection: I. Bongartz, A. R. Conn, N. I. M. Gould and Ph. L. Toint, "CUTE:
Constrained and Unconstrained Testing Environment", ACM Transactions on Mathematical Software 21
(1995) 123-160. Formulas, starts and published values are those of its SIF files.
"""

import math

import numba
import numpy as np

from .large_case import Large, constant, zero


@numba.njit
def arglina(x):
    """Moré, Garbow and Hillstrom 32, with m = 2 n equations: linear, of full rank."""
    n = x.size
    total = np.sum(x)
    rest = -total / n - 1.0
    f, back, g = n * rest * rest, n * rest, np.empty_like(x)
    for i in range(n):
        r = x[i] + rest
        f += r * r
        back += r
        g[i] = 2.0 * r
    for i in range(n):
        g[i] -= 2.0 * back / n
    return f, g


@numba.njit
def penalty1(x):
    """Moré, Garbow and Hillstrom 23, penalty function I."""
    n = x.size
    excess = -0.25
    for i in range(n):
        excess += x[i] * x[i]
    f, g = excess * excess, np.empty_like(x)
    for i in range(n):
        r = x[i] - 1.0
        f += 1e-5 * r * r
        g[i] = 2e-5 * r + 4.0 * excess * x[i]
    return f, g


def penalty1_point(n):
    """Return the least point: all components are equal, and solve a cubic equation."""
    roots = np.roots([2.0 * n, 0.0, 1e-5 - 0.5, -1e-5])
    roots = roots[np.abs(roots.imag) < 1e-9].real
    return np.full(n, roots[np.argmin([penalty1_equal(n, t) for t in roots])])


def penalty1_equal(n, t):
    return 1e-5 * n * (t - 1.0) ** 2 + (n * t * t - 0.25) ** 2


def penalty1_least(n):
    return penalty1_equal(n, penalty1_point(n)[0])


@numba.njit
def power(x):
    """S. S. Oren, Management Science 20 (1974) 863-874."""
    total = 0.0
    for i in range(x.size):
        total += (i + 1.0) * x[i] * x[i]
    g = np.empty_like(x)
    for i in range(x.size):
        g[i] = 4.0 * total * (i + 1.0) * x[i]
    return total * total, g


@numba.njit
def quartc(x):
    """Problem 157 in A. G. Buckley, "Test functions for unconstrained minimization" (1989)."""
    f, g = 0.0, np.empty_like(x)
    for i in range(x.size):
        r = x[i] - (i + 1.0)
        f += r**4
        g[i] = 4.0 * r**3
    return f, g


@numba.njit
def sparsqur(x):
    """N. I. M. Gould, 1995: quartic, with a sparse Hessian without a band."""
    n = x.size
    f, g = 0.0, np.zeros_like(x)
    for i in range(1, n + 1):
        a, b, c = (2 * i - 1) % n, (3 * i - 1) % n, (5 * i - 1) % n
        d, e = (7 * i - 1) % n, (11 * i - 1) % n
        total = x[i - 1] ** 2 + x[a] ** 2 + x[b] ** 2 + x[c] ** 2 + x[d] ** 2 + x[e] ** 2
        f += 0.125 * i * total * total
        slope = 0.5 * i * total
        for j in (i - 1, a, b, c, d, e):
            g[j] += slope * x[j]
    return f, g


@numba.njit
def noncvxu2(x):
    """N. I. M. Gould, 1996: every term has the same least value, and is not convex."""
    n = x.size
    f, g = 0.0, np.zeros_like(x)
    for i in range(1, n + 1):
        j, k = (3 * i - 2) % n, (7 * i - 3) % n
        v = x[i - 1] + x[j] + x[k]
        f += v * v + 4.0 * math.cos(v)
        slope = 2.0 * v - 4.0 * math.sin(v)
        g[i - 1] += slope
        g[j] += slope
        g[k] += slope
    return f, g


NONCVXU2_V = 1.895494267033981  # v = 2 sin v


def noncvxu2_least(n):
    return n * (NONCVXU2_V**2 + 4.0 * math.cos(NONCVXU2_V))


@numba.njit
def sinquad(x):
    """N. I. M. Gould, 1989, with squared groups, as corrected in SINQUAD2."""
    n = x.size
    g = np.zeros_like(x)
    r = x[0] - 1.0
    s = x[n - 1] ** 2 - x[0] ** 2
    f = r**4 + s * s
    g[0] = 4.0 * r**3 - 4.0 * s * x[0]
    last = 4.0 * s * x[n - 1]
    for i in range(1, n - 1):
        v = x[i] - x[n - 1]
        t = math.sin(v) - x[0] ** 2 + x[i] ** 2
        f += t * t
        slope = 2.0 * t * math.cos(v)
        g[i] = slope + 4.0 * t * x[i]
        g[0] -= 4.0 * t * x[0]
        last -= slope
    g[n - 1] = last
    return f, g


@numba.njit
def tquartic(x):
    """Ph. L. Toint, 1989: the Hessian is an arrow."""
    r = x[0] - 1.0
    f, g = r * r, np.empty_like(x)
    first = 2.0 * r
    for i in range(1, x.size):
        t = x[0] ** 2 - x[i] ** 2
        f += t * t
        first += 4.0 * t * x[0]
        g[i] = -4.0 * t * x[i]
    g[0] = first
    return f, g


@numba.njit
def vareigvl(x, band):
    """Problem 1 in J. J. Moré, "A collection of nonlinear model problems" (1989).

    The last component is the eigenvalue. Row i of `band` is row i of the matrix, from column i - 6
    to column i + 6, with zeros outside the matrix. The power q of the norm is 1.5.
    """
    n, half = x.size - 1, band.shape[1] // 2
    value = x[n]
    f, squares, g = 0.0, 0.0, np.zeros_like(x)
    for i in range(n):
        first, last = max(i - half, 0), min(i + half + 1, n)
        r = -value * x[i]
        for j in range(first, last):
            r += band[i, j - i + half] * x[j]
        f += 0.5 * r * r
        squares += x[i] * x[i]
        for j in range(first, last):
            g[j] += band[i, j - i + half] * r
        g[i] -= value * r
        g[n] -= x[i] * r
    slope = 2.0 * math.sqrt(squares)
    for i in range(n):
        g[i] += slope * x[i]
    return f + squares**1.5 / 1.5, g


def vareigvl_band(n):
    """Return the band of the matrix sin(i j) exp(-(i - j)^2 / N^2) for N = n - 1."""
    n, half = n - 1, 6
    i = np.arange(1.0, n + 1.0)[:, None]
    j = i + np.arange(-half, half + 1)
    return (np.where((j >= 1) & (j <= n), np.sin(i * j) * np.exp(-(((i - j) / n) ** 2)), 0.0),)


def vareigvl_start(n):
    return np.append(np.ones(n - 1), 0.0)


SUMS = [
    Large("ARGLINA", arglina, constant(1), float, constant(-1)),
    Large(
        "NONCVXU2",
        noncvxu2,
        lambda n: np.arange(1.0, n + 1.0),
        noncvxu2_least,
        constant(NONCVXU2_V / 3.0),
        published={10: 23.168084, 1000: 2316.8084},
    ),
    Large(
        "PENALTY1",
        penalty1,
        lambda n: np.arange(1.0, n + 1.0),
        penalty1_least,
        penalty1_point,
        published={4: 2.24997e-5, 10: 7.08765e-5},  # the SIF file has 1e-4 for n = 4, a misprint
    ),
    Large("POWER", power, constant(1), zero, constant(0)),
    Large("QUARTC", quartc, constant(2), zero, lambda n: np.arange(1.0, n + 1.0)),
    Large("SINQUAD", sinquad, constant(0.1), zero, constant(1)),
    Large("SPARSQUR", sparsqur, constant(0.5), zero, constant(0)),
    Large("TQUARTIC", tquartic, constant(0.1), zero, constant(1)),
    Large("VAREIGVL", vareigvl, vareigvl_start, zero, constant(0), vareigvl_band),
]
