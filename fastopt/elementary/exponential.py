"""Exponentials: x = n ln2 + r, a polynomial in |r| <= ln(2)/2, and n added to the exponent.

The rounding error of r is kept in a second word, `low`. So only the rounding of the polynomial's
sum matters, and the results err by little more than half a unit in the last place.
"""

from fastopt.elementary.bits import (
    fma,
    magnitude,
    nearest,
    polynomial,
    power_of_two,
    where,
    with_sign,
)
from fastopt.elementary.constants_float64 import (
    EPSILON,
    EXP,
    EXP2_LEAST,
    EXP2_MOST,
    EXP_LEAST,
    EXP_MOST,
    EXPM1_LEAST,
    LN2,
    LN2_REST,
    LOG2E,
    TANH_MOST,
)


def clamped(x, least, most):
    """Return x clipped to a range at whose ends the results are their limits; nan stays."""
    return where(x < least, least, where(x > most, most, x))


def scaled(y, n):
    """Compute y·2^n in two steps, as 2^n itself may overflow: only the second step rounds."""
    half = nearest(n * 0.5)
    return y * power_of_two(half) * power_of_two(n - half)


def reduced(x):
    """Split x into n ln2 + (r + low)."""
    n = nearest(x * LOG2E)
    first = fma(n, -LN2, x)  # exact
    r = fma(n, -LN2_REST, first)
    return n, r, fma(n, -LN2_REST, first - r)


def raised(n, r, low):
    """Compute 2^n exp(r + low)."""
    return scaled(1.0 + (r + fma(r * r, polynomial(r, EXP), low)), n)


def exp(x):
    """Compute e to the power x."""
    n, r, low = reduced(clamped(x, EXP_LEAST, EXP_MOST))
    return raised(n, r, low)


def exp2(x):
    """Compute 2 to the power x."""
    x = clamped(x, EXP2_LEAST, EXP2_MOST)
    n = nearest(x)
    part = x - n
    r = part * LN2
    return raised(n, r, fma(part, LN2, -r) + part * LN2_REST)


def half_expm1(x):
    """Compute (exp(x) - 1) / 2 as an unevaluated sum; half the value does not overflow.

    With s = 2^n / 2 it is (s - 1/2) + s·r + s·(r^2 q(r) + low); the first sum may cancel.
    """
    n, r, low = reduced(x)
    s = power_of_two(n - 1.0)
    shift = s - 0.5
    part = s * r
    total = shift + part
    kept = total - shift
    lost = (shift - (total - kept)) + (part - kept)
    rest = fma(s, fma(r * r, polynomial(r, EXP), low), lost)
    high = total + rest
    return high, rest - (high - total)


def expm1(x):
    """Compute exp(x) - 1 without cancellation near 0."""
    high, _ = half_expm1(clamped(x, EXPM1_LEAST, EXP_MOST))
    return where(magnitude(x) < EPSILON, x, 2.0 * high)


def ratio(high, low, total, rest):
    """Divide high + low by total + rest: a quotient, corrected by its remainder."""
    inverse = 1.0 / total
    quotient = high * inverse
    remainder = fma(-quotient, total, high) + fma(-quotient, rest, low)
    return fma(remainder, inverse, quotient)


def tanh(x):
    """Compute the hyperbolic tangent, h / (h + 1) with h = (exp(2|x|) - 1) / 2."""
    size = magnitude(x)
    high, low = half_expm1(2.0 * where(size > TANH_MOST, TANH_MOST, size))
    total = high + 1.0
    rest = where(high > 1.0, 1.0 - (total - high), high - (total - 1.0)) + low
    return with_sign(ratio(high, low, total, rest), x)


def sigmoid(x):
    """Compute the logistic function 1 / (1 + exp(-x)) from exp(-|x|), which does not overflow."""
    tail = exp(-magnitude(x))
    total = 1.0 + tail
    return ratio(where(x < 0.0, tail, 1.0), 0.0, total, tail - (total - 1.0))
