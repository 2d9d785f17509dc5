"""Values and derivatives of elementary functions, written once.

The arguments of a rule are `m`, a namespace of functions to compute with, and its numbers. A rule
returns the value and the derivative by each argument. The same code runs on Python floats
(`python_dual`) and on LLVM values (`llvm_emitter`), in either element type. So rules have no
branches but ``m.where``.
"""

import math

from fastopt.derivatives.rules.infinite_slopes import Chosen, ZeroIfInactive, settling

LN2, LN10 = math.log(2.0), math.log(10.0)


# Operators.


def add(m, a, b):
    return a + b, 1.0, 1.0


def sub(m, a, b):
    return a - b, 1.0, -1.0


def mul(m, a, b):
    v = a * b
    return v, ZeroIfInactive(b, told=v), ZeroIfInactive(a, told=v)


def truediv(m, a, b):
    ratio = a / b
    return ratio, ZeroIfInactive(1.0 / b), settling(-ratio / b)


def mod(m, a, b):
    """Apply Python's remainder, with the sign of b."""
    rest = m.mod(a, b)
    return rest, 1.0, settling(-m.floor((a - rest) / b + 0.5))


def neg(m, a):
    return -a, -1.0


def pos(m, a):
    return a, 1.0


def pow(m, a, b):
    """Apply the power; a negative base has no derivative by its exponent, which may be constant."""
    v = m.pow(a, b)
    by_a, by_b = b * m.pow(a, b - 1.0), m.where(v == 0.0, 0.0, v * m.log(a))
    by_b = m.where((a == 0.0) & (b == 0.0), 0.0, by_b)
    still = (b == 0.0) | ((by_a == 0.0) & (abs(a) == math.inf))
    return v, ZeroIfInactive(by_a, still), ZeroIfInactive(by_b, by_b == 0.0)


# Choices. At a tie Python's max and min choose the first argument, and so does its derivative.
# NumPy's choose none, and the derivative is the mean of both. Then max(x, 0) + log(1 + exp(-|x|))
# has its slope at 0, one half.


def absolute(m, a):
    return abs(a), m.where(a > 0.0, 1.0, m.where(a < 0.0, -1.0, 0.0))


def copysign(m, a, b):
    v = m.copysign(a, b)
    return v, m.where(v == a, 1.0, -1.0), 0.0


def _choose(m, first, a, b):
    return m.where(first, a, b), Chosen(first), Chosen(~first)


def larger(m, a, b):
    """Apply Python's max, whose result depends on the position of a NaN."""
    return _choose(m, ~(b > a), a, b)


def smaller(m, a, b):
    return _choose(m, ~(b < a), a, b)


def _share(m, first, a, b):
    by_a = m.where(a == b, 0.5, m.where(first, 1.0, 0.0))
    by_b = 1.0 - by_a
    v = m.where(first, a, b)
    return v, ZeroIfInactive(by_a, by_a == 0.0), ZeroIfInactive(by_b, by_b == 0.0)


def maximum(m, a, b):
    """Apply NumPy's maximum: the result is NaN if one argument is, unlike in fmax."""
    return _share(m, (a >= b) | (a != a), a, b)


def minimum(m, a, b):
    return _share(m, (a <= b) | (a != a), a, b)


def fmax(m, a, b):
    return _share(m, (a >= b) | (b != b), a, b)


def fmin(m, a, b):
    return _share(m, (a <= b) | (b != b), a, b)


def clip(m, x, low, high):
    """Apply NumPy's clip: NaN stays, and if the bounds cross, the result is the upper one."""
    below, above = x < low, m.where(x < low, low, x) > high
    v = m.where(above, high, m.where(below, low, x))
    return v, Chosen(~(above | below)), Chosen(below & ~above), Chosen(above)


# Exponentials and logarithms.


def exp(m, x):
    v = m.exp(x)
    return v, settling(v)


def exp2(m, x):
    v = m.exp2(x)
    return v, settling(v * LN2)


def expm1(m, x):
    v = m.expm1(x)
    return v, settling(m.exp(x))


def log(m, x):
    return m.log(x), settling(1.0 / x)


def log2(m, x):
    return m.log2(x), settling(1.0 / (x * LN2))


def log10(m, x):
    return m.log10(x), settling(1.0 / (x * LN10))


def log1p(m, x):
    return m.log1p(x), settling(1.0 / (1.0 + x))


def logaddexp(m, a, b):
    high, low = m.where(a > b, a, b), m.where(a > b, b, a)
    gap = m.where(a == b, 0.0, low - high)  # both may be infinite
    v = high + m.log1p(m.exp(gap))
    by_a, by_b = (m.exp(m.where(x == v, 0.0, x - v)) for x in (a, b))
    return v, settling(by_a), settling(by_b)


def sqrt(m, x):
    """Apply the square root; at 0 its derivative is infinite, but 0 times that counts as 0.

    So the derivative at 0 of sqrt(x²) is the middle of its slopes, that of sqrt(x⁴) is exact.
    """
    v = m.sqrt(x)
    return v, settling(0.5 / v)


