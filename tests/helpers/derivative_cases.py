"""Objectives as people write them, each with a gradient found in a way of its own.

The functions are plain Python that Numba compiles, here in scalar style; those on whole arrays and
those fitted to data are in `derivative_cases_arrays`. `CASES` has them all, and `jit` compiles
one together with the plain helpers that it calls.

The oracle is the complex step of Squire and Trapp (1998), in 60 digits: the function runs as it is
written on numbers `Step`, whose imaginary part carries the derivative and whose real part decides
comparisons and roundings. What a `Step` does not know raises an error.
"""

import math
import operator
import types
from collections.abc import Callable
from typing import NamedTuple

import mpmath
import numpy as np
from derivative_cases_arrays import ARRAYS

MP = mpmath.mp.clone()
MP.dps = 60
TINY = MP.mpf("1e-40")  # the step, whose square is below the last digit of any result
REAL = MP.mpf("1e-22")  # an imaginary part above this came from a branch cut, not from the step


class Step:
    """A real number with its derivative, as a complex number: real part + i * TINY * derivative."""

    def __init__(self, z):
        self.z = MP.mpc(z)
        if not abs(self.z.imag) < REAL:
            raise ValueError(f"outside of the function's domain: {self.z}")

    def __getattr__(self, name):
        """The methods that ``np.exp`` and its like look for in the elements of an array."""
        name = name.replace("arc", "a", 1) if name.startswith("arc") else name
        if name not in FUNCTIONS:
            raise AttributeError(name)
        return lambda *others: FUNCTIONS[name](self, *others)

    def __neg__(self):
        return Step(-self.z)

    def __pos__(self):
        return self

    def __abs__(self):
        return self if self.z.real >= 0 else -self

    def __bool__(self):
        return self.z.real != 0

    def __int__(self):
        return int(self.z.real)  # piecewise constant, as are the next three

    def __floor__(self):
        return int(MP.floor(self.z.real))

    def __ceil__(self):
        return int(MP.ceil(self.z.real))

    def __round__(self):
        return int(MP.nint(self.z.real))  # to even, as Python's


def exact(value):
    """The number that `value` stands for, in mpmath's digits."""
    if isinstance(value, Step):
        return value.z
    if isinstance(value, int | float | np.number | np.bool_):
        return MP.mpf(float(value))
    raise TypeError(f"not a number: {value!r}")


def define(name, function, result):
    """``Step.__name__`` and its reflection."""

    def method(self, other, swap=False):
        if isinstance(other, np.ndarray):
            return NotImplemented  # the array goes through its elements
        a, b = (exact(other), self.z) if swap else (self.z, exact(other))
        return result(function(a, b))

    setattr(Step, f"__{name}__", method)
    setattr(Step, f"__r{name}__", lambda self, other: method(self, other, swap=True))


def power(a, b):
    if b.imag == 0 and MP.isint(b.real):
        return a ** int(b.real)  # any base
    return MP.exp(b * MP.log(a))


def by_real_parts(compare):
    return lambda a, b: bool(compare(a.real, b.real))


for _name in ("add", "sub", "mul", "truediv"):
    define(_name, getattr(operator, _name), Step)
define("pow", power, Step)
define("mod", lambda a, b: a - b * MP.floor((a / b).real), Step)
define("floordiv", lambda a, b: float(MP.floor((a / b).real)), float)
for _name in ("lt", "le", "eq", "ne", "gt", "ge"):
    define(_name, by_real_parts(getattr(operator, _name)), bool)


def arctan2(y, x):
    """By the quotient of the smaller by the larger, whose arctangent is analytic."""
    if abs(y.real) < abs(x.real):
        return MP.atan(y / x) + (0 if x.real > 0 else MP.pi * (1 if y.real >= 0 else -1))
    return MP.sign(y.real) * MP.pi / 2 - MP.atan(x / y)


NAMES = "sqrt exp expm1 log log10 sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh"
EXACT = {name: getattr(MP, name) for name in f"{NAMES} erf erfc gamma degrees radians".split()}
EXACT |= {
    "atan2": arctan2,
    "hypot": lambda a, b: MP.sqrt(a * a + b * b),
    "log1p": lambda z: MP.log(1 + z),
    "log2": lambda z: MP.log(z) / MP.log(2),
    "pow": power,
}


def on_steps(function):
    return lambda *values: Step(function(*map(exact, values)))


FUNCTIONS = {name: on_steps(function) for name, function in EXACT.items()}
FUNCTIONS |= {"floor": math.floor, "ceil": math.ceil, "trunc": int, "fabs": abs}
FUNCTIONS["copysign"] = lambda a, b: abs(a) if b >= 0 else -abs(a)
FUNCTIONS["fmod"] = lambda a, b: a - b * int(a / b)
FUNCTIONS["lgamma"] = lambda v: abs(v.gamma()).log()


