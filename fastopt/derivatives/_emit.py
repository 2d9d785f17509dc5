"""Rules turned into LLVM instructions, for duals of either layout on either target."""

import math
import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.cpu import CPUContext
from numba.core.typing.context import Context as CPUTyping

from fastopt import elementary
from fastopt.derivatives import _digamma, _dual, _slopes


class Symbol:
    """A real number of the code that is being made: arithmetic on it adds instructions."""

    def __init__(self, emitter, value):
        self.emitter, self.value = emitter, value

    def __neg__(self):
        return Symbol(self.emitter, negative(self.emitter.builder, self.value))

    def __abs__(self):
        return self.emitter.fabs(self)


def negative(builder, value):
    """-value; CUDA's compiler has no instruction fneg."""
    minus = [-0.0] * value.type.count if isinstance(value.type, ir.VectorType) else -0.0
    return builder.fsub(ir.Constant(value.type, minus), value)


class Truth:
    """A truth value of the code that is being made."""

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
        """A symbol from a Python number; symbols as they are."""
        if isinstance(number, Symbol):
            return number
        return Symbol(self, ir.Constant(self.real, float(number)))

    def where(self, condition, a, b):
        a, b = self.constant(a).value, self.constant(b).value
        return Symbol(self, self.builder.select(condition.value, a, b))

    def mod(self, a, b):
        return self.call(operator.mod, a, b)

    def digamma(self, x):
        text = _digamma.narrowed() if self.kind.real == types.float32 else _digamma.digamma
        signature = self.kind.real(self.kind.real)
        return Symbol(self, self.context.compile_internal(self.builder, text, signature, [x.value]))

    def floor(self, x):
        """As a float; math.floor of compiled code is an integer."""
        function = self.builder.module.declare_intrinsic("llvm.floor", [self.real])
        return Symbol(self, self.builder.call(function, [x.value]))

    def rint(self, x):
        function = self.builder.module.declare_intrinsic("llvm.rint", [self.real])
        return Symbol(self, self.builder.call(function, [x.value]))

    def __getattr__(self, name):
        """The function called `name`: fast where there is one and it is wanted."""
        own = fast(self.context, name, self.kind.real) if self.kind.fast else None
        return lambda *args: self.call(own or self.known(name), *args)

    def known(self, name):
        """What Numba has of that name, in math or in NumPy."""
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
    """Our vectorisable function of that name for numbers of type `real`, on the CPU."""
    if not isinstance(context, CPUContext) or not isinstance(real, types.Float):
        return None
    table = elementary.FLOAT64 if real == types.float64 else elementary.FLOAT32
    return table.get(name)


def call(context, builder, function, kinds, values):
    """Call what Numba knows under `function`: the type and the value of its result."""
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


def floats_of(context, kinds):
    """The type of a function of numbers that a target does not know but by its rule."""
    if isinstance(context, CPUTyping) or any(isinstance(k, types.Array) for k in kinds):
        return None
    kind = context.unify_types(*kinds)
    return kind if isinstance(kind, types.Float) else None


def of_numbers(context, builder, function, rule, real, kinds, values):
    """Code for a function of numbers alone; NumPy's by its rule where it is not known otherwise."""
    if isinstance(context, CPUContext) or rule is None or not isinstance(real, types.Float):
        return call(context, builder, function, kinds, values)
    m = Emitter(context, builder, _dual.Dual(real, 0))
    pairs = zip(kinds, values, strict=True)
    symbols = [Symbol(m, context.cast(builder, v, kind, real)) for kind, v in pairs]
    found = rule(m, *symbols)
    if isinstance(found, Truth):
        return types.boolean, found.value
    return real, m.constant(found[0] if isinstance(found, tuple) else found).value


def apply(context, builder, rule, kind, sources, values):
    """The dual that a rule gives for arguments of types `sources`, some of them duals."""
    m = Emitter(context, builder, kind)
    pairs = zip(sources, values, strict=True)
    parts = [_dual.split(context, builder, kind, s, v) for s, v in pairs]
    v, *derivatives = rule(m, *(Symbol(m, v) for v, _ in parts))
    moving = [(moves, d) for (_, moves), d in zip(parts, derivatives, strict=True) if moves]
    lanes = _combined(m, moving)
    return _dual.pack(context, builder, kind, m.constant(v).value, lanes)


