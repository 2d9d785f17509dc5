"""Contributions of a scalar operation to the adjoints of its arguments, by `derivative_rules`."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import functools
import math
import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastopt.compiling.numba_internals import signature
from fastopt.derivatives.forward.duals import partials
from fastopt.derivatives.forward.duals.dual_number import Dual
from fastopt.derivatives.forward.duals.llvm_emitter import Emitter, Symbol, Truth
from fastopt.derivatives.forward.operators import scalar_operators
from fastopt.derivatives.reverse.code import steps
from fastopt.derivatives.rules import derivative_rules, infinite_slopes, numpy_only_rules

OPERATORS = {getattr(operator, name): rule for name, rule in derivative_rules.OPERATORS.items()}
# Rules whose derivatives are finite wherever the value is: their products need no tests.
_CALM = (
    "add sub mul neg pos sin cos tanh atan absolute larger smaller maximum minimum fmax fmin clip"
)
CALM = frozenset(_CALM.split()) | {"where", "extreme", "literal_power"}


@functools.cache
def literal_power(power):
    """Return the rule of a power with a constant exponent."""
    return scalar_operators.literal_power(power)


def where(m, condition, a, b):
    return None, 0.0, infinite_slopes.Chosen(condition), infinite_slopes.Chosen(~condition)


@functools.cache
def extreme(smallest, count):
    """Return the rule of Python's min or max of several numbers."""

    def rule(m, *values):
        best, picked = values[0], []
        for k, value in enumerate(values[1:], 1):
            keep = ~(value < best) if smallest else ~(value > best)
            picked = [c & keep for c in picked] if k > 1 else [keep]
            picked.append(~keep)
            best = m.where(keep, best, value)
        return best, *map(infinite_slopes.Chosen, picked)

    rule.__name__ = "extreme"
    return rule


def _accumulation(instruction):
    @intrinsic
    def accumulate(context, bar, more):
        """Return the sum or difference of adjoints, in which the sign of a zero is of no matter."""
        if not isinstance(bar, types.Float) or not isinstance(more, types.Float):
            return None

        def codegen(context, builder, sig, args):
            value = context.cast(builder, args[1], more, bar)
            return getattr(builder, instruction)(args[0], value, flags=("contract", "nsz"))

        return bar(bar, more), codegen

    return accumulate


plus, minus = _accumulation("fadd"), _accumulation("fsub")


@functools.cache
def pullback(rule, wanted, guards, fast):
    """Return an intrinsic ``(bar, args)``: the contributions to the arguments `wanted`.

    It returns a number if one is wanted, else a tuple. `guards` says whether the product is zero
    if the adjoint is, however large the slope, and if the slope is, however large the adjoint.
    """

    @intrinsic
    def pull(context, bar, args):
        count = len(wanted)
        result = bar if count == 1 else types.UniTuple(bar, count)

        def codegen(context, builder, sig, values):
            kind = Dual(bar, 0, False, fast)
            m = Emitter(context, builder, kind)
            items = cgutils.unpack_tuple(builder, values[1])
            pairs = zip(items, sig.args[1].types, strict=True)
            symbols = [_symbol(m, value, kind, rule) for value, kind in pairs]
            derivatives = rule(m, *symbols)[1:]
            found = [_product(m, values[0], derivatives[k], guards) for k in wanted]
            if count == 1:
                return found[0]
            return context.make_tuple(builder, result, found)

        return signature(result, bar, args), codegen

    return pull


def _symbol(m, value, kind, rule):
    if isinstance(kind, types.Boolean) and rule is where:
        return Truth(m.builder, value)
    return Symbol(m, m.context.cast(m.builder, value, kind, m.kind.real))


def _product(m, bar, derivative, guards):
    """Return an adjoint times a derivative of any kind that rules return."""
    builder, zero = m.builder, ir.Constant(m.real, 0.0)
    if isinstance(derivative, infinite_slopes.Chosen):
        return builder.select(derivative.condition.value, bar, zero)
    tests = []
    if isinstance(derivative, infinite_slopes.ZeroIfInactive):
        if guards[1] and derivative.dead is not None:
            tests.append(derivative.dead.value)
        derivative = derivative.derivative
    if isinstance(derivative, float) and derivative in (1.0, -1.0, 0.0):
        return bar if derivative == 1.0 else partials.negative(builder, bar) if derivative else zero
    factor = m.constant(derivative).value
    product = builder.fmul(bar, factor, flags=("contract",))
    if guards[0]:
        tests.append(builder.fcmp_ordered("==", bar, zero))
    if guards[1]:
        tests.append(builder.fcmp_ordered("==", factor, zero))
    if not tests:
        return product
    return builder.select(functools.reduce(builder.or_, tests), zero, product)


def rule_of(program, op, arrays=False):
    """Return ``(rule, names of its arguments)`` for an operation on numbers, or None."""
    if op.kind in ("binop", "unary"):
        fn = op.value
        if fn is operator.pow:
            exponent = program.types[op.uses[1]]
            if isinstance(exponent, types.IntegerLiteral):
                return literal_power(exponent.literal_value), op.uses[:1]
        rule = OPERATORS.get(fn)
        return (rule, op.uses) if rule else None
    if op.kind != "call" or op.value.kws or op.value.vararg:
        return None
    key, args = op.key, op.args
    if op.owner is not None:
        return None
    if isinstance(key, types.NumberClass) or key is float:
        return (derivative_rules.pos, args) if len(args) == 1 else None
    if key in (max, min) and len(args) > 1:
        return extreme(key is min, len(args)), args
    if key is abs:
        return derivative_rules.absolute, args
    if key is pow and len(args) == 2:
        return derivative_rules.pow, args
    if key is np.where and len(args) == 3:
        kind = program.types[args[0]]
        kind = kind.dtype if arrays and isinstance(kind, types.Array) else kind
        return (where, args) if isinstance(kind, types.Boolean) else None
    rule = _functions().get(key)
    if rule is None or rule.__code__.co_argcount - 1 != len(args):
        return None
    return rule, args


@functools.cache
def _functions():
    found = {getattr(math, n): r for n, r in derivative_rules.MATH.items() if hasattr(math, n)}
    rules = {**derivative_rules.NUMPY, **numpy_only_rules.NUMPY}
    found |= {getattr(np, n): r for n, r in rules.items() if hasattr(np, n)}
    found = {key: rule for key, rule in found.items() if rule is not None}
    return found | {ours: found[key] for key, ours in steps.stand_ins() if key in found}
