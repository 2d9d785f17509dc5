"""Logarithms: x = 2^k m with sqrt(1/2) <= m < sqrt(2), and a series in s.

Here f = m - 1 and s = f / (2 + f). The leading term is exact in this form of 2 atanh(s):

    log(1 + f) = f - (f^2/2 - s (f^2/2 + s^2 L(s^2)))
"""

from fastopt.elementary.bits import exponent, fma, magnitude, polynomial, significand, where
from fastopt.elementary.constants_float64 import (
    EPSILON,
    INF,
    INV_LN2,
    INV_LN2_REST,
    INV_LN10,
    INV_LN10_REST,
    LN2_SHORT,
    LN2_SHORT_REST,
    LOG,
    LOG10_2_SHORT,
    LOG10_2_SHORT_REST,
    NAN,
    SMALLEST_NORMAL,
    SUBNORMAL_EXPONENT,
    SUBNORMAL_SCALE,
)


def parts(x):
    """Split x > 0 into k and f, x = 2^k (1 + f)."""
    tiny = x < SMALLEST_NORMAL
    normal = where(tiny, x * SUBNORMAL_SCALE, x)
    return exponent(normal) - where(tiny, SUBNORMAL_EXPONENT, 0.0), significand(normal) - 1.0


def beyond(f):
    """Compute f - log(1 + f), as f^2/2 and the number to subtract from it."""
    s = f / (2.0 + f)
    z = s * s
    square = 0.5 * f * f
    return square, s * fma(z, polynomial(z, LOG), square)


def with_limits(x, result):
    """Replace the result by the logarithm of 0, inf, nan or a negative number if x is one."""
    return where(x > 0.0, where(x < INF, result, x), where(x == 0.0, -INF, NAN))


def log(x):
    """Compute the natural logarithm."""
    k, f = parts(x)
    square, less = beyond(f)
    result = k * LN2_SHORT - ((square - fma(k, LN2_SHORT_REST, less)) - f)
    return with_limits(x, result)


def log1p(x):
    """Compute log(1 + x), corrected for the rounding of 1 + x."""
    u = 1.0 + x
    kept = u - 1.0
    lost = (1.0 - (u - kept)) + (x - kept)
    k, f = exponent(u), significand(u) - 1.0
    square, less = beyond(f)
    low = fma(k, LN2_SHORT_REST, lost / u)
    result = k * LN2_SHORT - ((square - (less + low)) - f)
    return where(magnitude(x) < EPSILON, x, with_limits(u, result))


def in_base(f, inverse, inverse_rest):
    """Compute log(1 + f) times the inverse of ln(base), as an unevaluated sum."""
    square, less = beyond(f)
    two_loop_recursion = less - square
    high = f + two_loop_recursion
    low = two_loop_recursion - (high - f)
    product = high * inverse
    return product, fma(high, inverse, -product) + fma(high, inverse_rest, low * inverse)


def log2(x):
    """Compute the logarithm to base 2."""
    k, f = parts(x)
    high, low = in_base(f, INV_LN2, INV_LN2_REST)
    total = k + high
    return with_limits(x, total + ((high - (total - k)) + low))


def log10(x):
    """Compute the logarithm to base 10."""
    k, f = parts(x)
    high, low = in_base(f, INV_LN10, INV_LN10_REST)
    whole = k * LOG10_2_SHORT
    total = whole + high
    low = fma(k, LOG10_2_SHORT_REST, low)
    return with_limits(x, total + ((high - (total - whole)) + low))
