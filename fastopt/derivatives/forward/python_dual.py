"""Dual numbers of plain Python, for code that is not compiled.

They use the same rules (`derivative_rules`). Functions of the same names as the compiled ones
(`seeding`) seed and read them, so that the code around them is the same. Arrays hold objects.
"""

import functools
import math
from typing import Any

import numpy as np

from fastopt.compiling import compiler
from fastopt.derivatives.plain_python import (
    callables,
    python_errors,
    python_number,
    python_objective,
    sample_functions,
)
from fastopt.derivatives.rules import (
    derivative_rules,
    digamma_function,
    infinite_slopes,
    numpy_only_rules,
)


class Numbers:
    """The `m` of rules: functions of floats, with infinities and NaN by IEEE instead of errors."""

    digamma = staticmethod(digamma_function.digamma)
    where = staticmethod(lambda condition, a, b: a if condition else b)
    mod, pow = np.mod, np.power
    asin, acos, atan, atan2 = np.arcsin, np.arccos, np.arctan, np.arctan2
    asinh, acosh, atanh = np.arcsinh, np.arccosh, np.arctanh

    def __getattr__(self, name):
        if hasattr(np, name):
            return getattr(np, name)
        from scipy import special  # erf, erfc, gamma and lgamma

        return getattr(special, "gammaln" if name == "lgamma" else name)


class Dual(python_number.PythonNumber):
    """A value and its partial derivatives."""

    __slots__ = ("partials", "value")
    __hash__: Any = None

    def __init__(self, value, partials):
        self.value, self.partials = value, partials

    def __bool__(self):
        return bool(self.value)

    def __int__(self):
        return int(self.value)

    def __float__(self):
        raise TypeError("a number that depends on x would lose its derivative as a plain float")

    def __abs__(self):
        return apply(derivative_rules.absolute, self)

    def __repr__(self):
        return f"Dual({self.value}, {self.partials})"


def apply(rule, *args):
    """Apply a rule to numbers, some of them duals."""
    kind = next(type(a.value) for a in args if isinstance(a, Dual))
    values = [kind(a.value if isinstance(a, Dual) else a) for a in args]
    with np.errstate(all="ignore"):
        v, *derivatives = rule(Numbers(), *values)
        pairs = [(a, d) for a, d in zip(args, derivatives, strict=True) if isinstance(a, Dual)]
        terms = [_scaled(a.partials, d) for a, d in pairs]
        return Dual(kind(v), sum(terms[1:], terms[0]))


def _scaled(partials, derivative):
    if isinstance(derivative, infinite_slopes.Chosen):
        return partials if derivative.condition else np.zeros_like(partials)
    if isinstance(derivative, infinite_slopes.ZeroIfInactive):
        still = (partials == 0) | bool(derivative.dead)
        return np.where(still, 0, partials * partials.dtype.type(derivative.derivative))
    return partials * partials.dtype.type(derivative)


def _value(a):
    return a.value if isinstance(a, Dual) else a


def _plain_value(a):
    """Return the value as a Python float, since NumPy's float32 does not support math.trunc."""
    return float(_value(a))


def _accepts(b):
    """Return False for an array: NumPy then works element by element, on objects."""
    return not (isinstance(b, np.ndarray) and b.ndim)


python_number.add_operators(Dual, apply, _value, _accepts)


# Replacements for functions of math and NumPy.


def has_dual(a):
    """Return True for a dual, and for an array or list of objects, which count as duals."""
    if isinstance(a, list | tuple):
        return any(map(has_dual, a))
    return isinstance(a, Dual) or (isinstance(a, np.ndarray) and a.dtype == object)


def _choice(original, ours):
    def call(*args, **kws):
        return (ours if any(map(has_dual, args)) else original)(*args, **kws)

    return call


def _elementwise(original, rule):
    if rule is None:  # a step
        return np.frompyfunc(lambda *args: original(*map(_plain_value, args)), _arity(original), 1)
    arity = rule.__code__.co_argcount - 1
    return np.frompyfunc(
        lambda *args: apply(rule, *args) if any(map(has_dual, args)) else original(*args), arity, 1
    )


def _arity(original):
    return getattr(original, "nin", 1)