class StepMath:
    """The module math for `Step` and plain numbers alike."""

    def __getattr__(self, name):
        plain = getattr(math, name)

        def call(*values):
            stepped = any(isinstance(value, Step) for value in values)
            return (FUNCTIONS[name] if stepped else plain)(*values)

        return call if callable(plain) else plain


def filled(value):
    return lambda shape, *_, **__: np.full(shape, value, dtype=object)


def filled_like(value):
    return lambda like, *_, **__: np.full(np.shape(like), value, dtype=object)


def variance(values):
    return np.mean((values - np.mean(values)) ** 2)


# NumPy, where every scratch array can hold a `Step`.
STEP_NUMPY = types.SimpleNamespace(
    **{
        **vars(np),
        "zeros": filled(0.0),
        "ones": filled(1.0),
        "empty": filled(math.nan),
        "full": lambda shape, value, *_: filled(value)(shape),
        "zeros_like": filled_like(0.0),
        "ones_like": filled_like(1.0),
        "empty_like": filled_like(math.nan),
        "var": variance,
        "std": lambda values: np.sqrt(variance(values)),
        "linalg": types.SimpleNamespace(norm=lambda values: np.sqrt(np.sum(values * values))),
    }
)
SHIMS = {"math": StepMath(), "np": STEP_NUMPY, "float": lambda value: value}