def cbrt(m, x):
    v = m.cbrt(x)
    return v, settling(1.0 / (3.0 * v * v))


def square(m, x):
    v = x * x
    return v, ZeroIfInactive(x + x, told=v)


def reciprocal(m, x):
    return 1.0 / x, settling(-1.0 / (x * x))


def hypot(m, a, b):
    v = m.hypot(a, b)
    by = m.where(v == 0.0, 1.0, v)  # the derivative at the tip of the cone is defined as 0
    return v, ZeroIfInactive(a / by), ZeroIfInactive(b / by)


# Circular and hyperbolic functions.


def sin(m, x):
    return m.sin(x), m.cos(x)


def cos(m, x):
    return m.cos(x), -m.sin(x)


def tan(m, x):
    v = m.tan(x)
    return v, 1.0 + v * v


def asin(m, x):
    return m.asin(x), ZeroIfInactive(1.0 / m.sqrt((1.0 - x) * (1.0 + x)))


def acos(m, x):
    return m.acos(x), ZeroIfInactive(-1.0 / m.sqrt((1.0 - x) * (1.0 + x)))


def atan(m, x):
    return m.atan(x), settling(1.0 / (1.0 + x * x))


def atan2(m, y, x):
    h = m.hypot(x, y)
    far = h == math.inf
    return m.atan2(y, x), ZeroIfInactive(x / h / h, far), ZeroIfInactive(-y / h / h, far)


def sinh(m, x):
    v = m.sinh(x)
    return v, ZeroIfInactive(m.cosh(x))


def cosh(m, x):
    v = m.cosh(x)
    return v, ZeroIfInactive(m.sinh(x))


def tanh(m, x):
    v, e = m.tanh(x), m.exp(-2.0 * abs(x))  # 1 - v v would lose its digits for v near 1
    return v, settling(4.0 * e / ((1.0 + e) * (1.0 + e)))


def asinh(m, x):
    return m.asinh(x), settling(1.0 / m.hypot(x, 1.0))


def acosh(m, x):
    return m.acosh(x), settling(1.0 / (m.sqrt(x - 1.0) * m.sqrt(x + 1.0)))


def atanh(m, x):
    return m.atanh(x), ZeroIfInactive(1.0 / ((1.0 - x) * (1.0 + x)))


def radians(m, x):
    return x * (math.pi / 180.0), math.pi / 180.0


def degrees(m, x):
    return x * (180.0 / math.pi), 180.0 / math.pi


# Special functions.


def erf(m, x):
    return m.erf(x), settling((2.0 / math.sqrt(math.pi)) * m.exp(-x * x))


def erfc(m, x):
    return m.erfc(x), settling((-2.0 / math.sqrt(math.pi)) * m.exp(-x * x))


def gamma(m, x):
    v = m.gamma(x)
    return v, ZeroIfInactive(v * m.digamma(x))


def lgamma(m, x):
    return m.lgamma(x), ZeroIfInactive(m.digamma(x))


def fmod(m, a, b):
    """Apply C's remainder, with the sign of a."""
    rest = m.fmod(a, b)
    return rest, 1.0, settling(-m.floor((a - rest) / b + 0.5))


OPERATORS = {f.__name__: f for f in (add, sub, mul, truediv, mod, pow, neg, pos)}
_OF_MATH = (copysign, exp, exp2, expm1, log, log2, log10, log1p, sqrt, cbrt, hypot, sin, cos, tan)
_OF_MATH += (asin, acos, atan, atan2, sinh, cosh, tanh, asinh, acosh, atanh, radians, degrees)
_OF_MATH += (erf, erfc, gamma, lgamma, fmod, pow)
MATH = {f.__name__: f for f in _OF_MATH} | {"fabs": absolute}
NUMPY = MATH.copy()  # most of these names exist in NumPy
NUMPY |= {f"arc{name[1:]}": MATH[name] for name in "asin acos atan atan2 asinh acosh atanh".split()}
_OF_NUMPY = (maximum, minimum, fmax, fmin, absolute, logaddexp, square, reciprocal, clip)
NUMPY |= {f.__name__: f for f in _OF_NUMPY}
NUMPY |= {"fabs": absolute, "abs": absolute, "power": pow, "float_power": pow, "negative": neg}
NUMPY |= {"positive": pos, "deg2rad": radians, "rad2deg": degrees, "mod": mod, "remainder": mod}
NUMPY |= {"add": add, "subtract": sub, "multiply": mul, "divide": truediv, "true_divide": truediv}
# Step functions: piecewise constant, so that their result is a plain number.
MATH_STEPS = dict.fromkeys(("floor", "ceil", "trunc", "isnan", "isinf", "isfinite"))
STEPS = MATH_STEPS | dict.fromkeys(("rint", "sign", "floor_divide"))
