"""The residual sums of ``examples/nist.py`` with gradients by hand, which derived ones must equal.

``MODELS[name]`` holds ``fun(b, x, y)`` and ``jac(b, x, y)``, plain functions that ``numba.njit``
compiles.
"""

import math

import numpy as np


def misra1a(b, x, y):
    rss = 0.0
    for i in range(len(x)):
        rss += (b[0] * (1.0 - math.exp(-b[1] * x[i])) - y[i]) ** 2
    return rss


def misra1a_jac(b, x, y):
    g = np.zeros(2)
    for i in range(len(x)):
        decay = math.exp(-b[1] * x[i])
        r = 2.0 * (b[0] * (1.0 - decay) - y[i])
        g[0] += r * (1.0 - decay)
        g[1] += r * b[0] * x[i] * decay
    return g


def danwood(b, x, y):
    rss = 0.0
    for i in range(len(x)):
        rss += (b[0] * x[i] ** b[1] - y[i]) ** 2
    return rss


def danwood_jac(b, x, y):
    g = np.zeros(2)
    for i in range(len(x)):
        power = x[i] ** b[1]
        r = 2.0 * (b[0] * power - y[i])
        g[0] += r * power
        g[1] += r * b[0] * power * math.log(x[i])
    return g


def chwirut2(b, x, y):
    rss = 0.0
    for i in range(len(x)):
        rss += (math.exp(-b[0] * x[i]) / (b[1] + b[2] * x[i]) - y[i]) ** 2
    return rss


def chwirut2_jac(b, x, y):
    g = np.zeros(3)
    for i in range(len(x)):
        line = b[1] + b[2] * x[i]
        model = math.exp(-b[0] * x[i]) / line
        r = 2.0 * (model - y[i]) * model
        g[0] -= r * x[i]
        g[1] -= r / line
        g[2] -= r * x[i] / line
    return g


def rat42(b, x, y):
    rss = 0.0
    for i in range(len(x)):
        rss += (b[0] / (1.0 + math.exp(b[1] - b[2] * x[i])) - y[i]) ** 2
    return rss


def rat42_jac(b, x, y):
    g = np.zeros(3)
    for i in range(len(x)):
        grown = 1.0 / (1.0 + math.exp(b[1] - b[2] * x[i]))
        r = 2.0 * (b[0] * grown - y[i]) * grown
        g[0] += r
        g[1] -= r * b[0] * (1.0 - grown)
        g[2] += r * b[0] * (1.0 - grown) * x[i]
    return g


def mgh17(b, x, y):
    rss = 0.0
    for i in range(len(x)):
        rss += (b[0] + b[1] * math.exp(-b[3] * x[i]) + b[2] * math.exp(-b[4] * x[i]) - y[i]) ** 2
    return rss


def mgh17_jac(b, x, y):
    g = np.zeros(5)
    for i in range(len(x)):
        first = math.exp(-b[3] * x[i])
        second = math.exp(-b[4] * x[i])
        r = 2.0 * (b[0] + b[1] * first + b[2] * second - y[i])
        g[0] += r
        g[1] += r * first
        g[2] += r * second
        g[3] -= r * b[1] * first * x[i]
        g[4] -= r * b[2] * second * x[i]
    return g


def gauss1(b, x, y):
    rss = 0.0
    for i in range(len(x)):
        model = b[0] * math.exp(-b[1] * x[i])
        for k in (2, 5):  # a peak's height; its position and width follow
            model += b[k] * math.exp(-(((x[i] - b[k + 1]) / b[k + 2]) ** 2))
        rss += (model - y[i]) ** 2
    return rss


def gauss1_jac(b, x, y):
    g = np.zeros(8)
    slope = np.zeros(8)  # of the model at one observation
    for i in range(len(x)):
        slope[0] = math.exp(-b[1] * x[i])
        slope[1] = -b[0] * x[i] * slope[0]
        model = b[0] * slope[0]
        for k in (2, 5):
            z = (x[i] - b[k + 1]) / b[k + 2]
            slope[k] = math.exp(-z * z)
            slope[k + 1] = b[k] * slope[k] * 2.0 * z / b[k + 2]
            slope[k + 2] = slope[k + 1] * z
            model += b[k] * slope[k]
        g += 2.0 * (model - y[i]) * slope
    return g


def cubic_ratio(b, x, y):
    rss = 0.0
    for i in range(len(x)):
        above = b[0] + x[i] * (b[1] + x[i] * (b[2] + x[i] * b[3]))
        below = 1.0 + x[i] * (b[4] + x[i] * (b[5] + x[i] * b[6]))
        rss += (above / below - y[i]) ** 2
    return rss


def cubic_ratio_jac(b, x, y):
    g = np.zeros(7)
    for i in range(len(x)):
        above = b[0] + x[i] * (b[1] + x[i] * (b[2] + x[i] * b[3]))
        below = 1.0 + x[i] * (b[4] + x[i] * (b[5] + x[i] * b[6]))
        r = 2.0 * (above / below - y[i]) / below
        g[0] += r
        for k in range(1, 4):
            r *= x[i]  # so far 2 (model - y) x**k / below
            g[k] += r
            g[k + 3] -= r * above / below
    return g


MODELS = {
    "Misra1a": (misra1a, misra1a_jac),
    "DanWood": (danwood, danwood_jac),
    "Chwirut2": (chwirut2, chwirut2_jac),
    "Rat42": (rat42, rat42_jac),
    "MGH17": (mgh17, mgh17_jac),
    "Gauss1": (gauss1, gauss1_jac),
    "Hahn1": (cubic_ratio, cubic_ratio_jac),
    "Thurber": (cubic_ratio, cubic_ratio_jac),
}
