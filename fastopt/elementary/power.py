"""Powers: exp(y log|x|), with logarithm and product as unevaluated sums of two floats.

The product reaches 745. So a relative error of the logarithm of 2^-64 (2^-34 for float32) is about
as large as the rounding of the result.
"""

from fastopt.elementary.bits import fma, magnitude, nearest, polynomial, where, with_sign
from fastopt.elementary.constants_float64 import (
    EXP_LEAST,
    EXP_MOST,
    INF,
    LN2_SHORT,
    LN2_SHORT_REST,
    LOG_TAIL,
    NAN,
    POWER_MOST,
    TWO_THIRDS,
    TWO_THIRDS_REST,
)
from fastopt.elementary.exponential import clamped, raised, reduced
from fastopt.elementary.logarithm import parts


def log_sum(x):
    """Compute log(x) as high + low: k ln2 + 2/3 s (3 + z + z^2 W(z)) with z = s^2.

    Only z^2 W(z), 2^-12 of the sum, is computed in one word.
    """
    k, f = parts(x)
    total = 2.0 + f
    inverse = 1.0 / total
    s = f * inverse
    s_low = (fma(-s, total, f) - s * (f - (total - 2.0))) * inverse
    z = s * s
    z_low = fma(s, s, -z) + 2.0 * s * s_low
    series = 3.0 + z
    series_low = (z - (series - 3.0)) + fma(z * z, polynomial(z, LOG_TAIL), z_low)
    product = s * series
    product_low = fma(s, series, -product) + fma(s, series_low, s_low * series)
    part = product * TWO_THIRDS
    part_low = fma(product, TWO_THIRDS, -part) + fma(
        product, TWO_THIRDS_REST, product_low * TWO_THIRDS
    )
    whole = k * LN2_SHORT  # exact
    first = whole + part
    rest = (part - (first - whole)) + fma(k, LN2_SHORT_REST, part_low)
    high = first + rest
    return high, rest - (high - first)


def size_of_power(x, y):
    """Compute x to the power y for a finite x > 0."""
    high, low = log_sum(x)
    y = clamped(y, -POWER_MOST, POWER_MOST)
    product = y * high
    bounded = clamped(product, EXP_LEAST, EXP_MOST)
    rest = where(product == bounded, fma(y, high, -product) + y * low, 0.0)
    n, r, low = reduced(bounded)
    total = r + rest
    return raised(n, total, low + (rest - (total - r)))


def pow(x, y):
    """Compute x to the power y, with the special cases of C."""
    size = magnitude(x)
    power = size_of_power(size, y)
    edge = (size == 0.0) | (size == INF)
    power = where(edge, where((size > 1.0) == (y > 0.0), INF, 0.0), power)
    whole = nearest(y) == y
    odd = whole & (nearest(0.5 * y) != 0.5 * y)
    power = where(odd, with_sign(power, x), power)
    power = where((x < 0.0) & (size < INF) & (nearest(y) != y), NAN, power)
    power = where((x != x) | (y != y), NAN, power)
    return where((y == 0.0) | (x == 1.0), 1.0, power)