def _combined(m, moving):
    """The sum of lanes times derivatives."""
    rare = _may_be_lost(m, moving) if m.kind.wide else None
    if rare is None:
        return _summed(m, moving, careful=True)
    # A comparison of long vectors costs more than a branch that is never taken. (Separate lanes
    # are compared: a branch would keep loops over data from running in vectors.)
    builder, fast = m.builder, _summed(m, moving, careful=False)
    before = builder.block
    with builder.if_then(rare, likely=False):
        slow, inside = _summed(m, moving, careful=True), builder.block
    joined = []
    for one, other in zip(fast, slow, strict=True):
        phi = builder.phi(one.type)
        phi.add_incoming(one, before)
        phi.add_incoming(other, inside)
        joined.append(phi)
    return joined


def _may_be_lost(m, moving):
    """Whether any factor is infinite or undefined, or dead, in the code; None where none can be."""
    found = None
    for _, derivative in moving:
        if not isinstance(derivative, _slopes.IfMoving):
            continue
        factor = m.constant(derivative.derivative)
        if is_finite(factor.value):
            continue
        infinite = ir.Constant(factor.value.type, math.inf)
        lost = m.builder.fcmp_unordered(">=", abs(factor).value, infinite)
        if derivative.dead is not None:
            lost = m.builder.or_(lost, derivative.dead.value)
        found = lost if found is None else m.builder.or_(found, lost)
    return found


def _summed(m, moving, careful):
    totals = []
    for moves, derivative in moving:
        pairs = zip(totals or [None] * len(moves), moves, strict=True)
        totals = [_added(m, *pair, derivative, careful) for pair in pairs]
    return totals


def _added(m, total, lane, derivative, careful):
    """`total`, or nothing yet, and a lane (a partial, or their vector) times a derivative."""
    builder, zero = m.builder, ir.Constant(lane.type, None)
    guard = None
    if isinstance(derivative, _slopes.Chosen):
        term = builder.select(_spread(builder, derivative.condition.value, lane.type), lane, zero)
    else:
        if isinstance(derivative, _slopes.IfMoving):
            known = is_finite(m.constant(derivative.derivative).value)
            guard = derivative if careful and not known else None
            derivative = derivative.derivative
        term = _scaled(m, lane, derivative)
    added = builder.fadd(total, term) if total else term
    if guard is None:
        return added
    # Zero times infinity would be NaN. The choice is around the sum: one instruction computes
    # product and sum.
    still = builder.fcmp_ordered("==", lane, zero)
    if guard.dead is not None:
        still = builder.or_(still, _spread(builder, guard.dead.value, lane.type))
    return builder.select(still, total or zero, added)


def is_finite(value):
    """Return True for a number that is known while code is made, and finite."""
    known = isinstance(value, ir.Constant) and isinstance(value.constant, float)
    return known and math.isfinite(value.constant)


def _scaled(m, lane, derivative):
    """A lane times a derivative."""
    zero = ir.Constant(lane.type, None)
    if isinstance(derivative, float) and derivative in (1.0, -1.0, 0.0):
        return lane if derivative == 1.0 else negative(m.builder, lane) if derivative else zero
    return m.builder.fmul(lane, _spread(m.builder, m.constant(derivative).value, lane.type))


def _spread(builder, value, lane):
    """`value` in every place of a vector as long as a lane; itself for a number."""
    if not isinstance(lane, ir.VectorType):
        return value
    vector = ir.VectorType(value.type, lane.count)
    index, undefined = ir.IntType(32), ir.Constant(vector, ir.Undefined)
    vector = builder.insert_element(undefined, value, index(0))
    everywhere = ir.Constant(ir.VectorType(index, lane.count), None)
    return builder.shuffle_vector(vector, undefined, everywhere)
