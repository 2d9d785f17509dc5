"""The digamma function and its derivative, which neither Python nor NumPy has."""

import functools
import math

import numpy as np

from fastopt.compiling import compiler


def digamma(x):
    """Compute the logarithmic derivative of gamma: reflection, recurrence, asymptotic series."""
    shift = 0.0
    if x <= 0.0:
        part = x % 1.0  # exact reduction, since the term has period 1 in x
        if part == 0.0:
            return 1e999 - 1e999  # nan, from literals for the same reason as pi
        pi = 3.141592653589793  # a literal, which `link` can narrow
        shift = -pi / math.tan(pi * part)
        x = 1.0 - x
    while x < 10.0:
        shift -= 1.0 / x
        x += 1.0
    y = 1.0 / (x * x)
    # Bernoulli numbers B_2k / 2k: Abramowitz and Stegun (1964), 6.3.18.
    series = y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132)))))
    series += y * y * y * y * y * y * (691 / 32760 - y / 12.0)
    return shift + math.log(x) - 0.5 / x - series


def trigamma(x):
    """Compute the derivative of digamma: reflection, recurrence, asymptotic series."""
    sign, shift = 1.0, 0.0
    if x <= 0.0:
        part = x % 1.0
        if part == 0.0:
            return 1e999 - 1e999
        root = 3.141592653589793 / math.sin(3.141592653589793 * part)
        sign, shift = -1.0, root * root
        x = 1.0 - x
    total = 0.0
    while x < 10.0:
        total += 1.0 / (x * x)
        x += 1.0
    y = 1.0 / (x * x)
    # Bernoulli numbers B_2k: Abramowitz and Stegun (1964), 6.4.12.
    series = y * (1 / 6 - y * (1 / 30 - y * (1 / 42 - y * (1 / 30 - y * (5 / 66)))))
    series -= y * y * y * y * y * y * (691 / 2730 - y * (7 / 6))
    return shift + sign * (total + 1.0 / x + 0.5 * y + series / x)


@functools.cache
def narrowed():
    """Return `digamma` for float32, without float64 constants."""
    return compiler.link(digamma, {}, compiler.undecorated, narrow=np.float32)
