"""Classical test problems: J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing Unconstrained
Optimization Software", ACM Transactions on Mathematical Software 7 (1981) 17-41.

Each is a plain scalar function with its gradient, to be called, compiled or differentiated.
Minima that the paper gives to six digits were recomputed by Newton's method in 60-digit arithmetic.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Problem(NamedTuple):
    """One test problem: objective, gradient, standard start, minimum and number in the paper."""

    name: str
    fun: Callable
    jac: Callable
    x0: np.ndarray
    f_star: float
    number: int


def rosenbrock(x):
    """Problem 1 for two variables, problem 21 (extended) for any even number."""
    f = 0.0
    for i in range(0, len(x), 2):
        f += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return f


def rosenbrock_jac(x):
    g = np.zeros_like(x)
    for i in range(0, len(x), 2):
        r = x[i + 1] - x[i] ** 2
        g[i] = -400.0 * x[i] * r - 2.0 * (1.0 - x[i])
        g[i + 1] = 200.0 * r
    return g


BEALE_Y = (1.5, 2.25, 2.625)


def beale(x):
    f = 0.0
    power = 1.0
    for i in range(3):
        power = power * x[1]
        f += (BEALE_Y[i] - x[0] * (1.0 - power)) ** 2
    return f


def beale_jac(x):
    g = np.zeros_like(x)
    below = 1.0  # x2 ** i, one power below the residual's
    for i in range(3):
        r = BEALE_Y[i] - x[0] * (1.0 - below * x[1])
        g[0] -= 2.0 * r * (1.0 - below * x[1])
        g[1] += 2.0 * r * x[0] * (i + 1.0) * below
        below = below * x[1]
    return g


def helical_valley(x):
    """The angle is cut along x1 = 0, x2 < 0, as in the paper, which leaves x1 = 0 undefined."""
    theta = 0.25 if x[1] >= 0.0 else -0.25  # the limit at x1 = 0, as in MINPACK
    if x[0] != 0.0:
        theta = math.atan(x[1] / x[0]) / (2.0 * math.pi) + (0.5 if x[0] < 0.0 else 0.0)
    radius = math.sqrt(x[0] ** 2 + x[1] ** 2)
    return 100.0 * ((x[2] - 10.0 * theta) ** 2 + (radius - 1.0) ** 2) + x[2] ** 2


def helical_valley_jac(x):
    theta = 0.25 if x[1] >= 0.0 else -0.25
    if x[0] != 0.0:
        theta = math.atan(x[1] / x[0]) / (2.0 * math.pi) + (0.5 if x[0] < 0.0 else 0.0)
    radius = math.sqrt(x[0] ** 2 + x[1] ** 2)
    r = x[2] - 10.0 * theta
    turn = 1000.0 * r / (math.pi * radius**2)
    pull = 200.0 * (radius - 1.0) / radius
    return np.array([turn * x[1] + pull * x[0], pull * x[1] - turn * x[0], 200.0 * r + 2.0 * x[2]])


GAUSSIAN_Y = (0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989)


def gaussian(x):
    f = 0.0
    for i in range(15):
        d = 0.5 * (7.0 - i) - x[2]
        f += (x[0] * math.exp(-0.5 * x[1] * d * d) - GAUSSIAN_Y[min(i, 14 - i)]) ** 2
    return f


def gaussian_jac(x):
    g = np.zeros_like(x)
    for i in range(15):
        d = 0.5 * (7.0 - i) - x[2]
        e = math.exp(-0.5 * x[1] * d * d)
        r = 2.0 * (x[0] * e - GAUSSIAN_Y[min(i, 14 - i)])
        g[0] += r * e
        g[1] -= r * x[0] * e * 0.5 * d * d
        g[2] += r * x[0] * e * x[1] * d
    return g


def box_3d(x):
    """Ten terms, the usual choice of the paper's free m."""
    f = 0.0
    for i in range(10):
        t = 0.1 * (i + 1.0)
        c = math.exp(-t) - math.exp(-10.0 * t)
        f += (math.exp(-t * x[0]) - math.exp(-t * x[1]) - x[2] * c) ** 2
    return f


