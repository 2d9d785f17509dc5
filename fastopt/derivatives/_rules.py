"""Values and derivatives of what can be differentiated, written once.

A rule takes `m`, the functions to compute with, and its arguments; it returns the value and the
derivative by each argument. The same text runs on Python floats (`_python`) and on LLVM values
while code is made (`_emit`), in either element type. So rules have no branches but ``m.where``.
"""

import math
from typing import Any, NamedTuple

LN2, LN10 = math.log(2.0), math.log(10.0)
# Where exp overflows, a finite derivative: what saturates later (1 / (1 + exp(-x)), atan, tanh)
# multiplies it by zero, which is the limit, while zero times infinity would be NaN. A value that
# stays infinite is found as such.
BIG = 1e18


class IfMoving(NamedTuple):
    """A derivative that counts only for partials that are not zero, where it may be infinite."""

    derivative: Any


def tamed(m, v, d):
    """The derivative d of a function whose value v may have overflowed."""
    return m.where(abs(v) == math.inf, m.copysign(BIG, d), d)


# Operators.


def add(m, a, b):
    return a + b, 1.0, 1.0


def sub(m, a, b):
    return a - b, 1.0, -1.0


def mul(m, a, b):
    return a * b, b, a


def truediv(m, a, b):
    ratio = a / b
    return ratio, 1.0 / b, -ratio / b


def mod(m, a, b):
    """Python's, with the sign of b."""
    rest = m.mod(a, b)
    return rest, 1.0, -m.floor((a - rest) / b + 0.5)


def neg(m, a):
    return -a, -1.0


def pos(m, a):
    return a, 1.0


def pow(m, a, b):
    """A negative base has no derivative by its exponent, which need not move."""
    v = m.pow(a, b)
    by_a = m.where(b == 0.0, 0.0, b * m.pow(a, b - 1.0))
    by_b = m.where((a == 0.0) & (b >= 0.0), 0.0, v * m.log(a))
    return v, tamed(m, v, by_a), IfMoving(tamed(m, v, by_b))


# Choices. At a tie the first argument is taken, as Python does.


def absolute(m, a):
    return abs(a), m.where(a > 0.0, 1.0, m.where(a < 0.0, -1.0, 0.0))


def copysign(m, a, b):
    v = m.copysign(a, b)
    return v, m.where(v == a, 1.0, -1.0), 0.0


def _choose(m, first, a, b):
    return m.where(first, a, b), m.where(first, 1.0, 0.0), m.where(first, 0.0, 1.0)


def larger(m, a, b):
    """Python's max: where NaN stands decides."""
    return _choose(m, ~(b > a), a, b)


def smaller(m, a, b):
    return _choose(m, ~(b < a), a, b)


def maximum(m, a, b):
    """NumPy's: NaN wins; in fmax it loses."""
    return _choose(m, (a >= b) | (a != a), a, b)


def minimum(m, a, b):
    return _choose(m, (a <= b) | (a != a), a, b)


def fmax(m, a, b):
    return _choose(m, (a >= b) | (b != b), a, b)


def fmin(m, a, b):
    return _choose(m, (a <= b) | (b != b), a, b)


def clip(m, x, low, high):
    """NumPy's: the upper bound wins where the bounds cross; NaN passes."""
    below, above = x < low, m.where(x < low, low, x) > high
    v = m.where(above, high, m.where(below, low, x))
    return (
        v,
        m.where(above | below, 0.0, 1.0),
        m.where(below & ~above, 1.0, 0.0),
        m.where(above, 1.0, 0.0),
    )


# Exponentials and logarithms.


def exp(m, x):
    v = m.exp(x)
    return v, tamed(m, v, v)


def exp2(m, x):
    v = m.exp2(x)
    return v, tamed(m, v, v * LN2)


def expm1(m, x):
    v = m.expm1(x)
    return v, tamed(m, v, m.exp(x))


def log(m, x):
    return m.log(x), 1.0 / x


def log2(m, x):
    return m.log2(x), 1.0 / (x * LN2)


def log10(m, x):
    return m.log10(x), 1.0 / (x * LN10)


def log1p(m, x):
    return m.log1p(x), 1.0 / (1.0 + x)


def logaddexp(m, a, b):
    high, low = m.where(a > b, a, b), m.where(a > b, b, a)
    gap = m.where(a == b, 0.0, low - high)  # both may be infinite
    v = high + m.log1p(m.exp(gap))
    return v, m.exp(m.where(a == v, 0.0, a - v)), m.exp(m.where(b == v, 0.0, b - v))


