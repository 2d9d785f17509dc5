"""Functions that are NaN outside a region, from starts near its edge and far from it."""

import math

import numpy as np

from .case import ROUGH_END, case

COUNTS = (2.0, 0.0, 3.0, 1.0, 4.0, 6.0, 3.0, 7.0, 9.0, 8.0)
TIMES = (0.3, 1.9, 0.7, 2.6, 1.1, 0.9, 4.2, 1.4)
SLOPE = (3.0, -1.0, 2.0)
NORM = math.sqrt(14.0)  # of SLOPE


def x_minus_log(x):
    f = 0.0
    for i in range(len(x)):
        if x[i] <= 0.0:
            return math.nan
        f += x[i] - math.log(x[i])
    return f


def x_minus_root(x):
    return x[0] - math.sqrt(x[0]) if x[0] >= 0.0 else math.nan


def root_and_inverse(x):
    return math.sqrt(x[0]) + 1.0 / math.sqrt(x[0]) if x[0] > 0.0 else math.nan


def inverse_product(x):
    if x[0] <= 0.0 or x[1] <= 0.0:
        return math.nan
    return x[0] + x[1] + 1.0 / (x[0] * x[1])


def entropy(x):
    f = 0.0
    for i in range(len(x)):
        if x[i] <= 0.0:
            return math.nan
        f += x[i] * math.log(x[i])
    return f


def barrier(x):
    """Of the box |x| < 1, weight 1e-3: the minimum is 1e-3 from an edge."""
    f = 0.0
    for i in range(len(x)):
        if abs(x[i]) >= 1.0:
            return math.nan
        f += x[i] - 1e-3 * (math.log(1.0 - x[i]) + math.log(1.0 + x[i]))
    return f


def centre_of_simplex(x):
    rest, f = 1.0, 0.0
    for i in range(len(x)):
        if x[i] <= 0.0:
            return math.nan
        rest -= x[i]
        f -= math.log(x[i])
    return f - math.log(rest) if rest > 0.0 else math.nan


def ball(x):
    """A barrier of the unit ball and a slope."""
    rest, f = 1.0, 0.0
    for i in range(3):
        rest -= x[i] ** 2
        f += SLOPE[i] * x[i]
    return f - math.log(rest) if rest > 0.0 else math.nan


def bowl(x):
    """The lower half of a sphere and a slope: the gradient is infinite at the edge."""
    rest = 1.0 - x[0] ** 2 - x[1] ** 2
    return 6.0 * x[0] + 8.0 * x[1] - math.sqrt(rest) if rest >= 0.0 else math.nan


def poisson(x):
    """Counts with the rate x0 + x1 t, which must be positive at every t."""
    f = 0.0
    for i in range(10):
        rate = x[0] + x[1] * i
        if rate <= 0.0:
            return math.nan
        f += rate - COUNTS[i] * math.log(rate)
    return f


def gamma(x):
    """Times from a Gamma distribution; x is its shape and rate."""
    if x[0] <= 0.0 or x[1] <= 0.0:
        return math.nan
    f = 0.0
    for t in TIMES:
        f += math.lgamma(x[0]) - x[0] * math.log(x[1]) - (x[0] - 1.0) * math.log(t) + x[1] * t
    return f


def normal(x):
    """Times from a normal distribution; x is its mean and standard deviation."""
    if x[1] <= 0.0:
        return math.nan
    f = 0.0
    for t in TIMES:
        f += math.log(x[1]) + 0.5 * ((t - x[0]) / x[1]) ** 2
    return f


def root(x):
    """The minimum is at the edge itself, where the slope is infinite."""
    return math.sqrt(x[0]) if x[0] >= 0.0 else math.nan


def ending(x):
    """Falls to the edge, where it ends without a minimum."""
    return x[0] if x[0] > 0.05 else math.nan


def _rows(name, fun, least, solution, starts, **rest):
    return [
        case(f"{name}, {where}", fun, x0, least, solution=solution, **rest)
        for where, x0 in starts.items()
    ]


_MEAN, _SPREAD = float(np.mean(TIMES)), float(np.std(TIMES))
_EDGE = 1e-3 - math.sqrt(1.0 + 1e-6)
_T = (math.sqrt(15.0) - 1.0) / NORM  # how far from the centre the minimum of the ball is
_BOWL = -math.sqrt(101.0)
# From 40 digits.
_POISSON = -26.916921299630079, [0.94579533864483891, 0.74537881365225802]
_GAMMA = 11.002044474302646, [2.0136924418951370, 1.2297358423787096]
_AT_THE_END = {"accuracy": 1e-3, "statuses": (*ROUGH_END, -1)}

PARTLY_DEFINED = [
    *_rows(
        *("x - log x", x_minus_log, 1.0, 1.0),
        {"near": [1e-3], "very near": [1e-8], "far": [1e3], "very far": [1e6]},
    ),
    *_rows("x - log x, n = 3", x_minus_log, 3.0, 1.0, {"mixed": [1e-6, 1.0, 1e4]}),
    *_rows("x - sqrt x", x_minus_root, -0.25, 0.25, {"near": [1e-8], "far": [1e4]}),
    *_rows("sqrt x + 1 / sqrt x", root_and_inverse, 2.0, 1.0, {"near": [1e-4], "far": [30.0]}),
    *_rows(
        *("x + y + 1 / xy", inverse_product, 3.0, 1.0),
        {"near": [1e-3, 1e-2], "far": [100.0, 1.0]},
    ),
    *_rows(
        "x log x", entropy, -4.0 / math.e, 1.0 / math.e, {"near": [1e-6] * 4, "far": [50.0] * 4}
    ),
    *_rows(
        *("barrier of a box", barrier, -1.985569783803238950, _EDGE),
        {"inside": [0.0, 0.5], "near": [1.0 - 1e-6, 0.0], "in a corner": [1.0 - 1e-9] * 2},
    ),
    *_rows(
        *("centre of a simplex", centre_of_simplex, 6.0 * math.log(6.0), 1.0 / 6.0),
        {"near": [1e-6, 0.1, 0.2, 0.3, 0.3], "in a corner": [1e-5] * 5},
    ),
    *_rows(
        *("ball", ball, -NORM * _T - math.log(1.0 - _T**2), [-_T * c / NORM for c in SLOPE]),
        {"inside": [0.1, 0.1, 0.1], "near": [0.6, 0.0, 0.7999999]},
    ),
    *_rows(
        *("bowl", bowl, _BOWL, [6.0 / _BOWL, 8.0 / _BOWL]),
        {"inside": [0.1, 0.1], "near": [0.6, 0.7999999]},
    ),
    *_rows("Poisson", poisson, *_POISSON, {"inside": [1.0, 1.0], "near": [9.001, -1.0]}),
    *_rows("Gamma", gamma, *_GAMMA, {"inside": [1.0, 1.0], "near": [1e-3, 1e-3]}),
    *_rows(
        *("normal", normal, 8.0 * math.log(_SPREAD) + 4.0, [_MEAN, _SPREAD]),
        {"inside": [1.0, 1.0], "near": [1.0, 0.01], "far": [100.0, 300.0]},
    ),
    # The least value is where the function ends, as no gradient says: no success is asked.
    *_rows("sqrt x", root, 0.0, 0.0, {"far": [2.0]}, **_AT_THE_END),
    *_rows("ending", ending, 0.05, None, {"far": [2.0]}, **_AT_THE_END),
    *_rows("x - log x", x_minus_log, 1.0, 1.0, {"outside": [-1.0]}, statuses=(-1,)),
]
