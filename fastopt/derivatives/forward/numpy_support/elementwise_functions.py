"""Elementary functions of user code: our own, for numbers, duals and arrays of either.

`substitutions` replaces ``np.exp`` in user code by ``FAST[np.exp]`` or ``EXACT[np.exp]``. These are
ufuncs made here; this module registers their types and lowering with Numba. Numba fuses ufuncs with
the operators around them, as it does with NumPy's own.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import math
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import lower_builtin

from fastopt.compiling.numba_internals import AbstractTemplate, infer_global, signature
from fastopt.derivatives.forward.duals import llvm_emitter
from fastopt.derivatives.forward.lazy import expressions
from fastopt.derivatives.forward.operators import loop_fusion
from fastopt.derivatives.forward.operators.scalar_operators import (
    accepts,
    array_like,
    dual_in,
    lower_rule,
    lower_step,
)
from fastopt.derivatives.rules import derivative_rules, numpy_only_rules


def _trunc(m, x):
    return m.where(x < 0.0, -m.floor(-x), m.floor(x))


# NumPy's step functions, in terms of functions that every target has.
STEPS: dict[str, Any] = {
    "floor": lambda m, x: m.floor(x),
    "ceil": lambda m, x: -m.floor(-x),
    "trunc": _trunc,
    "rint": lambda m, x: m.rint(x),
    "sign": lambda m, x: m.where(x > 0.0, 1.0, m.where(x < 0.0, -1.0, x)),
    "isnan": lambda m, x: x != x,
    "isinf": lambda m, x: abs(x) == math.inf,
    "isfinite": lambda m, x: abs(x) < math.inf,
}


class _Elementwise(AbstractTemplate):
    """The type of an elementwise function of numbers and arrays."""

    element: Any  # types of the elements -> type of the result

    def generic(self, args, kws):
        if kws or len(args) != self.key.nin:
            return None
        args = [types.unliteral(a) for a in args]
        if expressions.is_deferred(args, self.context):
            return expressions.elementwise(self.context, self.key, args)
        scalar = self.element([a.dtype if isinstance(a, types.Array) else a for a in args])
        return scalar and signature(array_like(scalar, args) or scalar, *args)


def _ufunc(name, arity, element, lower):
    """Return a ufunc registered for compiled code with this typing and this lowering."""

    def stand_in(*args):
        raise TypeError(f"fastopt's {name} is for compiled code")

    stand_in.__name__ = name  # for messages
    ufunc: Any = np.frompyfunc(stand_in, arity, 1)
    template = type(name, (_Elementwise,), {"key": ufunc, "element": element})
    infer_global(ufunc, types.Function(template))

    def now_or_later(context, builder, sig, args):
        make = expressions.defer if isinstance(sig.return_type, expressions.Lazy) else lower
        return make(context, builder, sig, args)

    lower_builtin(ufunc, types.VarArg(types.Any))(now_or_later)
    loop_fusion.UFUNCS.add(ufunc)
    return ufunc


def _original(template, function, kinds):
    """Return the result type of a function of Python or NumPy for these types."""
    context = template.context
    found = context.resolve_value_type(function).get_call_type(context, kinds, {})
    return found and found.return_type


def _clipped(x, low, high):
    """Compute `numpy.clip` of numbers."""
    above = low if x < low else x
    return high if above > high else above


def _make(original, rule, fast):
    """Return our ufunc for a function of math or NumPy; without a rule it is a step function."""
    arity = rule.__code__.co_argcount - 1 if rule else getattr(original, "nin", 1)
    name = rule.__name__ if rule else original.__name__
    # Used on a GPU, which supports few of NumPy's functions of numbers.
    text = (rule or STEPS.get(name)) if isinstance(original, np.ufunc) or rule else None
    lower_dual = lower_rule(rule) if rule else lower_step(original, text)

    def element(self, kinds):
        dual = dual_in(kinds)
        if dual is None:
            if original is np.clip:  # Numba supports it for arrays only
                return self.context.unify_types(*kinds)
            return _original(self, original, kinds)
        if not accepts(kinds):
            return None
        return dual if rule else _original(self, original, [dual.real] * len(kinds))

    def lower(context, builder, sig, args):
        if dual_in(sig.args) is not None:
            return lower_dual(context, builder, sig, args)
        if original is np.clip:
            return context.compile_internal(builder, _clipped, sig, args)
        own, kinds = fast and llvm_emitter.fast(context, name, sig.return_type), sig.args
        if own:  # a function of floats: integers and booleans are converted
            pairs = zip(args, kinds, strict=True)
            args = [context.cast(builder, v, kind, sig.return_type) for v, kind in pairs]
            kinds = [sig.return_type] * len(args)
        real = sig.args[0] if sig.return_type == types.boolean else sig.return_type
        kind, value = llvm_emitter.of_numbers(
            context, builder, own or original, text, real, kinds, args
        )
        return context.cast(builder, value, kind, sig.return_type)

    return _ufunc(original.__name__, arity, element, lower)


def _table(fast):
    """Return original function -> our function."""
    math_rules = {**derivative_rules.MATH, **derivative_rules.MATH_STEPS}
    numpy_rules = {**numpy_only_rules.NUMPY, **derivative_rules.STEPS}
    return {
        getattr(module, name): _make(getattr(module, name), rule, fast)
        for module, rules in ((math, math_rules), (np, numpy_rules))
        for name, rule in rules.items()
        if hasattr(module, name)
    }


def _where_element(self, kinds):
    if not isinstance(kinds[0], types.Boolean | types.Number):
        return None
    return dual_in(kinds[1:]) or self.context.unify_types(*kinds[1:])


def _lower_where(context, builder, sig, args):
    condition = context.is_true(builder, sig.args[0], args[0])
    pairs = zip(args[1:], sig.args[1:], strict=True)
    values = [context.cast(builder, v, source, sig.return_type) for v, source in pairs]
    return builder.select(condition, *values)


class _Extreme(AbstractTemplate):
    """The type of Python's max or min."""

    original: Any

    def generic(self, args, kws):
        one = len(args) == 1 and isinstance(args[0], types.BaseTuple)
        kind = dual_in(args[0].types if one else args)
        if kind is None:
            known = self.context.resolve_value_type(self.original)
            return known.get_call_type(self.context, args, kws)
        known = accepts(args[0].types if one else args) and not array_like(kind, args) and not kws
        return signature(kind, *args) if known else None


