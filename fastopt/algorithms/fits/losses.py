"""Losses of a residual, SciPy's: functions ``(residual, scale)``.

They return the loss, its slope by the residual (halved), its curvature (halved, kept above zero),
and 1, since the residual is used. With the linear loss these are r², r and 1.
"""

import math

from fastopt.algorithms.placeholders import EPS, loss

LEAST = 1e-8  # curvature where nothing is counted


def linear(r, scale):
    return r * r, r, 1.0, 1.0


def soft_l1(r, scale):
    z = (r / scale) * (r / scale)
    root = math.sqrt(1.0 + z)
    first = 1.0 / root
    return _formed(r, scale, z, 2.0 * z / (root + 1.0), first, -0.5 * first * first * first)


def huber(r, scale):
    z = (r / scale) * (r / scale)
    root = math.sqrt(z) if z > 1.0 else 1.0
    first = 1.0 / root
    second = -0.5 * first * first * first if z > 1.0 else 0.0
    return _formed(r, scale, z, 2.0 * root - 1.0 if z > 1.0 else z, first, second)


def cauchy(r, scale):
    z = (r / scale) * (r / scale)
    first = 1.0 / (1.0 + z)
    return _formed(r, scale, z, math.log1p(z), first, -first * first)


def arctan(r, scale):
    z = (r / scale) * (r / scale)
    first = 1.0 / (1.0 + z * z)
    return _formed(r, scale, z, math.atan(z), first, -2.0 * z * first * first)


def _formed(r, scale, z, rho, first, second):
    """Return the loss's numbers from rho(z) and its derivatives, z being the scaled square."""
    curvature = first + 2.0 * second * z
    return scale * scale * rho, first * r, curvature if curvature > EPS else EPS, 1.0


def poisson(value, y):
    """Return the numbers of a model's value where y is counted, with Poisson's distribution.

    The loss is the deviance. Its curvature leaves out that of the model, after Laurence and Chromy
    (2010), Efficient maximum likelihood estimator fitting of histograms. A count of zero has none.
    It gets a little, so that no equation is lost.
    """
    if not y >= 0.0 or not value >= 0.0 or (value == 0.0 and y > 0.0):
        return math.inf, 0.0, 0.0, 1.0
    if y == 0.0:
        return 2.0 * value, 1.0, LEAST / (1.0 + value), 1.0
    ratio = y / value
    return 2.0 * (value - y + y * math.log(ratio)), 1.0 - ratio, ratio / value, 1.0


def weigh_counts(values, y, numbers):
    """Write the numbers of each value of a model in a row."""
    for i in range(values.size):
        numbers[i, 0], numbers[i, 1], numbers[i, 2], numbers[i, 3] = poisson(values[i], y[i])


def weigh_all(residuals, scale, numbers):
    """Write the numbers of each residual in a row."""
    for i in range(residuals.size):
        numbers[i, 0], numbers[i, 1], numbers[i, 2], numbers[i, 3] = loss(residuals[i], scale)


LOSSES = {f.__name__: f for f in (linear, soft_l1, huber, cauchy, arctan)}
