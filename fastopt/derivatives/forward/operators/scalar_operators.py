"""Operators and builtins on duals, for Numba's typing and lowering on both targets.

The operands are duals of one type and real numbers of any type. All is computed in the element type
of the duals, as NumPy does with Python's numbers. Piecewise constant operations (``//``, ``round``,
``int``) return a plain number.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import operator
from typing import Any

from numba import types
from numba.extending import lower_builtin

from fastopt.compiling.numba_internals import AbstractTemplate, infer_global, signature
from fastopt.derivatives.forward.duals import dual_number, llvm_emitter
from fastopt.derivatives.forward.duals.dual_number import Dual, DualArray
from fastopt.derivatives.forward.lazy import expressions
from fastopt.derivatives.forward.lazy.expressions import Frozen, Lazy
from fastopt.derivatives.rules import derivative_rules, infinite_slopes

RULES = {getattr(operator, name): rule for name, rule in derivative_rules.OPERATORS.items()}
COMPARISONS = {
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
    operator.ne: "!=",
}
_REAL = (types.Integer, types.Float, types.Boolean)


def dual_in(kinds) -> Any:
    """Return the type of dual among these types and elements of array types, or None."""
    found = {k.dtype if isinstance(k, DualArray | Lazy) else k for k in kinds}
    found = {k for k in found if isinstance(k, Dual)}
    return found.pop() if len(found) == 1 else None


def accepts(kinds):
    """Return True if all are duals and real numbers, or arrays of these."""
    items = [k.dtype if isinstance(k, types.Array) else k for k in kinds]
    return all(isinstance(item, (Dual, *_REAL)) for item in items)


def array_like(dtype, kinds):
    """Return the array type of an elementwise operation's result, or None for scalars."""
    ndim = max(k.ndim if isinstance(k, types.Array) else 0 for k in kinds)
    kind = DualArray if isinstance(dtype, Dual) else types.Array
    return kind(dtype, ndim, "C") if ndim else None


class Operator(AbstractTemplate):
    """The type of an operation with a dual."""

    arrays = True  # whether it accepts arrays
    is_deferred = True  # whether it accepts frozen arrays

    def generic(self, args, kws):
        if self.is_deferred and not kws and expressions.is_deferred(args, self.context):
            return expressions.elementwise(self.context, self.key, args)
        kind = dual_in(args)
        if kind is None or kws or not accepts(args):
            return None
        if not self.arrays and any(isinstance(a, types.Array) for a in args):
            return None
        scalar, plain = self.result(kind), [self.plain(a) for a in args]
        return signature(array_like(scalar, args) or scalar, *plain)

    def result(self, kind):
        return kind

    plain = staticmethod(types.unliteral)


class _Power(Operator):
    """The type of a power; literal exponents are kept, since they become multiplications."""

    prefer_literal = True

    @staticmethod
    def plain(kind):
        return kind if isinstance(kind, types.IntegerLiteral) else types.unliteral(kind)


class _Comparison(Operator):
    def result(self, kind):
        return types.boolean


class _Step(Operator):
    def result(self, kind):
        return kind.real


def lower_rule(rule):
    """Return the lowering by a rule of `derivative_rules`."""

    def lower(context, builder, sig, args):
        return llvm_emitter.apply(context, builder, rule, dual_in(sig.args), sig.args, args)

    return lower


def lower_step(function, rule=None):
    """Return the lowering of a piecewise constant function, which is applied to the values."""

    def lower(context, builder, sig, args):
        real, values = _values(context, builder, sig, args)
        kinds = [real] * len(args)
        kind, value = llvm_emitter.of_numbers(context, builder, function, rule, real, kinds, values)
        return context.cast(builder, value, kind, sig.return_type)

    return lower


def _lower_comparison(sign):
    def lower(context, builder, sig, args):
        compare = builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered
        return compare(sign, *_values(context, builder, sig, args)[1])

    return lower


def _values(context, builder, sig, args):
    """Return the element type, and the values of the arguments in it."""
    kind = dual_in(sig.args)
    pairs = zip(sig.args, args, strict=True)
    return kind.real, [
        dual_number.value_and_lanes(context, builder, kind, s, v)[0] for s, v in pairs
    ]


def _waiting(arity):
    """Return the possible argument types of a deferred operation."""
    if arity == 1:
        return [(Frozen,), (Lazy,)]
    others = (Frozen, Lazy, types.Array, Dual, *_REAL)
    pairs = {pair for a in (Frozen, Lazy) for b in others for pair in ((a, b), (b, a))}
    return pairs | {(types.Array, Dual), (Dual, types.Array)}