def _extreme(original, rule):
    """Return Python's max or min for several numbers or one tuple, some of them duals."""

    def stand_in(*args):
        raise TypeError(f"fastopt's {original.__name__} is for compiled code")

    stand_in.__name__ = stand_in.__qualname__ = original.__name__  # for messages
    members = {"key": staticmethod(stand_in), "original": staticmethod(original)}
    infer_global(stand_in, types.Function(type(original.__name__, (_Extreme,), members)))

    def lower(context, builder, sig, args):
        kinds, values = sig.args, args
        if isinstance(kinds[0], types.BaseTuple):
            kinds, values = kinds[0].types, cgutils.unpack_tuple(builder, args[0])
        kind = sig.return_type
        if dual_in(kinds) is None:
            known = context.typing_context.resolve_value_type(original)
            ready = context.get_function(known, sig)
            context.add_linking_libs(getattr(ready, "libs", ()))
            return ready(builder, args)
        pairs = zip(values, kinds, strict=True)
        best, *others = (context.cast(builder, v, own, kind) for v, own in pairs)
        for other in others:
            best = llvm_emitter.apply(context, builder, rule, kind, [kind, kind], [best, other])
        return best

    lower_builtin(stand_in, types.VarArg(types.Any))(lower)
    return stand_in


WHERE = _ufunc("where", 3, _where_element, _lower_where)
MAX, MIN = _extreme(max, derivative_rules.larger), _extreme(min, derivative_rules.smaller)
FAST, EXACT = _table(fast=True), _table(fast=False)
