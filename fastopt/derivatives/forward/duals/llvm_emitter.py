"""Translation of rules into LLVM instructions, for duals of either layout on either target."""

import math
import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from fastopt import elementary
from fastopt.compiling.numba_internals import CPUContext
from fastopt.derivatives.forward.duals import dual_number, partials, tangents
from fastopt.derivatives.rules import digamma_function


class Symbol:
    """A real number of the generated code: arithmetic on it emits instructions."""

    def __init__(self, emitter, value):
        self.emitter, self.value = emitter, value

    def __neg__(self):
        return Symbol(self.emitter, partials.negative(self.emitter.builder, self.value))

    def __abs__(self):
        return self.emitter.fabs(self)


class Truth:
    """A truth value of the generated code."""

    def __init__(self, builder, value):
        self.builder, self.value = builder, value

    def __and__(self, other):
        return Truth(self.builder, self.builder.and_(self.value, other.value))

    def __or__(self, other):
        return Truth(self.builder, self.builder.or_(self.value, other.value))

    def __invert__(self):
        return Truth(self.builder, self.builder.not_(self.value))


def _arithmetic(instruction):
    def left(self, other):
        e = self.emitter
        return Symbol(e, getattr(e.builder, instruction)(self.value, e.constant(other).value))

    def right(self, other):
        return left(self.emitter.constant(other), self)

    return left, right


def _comparison(sign):
    compare = "fcmp_unordered" if sign == "!=" else "fcmp_ordered"

    def method(self, other):
        e = self.emitter
        values = self.value, e.constant(other).value
        return Truth(e.builder, getattr(e.builder, compare)(sign, *values))

    return method


for _name, _instruction in {"add": "fadd", "sub": "fsub", "mul": "fmul", "truediv": "fdiv"}.items():
    for _prefix, _method in zip(("", "r"), _arithmetic(_instruction), strict=True):
        setattr(Symbol, f"__{_prefix}{_name}__", _method)
for _name, _sign in {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}.items():
    setattr(Symbol, f"__{_name}__", _comparison(_sign))


class Emitter:
    """The `m` of rules: functions on symbols, in the element type of a kind of dual."""

    def __init__(self, context, builder, kind):
        self.context, self.builder, self.kind = context, builder, kind
        self.real = context.get_value_type(kind.real)

    def constant(self, number):
        """Return a symbol for a Python number; return symbols unchanged."""
        if isinstance(number, Symbol):
            return number
        return Symbol(self, ir.Constant(self.real, float(number)))

    def symbol(self, value):
        return Symbol(self, value)

    def where(self, condition, a, b):
        a, b = self.constant(a).value, self.constant(b).value
        return Symbol(self, self.builder.select(condition.value, a, b))

    def mod(self, a, b):
        return self.call(operator.mod, a, b)

    def digamma(self, x):
        text = (
            digamma_function.narrowed()
            if self.kind.real == types.float32
            else digamma_function.digamma
        )
        signature = self.kind.real(self.kind.real)
        return Symbol(self, self.context.compile_internal(self.builder, text, signature, [x.value]))

    def trigamma(self, x):
        """Return the derivative of digamma, which duals of duals need; they are float64."""
        text, signature = digamma_function.trigamma, self.kind.real(self.kind.real)
        return Symbol(self, self.context.compile_internal(self.builder, text, signature, [x.value]))

    def floor(self, x):
        """Return the floor as a float; math.floor of compiled code is an integer."""
        function = self.builder.module.declare_intrinsic("llvm.floor", [self.real])
        return Symbol(self, self.builder.call(function, [x.value]))

    def rint(self, x):
        function = self.builder.module.declare_intrinsic("llvm.rint", [self.real])
        return Symbol(self, self.builder.call(function, [x.value]))

    def __getattr__(self, name):
        """Return the function called `name`: the fast one if it exists and is requested."""
        own = fast(self.context, name, self.kind.real) if self.kind.fast else None
        return lambda *args: self.call(own or self.known(name), *args)

    def known(self, name):
        """Return the function of that name that Numba supports, in math or in NumPy."""
        for module in (math, np):
            try:
                function = getattr(module, name)
                self.context.typing_context.resolve_value_type(function)
            except (AttributeError, ValueError):
                continue
            return function
        raise NotImplementedError(name)

    def call(self, function, *args):
        real, values = self.kind.real, [self.constant(a).value for a in args]
        kind, value = call(self.context, self.builder, function, [real] * len(values), values)
        return Symbol(self, self.context.cast(self.builder, value, kind, real))


def fast(context, name, real) -> Any:
    """Return our vectorisable function of that name for type `real`, on the CPU, or None."""
    if not isinstance(context, CPUContext) or not isinstance(real, types.Float):
        return None
    table = elementary.FLOAT64 if real == types.float64 else elementary.FLOAT32
    return table.get(name)


def call(context, builder, function, kinds, values):
    """Call Numba's implementation of `function`; return type and value of its result."""
    typing = context.typing_context
    kind = typing.resolve_value_type(function)
    sig = kind.get_call_type(typing, kinds, {})
    ready = context.get_function(kind, sig)
    given = zip(values, map(types.unliteral, kinds), sig.args[: len(kinds)], strict=True)
    values = [
        value if isinstance(taken, types.Literal) else context.cast(builder, value, own, taken)
        for value, own, taken in given
    ]
    left_out = sig.args[len(kinds) :]  # arguments with defaults
    values += [ir.Constant(context.get_value_type(kind), None) for kind in left_out]
    context.add_linking_libs(getattr(ready, "libs", ()))
    return sig.return_type, ready(builder, values)


def of_numbers(context, builder, function, rule, real, kinds, values):
    """Emit a function of plain numbers: on a GPU by its rule, if there is one."""
    if isinstance(context, CPUContext) or rule is None or not isinstance(real, types.Float):
        return call(context, builder, function, kinds, values)
    m = Emitter(context, builder, dual_number.Dual(real, 0))
    pairs = zip(kinds, values, strict=True)
    symbols = [Symbol(m, context.cast(builder, v, kind, real)) for kind, v in pairs]
    found = rule(m, *symbols)
    if isinstance(found, Truth):
        return types.boolean, found.value
    return real, m.constant(found[0] if isinstance(found, tuple) else found).value


def apply(context, builder, rule, kind, sources, values):
    """Emit a rule for arguments of types `sources`, some of them duals; return the dual."""
    m = Emitter(context, builder, kind)
    pairs = zip(sources, values, strict=True)
    parts = [dual_number.value_and_lanes(context, builder, kind, s, v) for s, v in pairs]
    if isinstance(kind, dual_number.SecondDual):
        symbols = [(Symbol(m, v), [Symbol(m, lane) for lane in lanes]) for v, lanes in parts]
        v, lanes = tangents.combined(m, rule, symbols, kind.count)
        return dual_number.make_dual(context, builder, kind, v, lanes)
    v, *derivatives = rule(m, *(Symbol(m, v) for v, _ in parts))
    moving = [(moves, d) for (_, moves), d in zip(parts, derivatives, strict=True) if moves]
    lanes = partials.combined(m, moving)
    return dual_number.make_dual(context, builder, kind, m.constant(v).value, lanes)