def names_in(code):
    inner = [names_in(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*inner)


def rebound(function, names, wrap=lambda function: function):
    """A copy of `function`, and of the plain functions that it calls, with the global `names`."""

    def convert(value):
        own = isinstance(value, types.FunctionType) and value.__module__ == function.__module__
        return rebound(value, names, wrap) if own and value is not function else value

    scope = dict(function.__globals__)
    for name in names_in(function.__code__) & scope.keys():
        scope[name] = convert(scope[name])
    scope.update(names)
    closure = tuple(types.CellType(convert(c.cell_contents)) for c in function.__closure__ or ())
    code, defaults = function.__code__, function.__defaults__
    copy = wrap(types.FunctionType(code, scope, function.__name__, defaults, closure))
    if scope.get(function.__name__) is function:
        scope[function.__name__] = copy  # it may call itself
    return copy


def jit(function):
    """`function` compiled, with its helpers as if each had been decorated with ``@njit``."""
    import numba

    return rebound(function, {}, numba.njit)


def complex_step(fun, x, args=()):
    """The gradient of `fun` at x, in the shape of x."""
    stepped = rebound(fun, SHIMS)
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        at = np.array([Step(float(v)) for v in x.flat], dtype=object).reshape(x.shape)
        at[i] = Step(MP.mpc(float(x[i]), TINY))
        gradient[i] = float(exact(stepped(at, *args)).imag / TINY)
    return gradient


def differences(fun, x):
    """Central differences with one extrapolation, good to some 1e-10."""
    g = np.empty(x.shape)
    for at in np.ndindex(x.shape):
        slopes = []
        for h in (2e-3, 1e-3):
            above, below = x.copy(), x.copy()
            above[at] += h
            below[at] -= h
            slopes.append((fun(above) - fun(below)) / (2.0 * h))
        g[at] = (4.0 * slopes[1] - slopes[0]) / 3.0
    return g


class Case(NamedTuple):
    """One objective; ``oracle(fun, x, args)`` is its gradient at each x of `points`."""

    name: str
    fun: Callable
    points: list
    args: tuple = ()
    oracle: Callable = complex_step


def rosenbrock(x):
    s = 0.0
    for i in range(len(x) - 1):
        s += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return s


def powell_singular(x):
    a, b, c, d = x
    return (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4


BEALE_Y = (1.5, 2.25, 2.625)


def beale(x):
    f = 0.0
    below = 1.0
    for y in BEALE_Y:
        below = below * x[-1]
        f += (y - x[-2] * (1.0 - below)) ** 2
    return f


def goldstein_price(x):
    a, b = x[0], x[1]
    left = 19 - 14 * a + 3 * a**2 - 14 * b + 6 * a * b + 3 * b**2
    right = 18 - 32 * a + 12 * a**2 + 48 * b - 36 * a * b + 27 * b**2
    return (1 + (a + b + 1) ** 2 * left) * (30 + (2 * a - 3 * b) ** 2 * right)


def himmelblau(x):
    u, v = x[0] * x[0] + x[1] - 11, x[0] + x[1] * x[1] - 7
    parts = (u * u, v * v)
    return parts[0] + parts[1]


def ackley(x):
    squares = waves = 0.0
    for v in x:
        squares += v * v
        waves += math.cos(2 * math.pi * v)
    n = len(x)
    return 20 + math.e - 20 * math.exp(-0.2 * math.sqrt(squares / n)) - math.exp(waves / n)


def griewank(x):
    total, product = 0, 1
    for i, v in enumerate(x):
        total += v**2 / 4000
        product *= math.cos(v / math.sqrt(i + 1))
    return 1 + total - product


def levy(x):
    def w(v):
        return 1.0 + (v - 1.0) / 4.0

    s = math.sin(math.pi * w(x[0])) ** 2
    for i in range(x.size - 1):
        s += (w(x[i]) - 1.0) ** 2 * (1.0 + 10.0 * math.sin(math.pi * w(x[i]) + 1.0) ** 2)
    last = w(x[-1])
    return s + (last - 1.0) ** 2 * (1.0 + math.sin(2.0 * math.pi * last) ** 2)


def styblinski_tang(x):
    s = 0
    for v in x:
        s = s + v**4 - 16 * v**2 + 5 * v
    return s / 2


def powers(x):
    a, b = x[0], x[1]
    s = a**a + 2.0**b + a**b + a**3 - b**-2 + a**0.5 + a**2.5 + (-a) ** 2.0
    return s + pow(b, 1.5) + math.pow(a, -b) + (a - 3.0 * b) ** 3 + 3**a + a**0 + a**1


def elementary(x):
    a, b, c = x[0], x[1], x[2]
    s = math.expm1(a) + math.log1p(b) + math.log2(b) * math.log10(c) + math.tan(a)
    s += math.asin(a) * math.acos(a) + math.atan(c) * math.atanh(a) + math.asinh(b)
    return s - math.acosh(c) * math.sinh(a) / math.cosh(b) + math.tanh(c) + math.fabs(-b)


def special(x):
    s = math.erf(x[0]) * math.gamma(x[1]) - math.lgamma(x[1] + x[0] ** 2)
    return s + math.erfc(x[0] - x[1]) + math.lgamma(x[0] - 2.5)


def angles(x):
    s = math.hypot(x[0], x[1]) * math.radians(x[1])
    for i in range(len(x)):
        s += (i + 1) * math.atan2(x[i], x[i - 1])
    return s + math.degrees(math.atan2(x[0], 2.0)) / 90


def piecewise(x):
    a, b = x[0], x[1]
    if a > 5:
        return 0
    if a < 0 < b:
        return a * b**2
    s = a if abs(b) > 1.0 else b
    s += (a > 1.0) * b**2 - min(a, b, a * b) * max(a, 0.3, b)
    return float(s) if a != b and a != 2.0 else 1.0


def roundings(x):
    s = x[0] // 0.3 * x[1] + x[0] % 0.7 + round(x[1]) * x[0] + math.floor(x[0]) * x[1]
    s += math.ceil(x[1]) * x[0] + int(x[0]) * x[1] ** 2 + np.fmod(x[1], 0.4) + 7.0 % x[0]
    return s + math.copysign(x[0], x[1]) + math.trunc(x[1]) * x[1] + math.copysign(2.0, -x[0])


def fibonacci(x):
    a, b = x[0], x[1]
    for _ in range(6):
        a, b = b, a + 0.5 * math.sin(b)
    return a * b


def legendre(n, v):
    if n < 2:
        return v if n else 1.0
    return ((2 * n - 1) * v * legendre(n - 1, v) - (n - 1) * legendre(n - 2, v)) / n


def expansion(x):
    return legendre(5, x[0]) * legendre(3, x[1]) + legendre(2, x[0] * x[1])


SCALARS = [
    (rosenbrock, [[-1.2, 1.0], [0.3, 0.7, -0.4, 1.1]]),
    (powell_singular, [[3.0, -1.0, 0.5, 1.0], [0.2, 0.3, -0.7, 1.4]]),
    (beale, [[1.0, 1.2], [2.5, -0.3]]),
    (goldstein_price, [[0.4, -0.7], [-0.3, 0.2]]),
    (himmelblau, [[1.0, 1.5], [-2.1, 0.4]]),
    (ackley, [[0.8, -0.3], [1.3, 0.6, -2.2]]),
    (griewank, [[3.0, -2.0], [0.7, 5.0, 1.9]]),
    (levy, [[0.2, 1.7, -0.6], [2.4, -1.1]]),
    (styblinski_tang, [[0.3, -1.2], [2.1, -2.7, 0.9]]),
    (powers, [[1.3, 0.6], [0.7, 2.2]]),
    (elementary, [[0.3, 0.8, 1.7], [-0.6, 1.9, 2.4]]),
    (special, [[0.4, 2.3], [-0.7, 0.6]]),
    (angles, [[0.8, -0.5, 1.3], [-1.1, -0.4, -0.9], [-0.3, 0.7, 0.2]]),
    (piecewise, [[-0.4, 0.8], [1.5, -1.7], [0.6, 0.35], [6.0, 1.0]]),
    (roundings, [[1.7, -2.45], [2.3, 0.55], [-0.8, 1.25]]),
    (fibonacci, [[0.3, 1.2], [-0.8, 0.4]]),
    (expansion, [[0.3, -0.7], [0.9, 1.2]]),
]


def case(fun, points, *args):
    return Case(fun.__name__, fun, [np.array(x, dtype=np.float64) for x in points], args)


CASES = [case(*row) for row in [*SCALARS, *ARRAYS]]