def _now_or_later(lower):
    """Return a lowering that defers the operation, unless the result is a number.

    Operations on arrays without axes return numbers.
    """

    def lower_choice(context, builder, sig, args):
        number = isinstance(sig.return_type, Dual | types.Number | types.Boolean)
        make = lower if number else expressions.defer
        return make(context, builder, sig, args)

    return lower_choice


def _register(key, template, lower, arity, **members):
    infer_global(key)(type(f"{key.__name__}_of_duals", (template,), {"key": key, **members}))
    if arity == 1:
        lower_builtin(key, Dual)(lower)
    else:
        lower_builtin(key, Dual, Dual)(lower)
        for kind in _REAL:
            lower_builtin(key, Dual, kind)(lower)
            lower_builtin(key, kind, Dual)(lower)
    if members.get("is_deferred", True):
        for kinds in _waiting(arity):
            lower_builtin(key, *kinds)(_now_or_later(lower))


def _register_operator(key, template, lower, arity=2):
    """Register an operator and its in-place form; for arrays see `inplace_operators`."""
    _register(key, template, lower, arity)
    in_place = getattr(operator, f"i{key.__name__}", None)
    if in_place:
        _register(in_place, template, lower, arity, arrays=False, is_deferred=False)


for _key, _rule in RULES.items():
    _template = _Power if _key is operator.pow else Operator
    _register_operator(_key, _template, lower_rule(_rule), _rule.__code__.co_argcount - 1)
for _key, _sign in COMPARISONS.items():
    _register(_key, _Comparison, _lower_comparison(_sign), 2)
_register_operator(operator.floordiv, _Step, lower_step(operator.floordiv))
_register(abs, Operator, lower_rule(derivative_rules.absolute), 1, arrays=False)
_register(pow, Operator, lower_rule(derivative_rules.pow), 2, arrays=False)


def literal_power(power):
    """Return the rule of a power whose exponent is a constant integer."""

    def rule(m, x):
        if power == 0:
            return m.constant(1.0), 0.0
        below = _product(m, x, abs(power) - 1)
        if power > 0:
            return below * x, 1.0 if power == 1 else infinite_slopes.ZeroIfInactive(
                float(power) * below
            )
        v = 1.0 / (below * x)
        return v, infinite_slopes.settling(float(power) * v / x)

    rule.__name__ = "literal_power" if power >= 0 else "negative_power"
    rule.power = power
    return rule


@lower_builtin(operator.pow, Dual, types.IntegerLiteral)
@lower_builtin(operator.ipow, Dual, types.IntegerLiteral)
def _literal_power(context, builder, sig, args):
    kind, rule = sig.args[0], literal_power(sig.args[1].literal_value)
    return llvm_emitter.apply(context, builder, rule, kind, [kind], args[:1])


def _product(m, x, power):
    """Raise x to a power >= 0 by repeated squaring."""
    result = m.constant(1.0)
    while power:
        if power & 1:
            result = result * x
        x, power = x * x, power >> 1
    return result


class _Conversion(AbstractTemplate):
    """The type of a conversion: float() keeps the partials; bool(), int(), round() are steps."""

    def generic(self, args, kws):
        if kws or not args or not isinstance(args[0], Dual):
            return None
        if self.key is float:
            return signature(args[0], *args) if len(args) == 1 else None
        plain = [args[0].real, *map(types.unliteral, args[1:])]
        found = self.context.resolve_value_type(self.key).get_call_type(self.context, plain, {})
        return found and signature(found.return_type, args[0], *plain[1:])


def _lower_conversion(function):
    def lower(context, builder, sig, args):
        kinds = [sig.args[0].real, *sig.args[1:]]
        values = [builder.extract_value(args[0], 0), *args[1:]]
        kind, value = llvm_emitter.call(context, builder, function, kinds, values)
        return context.cast(builder, value, kind, sig.return_type)

    return lower


for _function in (float, int, bool, round):
    infer_global(_function)(
        type(f"{_function.__name__}_of_duals", (_Conversion,), {"key": _function})
    )
    if _function is not float:
        lower_builtin(_function, Dual)(_lower_conversion(_function))
lower_builtin(round, Dual, types.Integer)(_lower_conversion(round))


@lower_builtin(float, Dual)
def _lower_float(context, builder, sig, args):
    return args[0]