def box_3d_jac(x):
    g = np.zeros_like(x)
    for i in range(10):
        t = 0.1 * (i + 1.0)
        c = math.exp(-t) - math.exp(-10.0 * t)
        first = math.exp(-t * x[0])
        second = math.exp(-t * x[1])
        r = 2.0 * (first - second - x[2] * c)
        g[0] -= r * t * first
        g[1] += r * t * second
        g[2] -= r * c
    return g


def powell_singular(x):
    """The Hessian at the minimum has rank two, so that first-order methods creep."""
    f = (x[0] + 10.0 * x[1]) ** 2 + 5.0 * (x[2] - x[3]) ** 2
    return f + (x[1] - 2.0 * x[2]) ** 4 + 10.0 * (x[0] - x[3]) ** 4


def powell_singular_jac(x):
    a = 2.0 * (x[0] + 10.0 * x[1])
    b = 10.0 * (x[2] - x[3])
    c = 4.0 * (x[1] - 2.0 * x[2]) ** 3
    d = 40.0 * (x[0] - x[3]) ** 3
    return np.array([a + d, 10.0 * a + c, b - 2.0 * c, -b - d])


def wood(x):
    f = 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2
    f += 90.0 * (x[3] - x[2] ** 2) ** 2 + (1.0 - x[2]) ** 2
    return f + 10.0 * (x[1] + x[3] - 2.0) ** 2 + 0.1 * (x[1] - x[3]) ** 2


def wood_jac(x):
    r = x[1] - x[0] ** 2
    s = x[3] - x[2] ** 2
    a = 20.0 * (x[1] + x[3] - 2.0)
    b = 0.2 * (x[1] - x[3])
    first = -400.0 * x[0] * r - 2.0 * (1.0 - x[0])
    third = -360.0 * x[2] * s - 2.0 * (1.0 - x[2])
    return np.array([first, 200.0 * r + a + b, third, 180.0 * s + a - b])


KOWALIK_Y = (0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246)
KOWALIK_U = (4.0, 2.0, 1.0, 0.5, 0.25, 0.1670, 0.1250, 0.1, 0.0833, 0.0714, 0.0625)


def kowalik(x):
    f = 0.0
    for i in range(11):
        u = KOWALIK_U[i]
        ratio = u * (u + x[1]) / (u * (u + x[2]) + x[3])
        f += (KOWALIK_Y[i] - x[0] * ratio) ** 2
    return f


def kowalik_jac(x):
    g = np.zeros_like(x)
    for i in range(11):
        u = KOWALIK_U[i]
        below = u * (u + x[2]) + x[3]
        ratio = u * (u + x[1]) / below
        r = 2.0 * (KOWALIK_Y[i] - x[0] * ratio)
        g[0] -= r * ratio
        g[1] -= r * x[0] * u / below
        g[2] += r * x[0] * ratio * u / below
        g[3] += r * x[0] * ratio / below
    return g


def brown_dennis(x):
    """Twenty terms, the m for which the paper gives the minimum."""
    f = 0.0
    for i in range(20):
        t = 0.2 * (i + 1.0)
        a = x[0] + t * x[1] - math.exp(t)
        b = x[2] + x[3] * math.sin(t) - math.cos(t)
        f += (a * a + b * b) ** 2
    return f


def brown_dennis_jac(x):
    g = np.zeros_like(x)
    for i in range(20):
        t = 0.2 * (i + 1.0)
        a = x[0] + t * x[1] - math.exp(t)
        b = x[2] + x[3] * math.sin(t) - math.cos(t)
        r = 4.0 * (a * a + b * b)
        g[0] += r * a
        g[1] += r * a * t
        g[2] += r * b
        g[3] += r * b * math.sin(t)
    return g


