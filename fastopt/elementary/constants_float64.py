"""Constants for float64.

The polynomials are minimax fits by Remez exchange in 60 digits, weighted by the relative error of
the function that uses them. Each coefficient was rounded in turn and the later ones fitted again;
those of EXP all at once. Splits are unevaluated sums: the rounded value, then the remainder.
"""

import math

INF, NAN = math.inf, math.nan
SMALLEST_NORMAL = 2.0**-1022
# A factor that makes subnormal numbers normal, and its exponent.
SUBNORMAL_SCALE, SUBNORMAL_EXPONENT = 2.0**54, 54.0
EPSILON = 2.0**-54  # size of x below which x + x^2 rounds to x
EXP_MOST, EXP_LEAST = 710.0, -746.0  # arguments beyond which exp is inf, and 0
EXP2_MOST, EXP2_LEAST = 1025.0, -1076.0
EXPM1_LEAST = -45.0  # argument below which expm1 is -1
TANH_MOST = 22.0  # argument above which tanh is 1
POWER_MOST = 2.0**70  # largest exponent used: times the least |log|, 2^-53, it still overflows
TRIG_MOST = 2.0**40

LOG2E = 1.4426950408889634
LN2, LN2_REST = 0.6931471805599453, 2.3190468138462996e-17
INV_LN2, INV_LN2_REST = 1.4426950408889634, 2.0355273740931033e-17
INV_LN10, INV_LN10_REST = 0.4342944819032518, 1.098319650216765e-17
# Splits with 42 bits in the first part, so that its products with exponents are exact.
LN2_SHORT, LN2_SHORT_REST = 0.6931471805598903, 5.497923018708371e-14
LOG10_2_SHORT, LOG10_2_SHORT_REST = 0.30102999566395283, 2.8363394551044964e-14
TWO_THIRDS, TWO_THIRDS_REST = 0.6666666666666666, 3.700743415417188e-17

TWO_OVER_PI = 0.6366197723675814
HALF_PI, HALF_PI_2, HALF_PI_3 = 1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33

# (exp(r) - 1 - r) / r^2 for |r| <= ln(2)/2; error 2^-60 of expm1.
EXP = (
    0.5,
    0.16666666666666677,
    0.041666666666666505,
    0.008333333333321515,
    0.0013888888888963333,
    0.00019841269886475998,
    2.480158717139327e-05,
    2.7557243805425734e-06,
    2.7557402987976334e-07,
    2.51091947099313e-08,
    2.087541503344918e-09,
)
# (2 atanh(s) - 2 s) / s^3 in z = s^2, error 2^-58 of z, for s <= (sqrt(2) - 1) / (sqrt(2) + 1).
LOG = (
    0.6666666666666735,
    0.3999999999940943,
    0.2857142874365668,
    0.22222198433037035,
    0.18183572101944606,
    0.1531383954220125,
    0.14798177071525662,
)
# (3/2 LOG - 1) / z.
LOG_TAIL = (
    0.600000000000034,
    0.4285714285514392,
    0.33333333780882146,
    0.2727267646118345,
    0.23080140217145453,
    0.19885126143195733,
    0.19795445522100574,
)
# (sin(r) - r) / r^3 in z = r^2, for |r| <= 0.8: pi/4, and the rounding of the quotient.
SIN = (
    -0.16666666666666624,
    0.008333333333320323,
    -0.00019841269828064495,
    2.7557313068426335e-06,
    -2.5050658138506762e-08,
    1.589088869951396e-10,
)
# (cos(r) - 1 + z/2) / z^2, for the same r.
COS = (
    0.04166666666666658,
    -0.0013888888888870827,
    2.4801587287364517e-05,
    -2.75573137264692e-07,
    2.087563659991817e-09,
    -1.1355091071752188e-11,
)
