"""The adjoint of each operation: what it needs, and the code that adds its contributions."""
# Numba makes its types in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false

import operator

import numpy as np
from numba import types

from fastopt.derivatives.reverse.adjoints import arrays, pullbacks, writes
from fastopt.derivatives.reverse.adjoints.adjoint import Adjoint, Nothing, said
from fastopt.derivatives.reverse.array_adjoints.table import ADJOINTS
from fastopt.derivatives.reverse.code.errors import NotReversible
from fastopt.derivatives.reverse.code.operations import is_float


class Copy(Adjoint):
    def emit(self, sweep):
        sweep.add(self.op.uses[-1], sweep.bar(self.op.target))


class Rule(Adjoint):
    """An operation on numbers, by its rule."""

    def __init__(self, program, activity, op, rule, args):
        super().__init__(program, activity, op)
        self.rule, self.args = rule, args
        self.wanted = tuple(k for k, name in enumerate(args) if activity.is_active(name))
        self.is_calm = rule.__name__ in pullbacks.CALM
        self.is_linear = rule.__name__ in ("add", "sub", "neg", "pos")
        self.values = () if self.is_linear else tuple(args)
        if rule.__name__ == "mul" and len(self.wanted) == 1:
            self.values = (args[1 - self.wanted[0]],)

    def rules(self):
        return {self.rule.__name__}

    def emit(self, sweep):
        b, bar, name = sweep.builder, sweep.bar(self.op.target), self.rule.__name__
        if self.is_linear:
            for k in self.wanted:
                minus = name == "neg" or (name == "sub" and k == 1)
                (sweep.subtract if minus else sweep.add)(self.args[k], bar)
        elif name == "mul" and not any(self.guards):
            for k in self.wanted:
                sweep.add(self.args[k], b.binop("*", bar, sweep.value(self.args[1 - k])))
        else:
            values = [sweep.value(n) if n in self.values else bar for n in self.args]
            pull = pullbacks.pullback(self.rule, self.wanted, self.guards, sweep.fast)
            found = b.call(pull, [bar, b.tuple(values)])
            for place, k in enumerate(self.wanted):
                one = found if len(self.wanted) == 1 else b.item(found, place)
                sweep.add(self.args[k], one)


class Load(Adjoint):
    """A read of an element of an array."""

    def __init__(self, program, activity, op):
        super().__init__(program, activity, op)
        self.values, self.shadows = (op.uses[1],), (op.uses[0],)

    def emit(self, sweep):
        shadow, index = sweep.shadow(self.op.uses[0]), sweep.value(self.op.uses[1])
        before = sweep.builder.load(shadow, index)
        after = sweep.builder.binop("+", before, sweep.bar(self.op.target))
        sweep.builder.store(shadow, index, after)


def adjoint_of(program, activity, fused, op):
    """Return the adjoint of an operation that depends on x, or raise."""
    if op.kind == "setitem":
        return writes.of_write(program, activity, op)
    kind = program.type_of(op.target)
    if op.kind in ("phi", "arg", "out", "part"):
        return Nothing(program, activity, op)
    if op in fused.inner:
        return Nothing(program, activity, op)
    if op in fused.trees:
        return arrays.Tree(program, activity, op, fused.trees[op])
    if isinstance(kind, types.Array) and arrays.is_copy(op):
        return arrays.CopyArray(program, activity, op)
    if arrays.is_extreme(program, op):
        return arrays.Extreme(program, activity, op)
    if op.kind == "call" and op.key in ADJOINTS and not arrays.is_view(program, op):
        return arrays.FromTable(program, activity, op, ADJOINTS[op.key], op.args)
    if op.kind == "binop" and op.value is operator.matmul:
        return arrays.FromTable(program, activity, op, ADJOINTS[np.dot], op.uses)
    if isinstance(kind, types.BaseTuple):
        return Nothing(program, activity, op)  # its items have adjoints of their own
    if isinstance(kind, types.Array):
        return arrays.of_array(program, activity, op)
    if not is_float(kind):
        raise NotReversible(said(program, op), op.loc)
    if op.kind == "copy":
        return Copy(program, activity, op)
    if op.kind == "expr" and op.value.op == "cast" and is_float(program.type_of(op.uses[0])):
        return Copy(program, activity, op)
    if op.kind == "load" and isinstance(program.types[op.uses[0]], types.Array):
        return Load(program, activity, op)
    found = pullbacks.rule_of(program, op)
    if found is None or not all(_is_number(program, name) for name in found[1]):
        raise NotReversible(said(program, op), op.loc)
    return Rule(program, activity, op, *found)


def _is_number(program, name):
    return isinstance(program.type_of(name), types.Float | types.Integer | types.Boolean)