def penalty_1(x):
    f = 0.0
    norm2 = 0.0
    for i in range(len(x)):
        f += 1e-5 * (x[i] - 1.0) ** 2
        norm2 += x[i] ** 2
    return f + (norm2 - 0.25) ** 2


def penalty_1_jac(x):
    g = np.zeros_like(x)
    norm2 = 0.0
    for i in range(len(x)):
        norm2 += x[i] ** 2
    for i in range(len(x)):
        g[i] = 2e-5 * (x[i] - 1.0) + 4.0 * (norm2 - 0.25) * x[i]
    return g


def variable_dimension(x):
    f = 0.0
    s = 0.0
    for i in range(len(x)):
        f += (x[i] - 1.0) ** 2
        s += (i + 1.0) * (x[i] - 1.0)
    return f + s**2 + s**4


def variable_dimension_jac(x):
    g = np.zeros_like(x)
    s = 0.0
    for i in range(len(x)):
        s += (i + 1.0) * (x[i] - 1.0)
    for i in range(len(x)):
        g[i] = 2.0 * (x[i] - 1.0) + (i + 1.0) * (2.0 * s + 4.0 * s**3)
    return g


def broyden(x):
    """Beyond both ends, x is zero."""
    f = 0.0
    for i in range(len(x)):
        left = x[i - 1] if i > 0 else 0.0
        right = x[i + 1] if i < len(x) - 1 else 0.0
        f += ((3.0 - 2.0 * x[i]) * x[i] - left - 2.0 * right + 1.0) ** 2
    return f


def broyden_jac(x):
    g = np.zeros_like(x)
    for i in range(len(x)):
        left = x[i - 1] if i > 0 else 0.0
        right = x[i + 1] if i < len(x) - 1 else 0.0
        r = (3.0 - 2.0 * x[i]) * x[i] - left - 2.0 * right + 1.0
        g[i] += 2.0 * r * (3.0 - 4.0 * x[i])
        if i > 0:
            g[i - 1] -= 2.0 * r
        if i < len(x) - 1:
            g[i + 1] -= 4.0 * r
    return g


def _problem(number, name, fun, jac, x0, f_star=0.0):
    return Problem(name, fun, jac, np.array(x0), f_star, number)


KOWALIK_F = 3.0750560384923743e-4
BROWN_F = 85822.20162635634
RAMP = [1.0 - (i + 1.0) / 10.0 for i in range(10)]

PROBLEMS = [
    _problem(1, "Rosenbrock", rosenbrock, rosenbrock_jac, [-1.2, 1.0]),
    _problem(5, "Beale", beale, beale_jac, [1.0, 1.0]),
    _problem(7, "helical valley", helical_valley, helical_valley_jac, [-1.0, 0.0, 0.0]),
    _problem(9, "Gaussian", gaussian, gaussian_jac, [0.4, 1.0, 0.0], 1.127932769618648e-8),
    _problem(12, "Box 3-D", box_3d, box_3d_jac, [0.0, 10.0, 20.0]),
    _problem(13, "Powell singular", powell_singular, powell_singular_jac, [3.0, -1.0, 0.0, 1.0]),
    _problem(14, "Wood", wood, wood_jac, [-3.0, -1.0, -3.0, -1.0]),
    _problem(15, "Kowalik-Osborne", kowalik, kowalik_jac, [0.25, 0.39, 0.415, 0.39], KOWALIK_F),
    _problem(16, "Brown-Dennis", brown_dennis, brown_dennis_jac, [25.0, 5.0, -5.0, -1.0], BROWN_F),
    _problem(21, "extended Rosenbrock", rosenbrock, rosenbrock_jac, [-1.2, 1.0] * 5),
    _problem(23, "penalty I", penalty_1, penalty_1_jac, [1.0, 2.0, 3.0, 4.0], 2.249977500899937e-5),
    _problem(25, "variably dimensioned", variable_dimension, variable_dimension_jac, RAMP),
    _problem(30, "Broyden tridiagonal", broyden, broyden_jac, [-1.0] * 10),
]
