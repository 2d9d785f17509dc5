"""Sine and cosine: x = n pi/2 + (r + low), and two polynomials in |r| <= pi/4.

The sum of three floats is pi/2. The difference x - n HALF_PI is exact, n HALF_PI_2 is an exact sum
of two floats, and n HALF_PI_3 is small. Up to TRIG_MOST, no x is so close to a multiple of pi/2
that the bits do not suffice. Larger x are passed to the C library, in a branch that lets loops
vectorise.
"""

from fastopt.elementary.bits import fma, has_bit, magnitude, nearest, polynomial, where
from fastopt.elementary.c_library import library_cos, library_sin
from fastopt.elementary.constants_float64 import (
    COS,
    HALF_PI,
    HALF_PI_2,
    HALF_PI_3,
    SIN,
    TRIG_MOST,
    TWO_OVER_PI,
)


def remainder(x):
    """Split x into n pi/2 + (r + low)."""
    n = nearest(x * TWO_OVER_PI)
    first = fma(n, -HALF_PI, x)  # exact
    step = n * HALF_PI_2
    step_rest = fma(n, HALF_PI_2, -step)
    r = first - step
    kept = r - first
    lost = (first - (r - kept)) - (step + kept)
    rest = fma(n, -HALF_PI_3, lost - step_rest)
    high = r + rest
    return n, high, rest - (high - r)


def circular(n, r, low):
    """Compute sin(n pi/2 + r + low)."""
    z = r * r
    half = 0.5 * z
    sine = r + fma(r * z, polynomial(z, SIN), fma(-half, low, low))
    most = 1.0 - half
    cosine = most + (((1.0 - most) - half) + fma(z * z, polynomial(z, COS), -r * low))
    value = where(has_bit(n, 1), cosine, sine)
    return where(has_bit(n, 2), -value, value)


def sin(x):
    """Compute the sine of x in radians."""
    if magnitude(x) > TRIG_MOST:
        return library_sin(x)
    n, r, low = remainder(x)
    return where(x == 0.0, x, circular(n, r, low))


def cos(x):
    """Compute the cosine of x in radians."""
    if magnitude(x) > TRIG_MOST:
        return library_cos(x)
    n, r, low = remainder(x)
    return circular(n + 1.0, r, low)
