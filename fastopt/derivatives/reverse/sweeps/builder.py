"""Writes Numba's intermediate code: blocks of assignments over named variables."""

import collections
import operator
from typing import Any

import numba
import numpy as np

from fastopt.compiling.numba_internals import ir
from fastopt.compiling.numba_pipelines import replace_variables
from fastopt.derivatives.reverse.runtime import array_helpers

_OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_COMPARISONS = {">": operator.gt, "<": operator.lt, "==": operator.eq}
FIRST = ("first",)  # the label of the block with the constants


class Builder:
    """Numba's blocks, written one after the other; labels are any hashable values."""

    def __init__(self, loc):
        self.loc, self.scope = loc, ir.Scope(None, loc)
        self.labels: dict = {}
        self.blocks: dict = {}
        self.constants: dict = {}
        self.count = 0
        self.first = self._block(FIRST)
        self.now: Any = self.first

    def _block(self, label):
        made = ir.Block(self.scope, self.loc)
        self.blocks[self.label(label)] = made
        return made

    def label(self, label):
        return self.labels.setdefault(label, len(self.labels))

    def start(self, label):
        """Begin a block; what follows is written to it."""
        self.now = self._block(label)

    def var(self, name):
        try:
            return self.scope.get_exact(name)
        except Exception:
            return self.scope.define(name, self.loc)

    def keep_reused(self):
        """Rename the temporary variables that are read more than once.

        Numba fuses an array in a temporary variable into the expression that reads it, and then
        never sets the variable.
        """
        reads: collections.Counter = collections.Counter()
        for block in self.blocks.values():
            for stmt in block.body:
                reads.update(v.name for v in stmt.list_vars())
                if isinstance(stmt, ir.Assign):
                    reads[stmt.target.name] -= 1
        for name, count in reads.items():
            if count > 1 and name.startswith("$"):
                self.var(name).name = f"reused.{name[1:]}"

    def temporary(self):
        self.count += 1
        return f"$made{self.count}"

    def assign(self, name, value):
        self.now.append(ir.Assign(value, self.var(name), self.loc))
        return name

    def move(self, name, source):
        """Assign a variable to another."""
        return self.assign(name, self.var(source))

    def constant(self, value, key=None):
        """Return a variable with a constant; it is assigned once, in the first block."""
        key = key or (type(value), repr(value) if isinstance(value, float | int) else id(value))
        if key not in self.constants:
            # Not of a literal's type, for which helpers would be compiled once more.
            value = np.int64(value) if type(value) is int else value
            plain = isinstance(value, float | bool) or value is None
            name = self.temporary()
            node = (
                ir.Const(value, self.loc)
                if plain
                else ir.Global(f"made{self.count}", value, self.loc)
            )
            self.constants[key] = name, value
            self.first.body.insert(0, ir.Assign(node, self.var(name), self.loc))
        return self.constants[key][0]

    def number(self, value, kind=None):
        """Return a variable with a float in the type `kind`."""
        if kind == numba.types.float32:
            return self.constant(np.float32(value), ("float32", value))
        return self.constant(float(value))

    def call(self, function, names, out=None):
        where, made = self.var(self.constant(function)), [self.var(n) for n in names]
        expr = ir.Expr.call(where, made, (), self.loc)
        return self.assign(out or self.temporary(), expr)

    def binop(self, sign, a, b, out=None):
        fn = _OPERATORS.get(sign) or _COMPARISONS[sign]
        expr = ir.Expr.binop(fn, self.var(a), self.var(b), self.loc)
        return self.assign(out or self.temporary(), expr)

    def load(self, array, index, out=None):
        expr = ir.Expr.getitem(self.var(array), self.var(index), self.loc)
        return self.assign(out or self.temporary(), expr)

    def store(self, array, index, value):
        target, place, given = (self.var(n) for n in (array, index, value))
        self.now.append(ir.SetItem(target, place, given, self.loc))

    def attribute(self, name, attribute, out=None):
        expr = ir.Expr.getattr(self.var(name), attribute, self.loc)
        return self.assign(out or self.temporary(), expr)

    def call_of(self, variable, names, out):
        """Call the function that a variable holds."""
        expr = ir.Expr.call(self.var(variable), [self.var(n) for n in names], (), self.loc)
        return self.assign(out, expr)

    def empty(self, kind, out=None):
        """Return an array without elements."""
        return self.call(array_helpers.empty_of(kind), [], out=out)

    def item(self, name, place):
        """Return an item of a tuple."""
        index = self.var(self.constant(place))
        expr = ir.Expr.static_getitem(self.var(name), place, index, self.loc)
        return self.assign(self.temporary(), expr)

    def tuple(self, names, out=None):
        expr = ir.Expr.build_tuple([self.var(n) for n in names], self.loc)
        return self.assign(out or self.temporary(), expr)

    def jump(self, label):
        self.now.append(ir.Jump(self.label(label), self.loc))

    def branch(self, condition, yes, no):
        names = self.var(condition), self.label(yes), self.label(no)
        self.now.append(ir.Branch(*names, self.loc))

    def result(self, name):
        out = self.temporary()
        self.assign(out, ir.Expr.cast(self.var(name), self.loc))
        self.now.append(ir.Return(self.var(out), self.loc))

    def copy_of(self, op, target, named):
        """Write an operation of the function, with `named(name)` for each of its variables."""
        kind, loc = op.kind, self.loc
        self.loc = op.loc or loc
        if kind == "copy":
            self.move(target, named(op.uses[0]))
        elif kind == "binop":
            a, b = (self.var(named(n)) for n in op.uses)
            self.assign(target, ir.Expr.binop(op.value, a, b, self.loc))
        elif kind == "unary":
            self.assign(target, ir.Expr.unary(op.value, self.var(named(op.uses[0])), self.loc))
        elif kind == "load":
            self.load(*map(named, op.uses), out=target)
        elif kind == "part":
            self.move(target, self.item(named(op.uses[0]), op.value))
        elif kind == "snapshot":
            self.call(array_helpers.copy_of, [named(op.uses[0])], out=target)
        elif kind == "setitem":
            self.store(*map(named, op.uses))
        elif kind == "helper":
            self.call(op.value, map(named, op.uses), out=target)
        elif kind == "item":
            start, counter, step = map(named, op.uses)
            self.binop("+", start, self.binop("*", counter, step), out=target)
        elif kind == "more":
            self.binop("<", *map(named, op.uses), out=target)
        else:
            names = {v.name: named(op.renamed.get(v.name, v.name)) for v in op.value.list_vars()}
            table = {name: self.var(new) for name, new in names.items()}
            self.assign(target, replace_variables(op.value, table))
        self.loc = loc