def _norm(a, ord=None):
    if ord is not None and (ord != 2 or np.ndim(a) > 1):
        raise TypeError("norms of numbers that depend on x are known without ord only")
    return apply(derivative_rules.sqrt, np.sum(a * a))


@sample_functions.along
def _var(a, ddof=0):
    return np.sum((a - np.mean(a)) ** 2) / (np.size(a) - ddof)


@sample_functions.along
def _std(a, ddof=0):
    return apply(derivative_rules.sqrt, _var(a, ddof))


def _scratch(original):
    """Wrap np.zeros or a similar function, to return arrays of objects instead of floats."""

    def make(*args, dtype=None, **kws):
        made = original(*args, dtype=dtype, **kws)
        return made.astype(object) if made.dtype.kind == "f" else made

    return make


class _FloatType(type):
    """The metaclass of replacements for float types: they keep duals, and are dtypes for NumPy."""

    original: Any
    kept: Any  # the class of numbers with derivatives

    def __call__(cls, *args):
        return args[0] if args and isinstance(args[0], cls.kept) else cls.original(*args)

    def __instancecheck__(cls, value):
        return isinstance(value, (cls.original, cls.kept))

    def __getattr__(cls, name):
        return getattr(cls.original, name)


def float_type(original, kept):
    """Return a float type that leaves numbers of the class `kept` as they are."""
    members = {"original": original, "kept": kept, "dtype": np.dtype(original)}
    return _FloatType(original.__name__, (), members)


@functools.cache
def meanings():
    """Return ``id(function) -> function`` for code linked to run on duals of this kind."""
    tables = (
        (math, {**derivative_rules.MATH, **derivative_rules.MATH_STEPS}),
        (np, {**numpy_only_rules.NUMPY, **derivative_rules.STEPS}),
    )
    pairs = {
        getattr(module, name): _elementwise(getattr(module, name), rule)
        for module, rules in tables
        for name, rule in rules.items()
        if hasattr(module, name)
    }
    pairs |= {np.linalg.norm: _norm, np.var: _var, np.std: _std}
    pairs |= sample_functions.FUNCTIONS
    pairs |= {name: pairs[known] for name, known in numpy_only_rules.special().items()}
    table = {original: _choice(original, ours) for original, ours in pairs.items()}
    table |= {kind: float_type(kind, Dual) for kind in (float, np.float64)}
    table |= {max: max, min: min}
    for original in (np.array, np.asarray):
        table[original] = _choice(original, lambda a, dtype=None, o=original: o(a, object))
    for name in "zeros ones empty full zeros_like ones_like empty_like full_like".split():
        table[getattr(np, name)] = _scratch(getattr(np, name))
    return {id(original): ours for original, ours in table.items()}


# Seeds, as in `seeding`.


def seeded(size, x, scratch, first, _known):
    """Return the array x as duals with `size` partials; j is the derivative by first + j."""
    duals = np.empty(x.shape, object)
    eye = np.eye(x.size, dtype=x.dtype)[:, first : first + size]
    for i, v in enumerate(x.reshape(-1)):
        duals.reshape(-1)[i] = Dual(v, eye[i])
    return duals


def value_of(result):
    """Return the value of a dual, or of a number, which is constant."""
    return _value(_scalar(result))


def write_partials(result, g, first, _known):
    """Write the partials to the array g, from `first` on."""
    dual = _scalar(result)
    partials = dual.partials if isinstance(dual, Dual) else np.zeros(g.size - first, g.dtype)
    g[first : first + partials.size] = partials


def _scalar(result):
    if isinstance(result, np.ndarray) and result.size == 1:
        result = result.reshape(-1)[0]
    return result if isinstance(result, Dual) else python_objective.scalar(result)


SEEDS = {"seeded": seeded, "value_of": value_of, "write_partials": write_partials}


def function(fun, follow=compiler.is_plain):
    """Link `fun`, and the plain functions that it calls, over functions that support duals."""
    replace = meanings()

    def linked(plain):
        return compiler.link(plain, {}, compiler.undecorated, follow=follow, replace=replace)

    return python_errors.explained(fun, callables.rebuilt(fun, linked))
