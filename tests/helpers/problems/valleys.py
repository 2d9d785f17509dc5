"""Problems of Moré, Garbow and Hillstrom (1981) with curved valleys, numbers as there."""

import math

import numpy as np

BEALE_Y = (1.5, 2.25, 2.625)


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


def freudenstein_roth(x):
    f = (-13.0 + x[0] + ((5.0 - x[1]) * x[1] - 2.0) * x[1]) ** 2
    return f + (-29.0 + x[0] + ((x[1] + 1.0) * x[1] - 14.0) * x[1]) ** 2


def powell_badly_scaled(x):
    return (1e4 * x[0] * x[1] - 1.0) ** 2 + (math.exp(-x[0]) + math.exp(-x[1]) - 1.0001) ** 2


def brown_badly_scaled(x):
    return (x[0] - 1e6) ** 2 + (x[1] - 2e-6) ** 2 + (x[0] * x[1] - 2.0) ** 2


def beale(x):
    f = 0.0
    power = 1.0
    for i in range(3):
        power = power * x[1]
        f += (BEALE_Y[i] - x[0] * (1.0 - power)) ** 2
    return f


def helical_valley(x):
    """The angle is cut along x1 = 0, x2 < 0, as in the paper, which leaves x1 = 0 undefined."""
    theta = 0.25 if x[1] >= 0.0 else -0.25  # the limit at x1 = 0, as in MINPACK
    if x[0] != 0.0:
        theta = math.atan(x[1] / x[0]) / (2.0 * math.pi) + (0.5 if x[0] < 0.0 else 0.0)
    radius = math.sqrt(x[0] ** 2 + x[1] ** 2)
    return 100.0 * ((x[2] - 10.0 * theta) ** 2 + (radius - 1.0) ** 2) + x[2] ** 2


def powell_singular(x):
    """Problem 13 for four variables, 22 (extended) for more; half the Hessian vanishes."""
    f = 0.0
    for i in range(0, len(x), 4):
        f += (x[i] + 10.0 * x[i + 1]) ** 2 + 5.0 * (x[i + 2] - x[i + 3]) ** 2
        f += (x[i + 1] - 2.0 * x[i + 2]) ** 4 + 10.0 * (x[i] - x[i + 3]) ** 4
    return f


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