def sqrt(m, x):
    """At 0 infinite, but 0 where x does not move: the middle of sqrt(x x), exact for sqrt(x^4)."""
    v = m.sqrt(x)
    return v, IfMoving(0.5 / v)


def cbrt(m, x):
    v = m.cbrt(x)
    return v, 1.0 / (3.0 * v * v)


def square(m, x):
    return x * x, x + x


def reciprocal(m, x):
    return 1.0 / x, -1.0 / (x * x)


def hypot(m, a, b):
    v = m.hypot(a, b)
    by = m.where(v == 0.0, 1.0, v)  # at the tip of the cone the derivative is taken as 0
    return v, a / by, b / by


# Circular and hyperbolic functions.


def sin(m, x):
    return m.sin(x), m.cos(x)


def cos(m, x):
    return m.cos(x), -m.sin(x)


def tan(m, x):
    v = m.tan(x)
    return v, 1.0 + v * v


def asin(m, x):
    return m.asin(x), 1.0 / m.sqrt((1.0 - x) * (1.0 + x))


def acos(m, x):
    return m.acos(x), -1.0 / m.sqrt((1.0 - x) * (1.0 + x))


def atan(m, x):
    return m.atan(x), 1.0 / (1.0 + x * x)


def atan2(m, y, x):
    h = m.hypot(x, y)
    return m.atan2(y, x), x / h / h, -y / h / h


def sinh(m, x):
    v = m.sinh(x)
    return v, tamed(m, v, m.cosh(x))


def cosh(m, x):
    v = m.cosh(x)
    return v, tamed(m, v, m.sinh(x))


def tanh(m, x):
    v, e = m.tanh(x), m.exp(-2.0 * abs(x))  # 1 - v v would lose its digits where v is near 1
    return v, 4.0 * e / ((1.0 + e) * (1.0 + e))


def asinh(m, x):
    return m.asinh(x), 1.0 / m.hypot(x, 1.0)


def acosh(m, x):
    return m.acosh(x), 1.0 / (m.sqrt(x - 1.0) * m.sqrt(x + 1.0))


def atanh(m, x):
    return m.atanh(x), 1.0 / ((1.0 - x) * (1.0 + x))


def radians(m, x):
    return x * (math.pi / 180.0), math.pi / 180.0


def degrees(m, x):
    return x * (180.0 / math.pi), 180.0 / math.pi


# Special functions.


def erf(m, x):
    return m.erf(x), (2.0 / math.sqrt(math.pi)) * m.exp(-x * x)


def erfc(m, x):
    return m.erfc(x), (-2.0 / math.sqrt(math.pi)) * m.exp(-x * x)


def gamma(m, x):
    v = m.gamma(x)
    return v, tamed(m, v, v * m.digamma(x))


def lgamma(m, x):
    return m.lgamma(x), m.digamma(x)


def fmod(m, a, b):
    """C's remainder, with the sign of a."""
    rest = m.fmod(a, b)
    return rest, 1.0, -m.floor((a - rest) / b + 0.5)


OPERATORS = {f.__name__: f for f in (add, sub, mul, truediv, mod, pow, neg, pos)}
_OF_MATH = (copysign, exp, exp2, expm1, log, log2, log10, log1p, sqrt, cbrt, hypot, sin, cos, tan)
_OF_MATH += (asin, acos, atan, atan2, sinh, cosh, tanh, asinh, acosh, atanh, radians, degrees)
_OF_MATH += (erf, erfc, gamma, lgamma, fmod, pow)
MATH = {f.__name__: f for f in _OF_MATH} | {"fabs": absolute}
NUMPY = MATH.copy()  # of which NumPy has most
NUMPY |= {f"arc{name[1:]}": MATH[name] for name in "asin acos atan atan2 asinh acosh atanh".split()}
_OF_NUMPY = (maximum, minimum, fmax, fmin, absolute, logaddexp, square, reciprocal, clip)
NUMPY |= {f.__name__: f for f in _OF_NUMPY}
NUMPY |= {"fabs": absolute, "abs": absolute, "power": pow, "float_power": pow, "negative": neg}
NUMPY |= {"positive": pos, "deg2rad": radians, "rad2deg": degrees, "mod": mod, "remainder": mod}
NUMPY |= {"add": add, "subtract": sub, "multiply": mul, "divide": truediv, "true_divide": truediv}
# Steps: piecewise constant, so that their result is a plain number.
MATH_STEPS = dict.fromkeys(("floor", "ceil", "trunc", "isnan", "isinf", "isfinite"))
STEPS = MATH_STEPS | dict.fromkeys(("rint", "sign", "floor_divide"))
