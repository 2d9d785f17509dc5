"""Adjoints of operations on arrays."""
# Numba makes its types in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false

import functools
from typing import Any

import numba
import numpy as np
from numba import types

from fastopt.derivatives.reverse.adjoints import fusion, indexed, kernels
from fastopt.derivatives.reverse.adjoints.adjoint import Adjoint, said
from fastopt.derivatives.reverse.adjoints.guards import LINEAR
from fastopt.derivatives.reverse.adjoints.pullbacks import CALM
from fastopt.derivatives.reverse.code.activity import CREATIONS
from fastopt.derivatives.reverse.code.errors import NotReversible
from fastopt.derivatives.reverse.code.operations import is_float_array
from fastopt.derivatives.reverse.runtime import array_helpers

VIEWS = {np.reshape, np.ravel, np.transpose, np.asarray, np.ascontiguousarray, np.flip}
VIEWS |= {np.flipud, np.fliplr, np.expand_dims, np.swapaxes}
_FLAT = {np.reshape, np.ravel, np.ascontiguousarray}  # views only of contiguous arrays


class View(Adjoint):
    """An array that shares the memory of another, or is new: so does its shadow."""


class Tree(Adjoint):
    """A tree of elementwise operations, and perhaps the sum of its elements."""

    def __init__(self, program, activity, op, tree):
        super().__init__(program, activity, op)
        total = op.key if fusion.is_total(program, op) else None
        self.tree, self.total = tree, total
        self.axis = fusion.axis_of(program, op) if total else None
        self.is_number = total is not None and self.axis is None
        self.is_calm = fusion.rules(tree) <= CALM
        kernel = self._kernel((True, True), True)
        self.values, self.shadows = tuple(kernel.values), tuple(kernel.arrays)
        if not self.is_number:
            self.shadows += (op.target,)

    def _kernel(self, guarded, fast):
        make = kernels.Kernel
        return make(self.program, self.activity, self.tree, guarded, fast, self.total, self.axis)

    def sources(self):
        return self._kernel((True, True), True).leaves

    def rules(self):
        return fusion.rules(self.tree)

    def emit(self, sweep):
        b, kernel = sweep.builder, self._kernel((any(self.guards),) * 2, sweep.fast)
        bar = sweep.bar(self.op.target) if self.is_number else sweep.shadow(self.op.target)
        values = [self.value(sweep, name) for name in kernel.values]
        bars = [sweep.shadow(name) for name in kernel.arrays]
        found = b.call(kernel.function(), [bar, *values, *bars])
        for place, name in enumerate(kernel.numbers):
            sweep.add(name, b.item(found, place))


class FromTable(Adjoint):
    """A function of arrays, by the table of adjoints."""

    def __init__(self, program, activity, op, adjoint, args):
        super().__init__(program, activity, op)
        self.adjoint = adjoint
        count = len(op.value.kws) if op.kind == "call" else 0
        plain, named = args[: len(args) - count], args[len(args) - count :]
        names = [key for key, _ in op.value.kws] if count else []
        try:
            bound = adjoint.bind(
                tuple(map(_Name, plain)), dict(zip(names, map(_Name, named), strict=True))
            )
        except TypeError as error:
            raise NotReversible(f"{said(program, op)}: {error}", op.loc) from None
        self.bound = bound
        if isinstance(program.types[op.target], types.BaseTuple) and not op.parts:
            raise NotReversible(said(program, op), op.loc)
        values, shapes, shadows = [], [], []
        for place, arg in enumerate(bound):
            if not isinstance(arg, _Name):
                continue
            kind = program.types[arg]
            if isinstance(kind, types.Array):
                if adjoint.axes and kind.ndim not in adjoint.axes:
                    raise NotReversible(said(program, op), op.loc)
                (values if place in adjoint.needs else shapes).append(arg)
                shadows += [arg] if activity.is_active(arg) else []
            elif isinstance(kind, types.BaseTuple) and self._arrays_in(arg):
                values.append(arg)
                shadows += [n for n in self._arrays_in(arg) if activity.is_active(n)]
            else:
                if activity.is_active(arg) and place not in adjoint.scalars:
                    raise NotReversible(said(program, op), op.loc)
                values.append(arg)
        if adjoint.needs_result:
            values.append(op.target)
        results = op.parts or [op.target]
        shadows += [n for n in results if isinstance(program.types[n], types.Array)]
        self.values, self.shapes = tuple(map(str, values)), tuple(map(str, shapes))
        self.shadows = tuple(map(str, shadows))
        self.is_calm = op.kind == "binop" or op.key.__name__ in LINEAR

    def sources(self):
        inner = [self._arrays_in(n) for n in self.op.args if self._is_tuple(n)]
        return [*self.op.args, *(n for names in inner for n in names)]

    def _is_array(self, name):
        return isinstance(self.program.types[name], types.Array)

    def _is_tuple(self, name):
        return isinstance(self.program.types[name], types.BaseTuple)

    def _arrays_in(self, name):
        """Return the arrays that a tuple was built from, or nothing."""
        made: Any = self.program.definitions.get(self.program.root(name))
        if made is None:
            return []
        built = made.kind == "expr" and made.value.op == "build_tuple"
        arrays = built and all(isinstance(self.program.types[n], types.Array) for n in made.uses)
        if not arrays and self.activity.is_active(name):
            raise NotReversible(said(self.program, self.op), self.op.loc)
        if arrays and any(self.activity.is_written(n) for n in made.uses):
            raise NotReversible(f"{said(self.program, self.op)}, changed later", self.op.loc)
        return made.uses if arrays else []

    def emit(self, sweep):
        b, op, none = sweep.builder, self.op, sweep.builder.constant(None)
        out = self.value(sweep, op.target) if self.adjoint.needs_result else none
        arrays = [n for n in op.parts or [op.target] if self._is_array(n)]
        bars = [(sweep.shadow if n in arrays else sweep.bar)(n) for n in op.parts or [op.target]]
        bar = b.tuple(bars) if op.parts else bars[0]
        args, bars, numbers = [], [], []
        for place, arg in enumerate(self.bound):
            if not isinstance(arg, _Name):
                args.append(b.constant(arg))
                bars.append(none)
                continue
            args.append(self.value(sweep, arg))
            kind = self.program.types[arg]
            if isinstance(kind, types.BaseTuple):
                inner = self._arrays_in(arg)
                bars.append(b.tuple([self._bar(sweep, n) for n in inner]) if inner else none)
            else:
                bars.append(self._bar(sweep, arg))
            if place in self.adjoint.scalars and not isinstance(kind, types.Array):
                numbers.append(arg)
        made = _compiled(self.adjoint.backward)
        found = b.call(made, [out, bar, b.tuple(args), b.tuple(bars)])
        for place, name in enumerate(numbers):
            if self.activity.is_active(name):
                sweep.add(name, b.item(found, place))

    def _bar(self, sweep, name):
        array = isinstance(self.program.types[name], types.Array)
        active = array and self.activity.is_active(name)
        return sweep.shadow(name) if active else sweep.builder.constant(None)


class _Name(str):
    """The name of a variable, in contrast to a default that is a string."""


@functools.cache
def _compiled(backward):
    return numba.njit(**array_helpers.JIT)(backward)


class CopyArray(Adjoint):
    """A copy of an array, perhaps in another shape."""

    def __init__(self, program, activity, op):
        super().__init__(program, activity, op)
        self.moves = activity.is_active(op.args[0])  # not if a loop begins with a copy of data
        self.shadows = (op.args[0], op.target) if self.moves else ()

    def emit(self, sweep):
        if not self.moves:
            return
        bar, more = sweep.shadow(self.op.args[0]), sweep.shadow(self.op.target)
        sweep.builder.call(array_helpers.copy_back, [bar, more])


class Extreme(Adjoint):
    """The largest or smallest element of a vector."""

    def __init__(self, program, activity, op):
        super().__init__(program, activity, op)
        self.values = self.shadows = (op.args[0],)

    def rules(self):
        return {"extreme"}

    def emit(self, sweep):
        (name,), bar = self.op.args, sweep.bar(self.op.target)
        helper = array_helpers.to_extreme(self.op.key in (np.min, np.amin))
        sweep.builder.call(helper, [sweep.shadow(name), self.value(sweep, name), bar])


class Filled(Adjoint):
    """An array filled with a number."""

    def __init__(self, program, activity, op):
        super().__init__(program, activity, op)
        self.shadows = (op.target,)

    def emit(self, sweep):
        if self.activity.is_active(self.op.args[1]):
            total = sweep.builder.call(array_helpers.total, [sweep.shadow(self.op.target)])
            sweep.add(self.op.args[1], total)


class FromNumbers(Adjoint):
    """An array of the numbers in a tuple, or in tuples in a tuple."""

    def __init__(self, program, activity, op):
        super().__init__(program, activity, op)
        self.shadows, self.items = (op.target,), list(self._items(op.args[0], ()))

    def _items(self, name, place):
        program = self.program
        made = program.definitions.get(program.root(name))
        if isinstance(program.types[name], types.BaseTuple):
            if made is None or made.kind != "expr" or made.value.op != "build_tuple":
                raise NotReversible(said(program, self.op), self.op.loc)
            for k, item in enumerate(made.uses):
                yield from self._items(item, (*place, k))
        elif isinstance(program.types[name], types.Array):
            raise NotReversible(said(program, self.op), self.op.loc)
        elif self.activity.is_active(name):
            yield place, name

    def sources(self):
        return [name for _, name in self.items]

    def emit(self, sweep):
        b, shadow = sweep.builder, sweep.shadow(self.op.target)
        for place, name in self.items:
            sweep.add(name, b.load(shadow, b.tuple([b.constant(k) for k in place])))


def of_array(program, activity, op):
    """Return the adjoint of an operation that returns an array that depends on x."""
    if op.kind == "copy":
        return View(program, activity, op)
    if op.kind == "load":
        index = program.types[op.uses[1]]
        if is_basic(index):
            return View(program, activity, op)
        if indexed.is_choice(index):
            return indexed.Gather(program, activity, op)
    if op.kind == "expr" and op.value.op == "getattr" and op.value.attr == "T":
        return View(program, activity, op)
    if op.kind == "call" and not op.value.kws:
        if op.key in CREATIONS:
            full = op.key.__name__.startswith("full")
            return (Filled if full else View)(program, activity, op)
        if is_copy(op):
            return CopyArray(program, activity, op)
        if is_view(program, op):
            return View(program, activity, op)
        if op.key is np.array and len(op.args) == 1:
            return FromNumbers(program, activity, op)
    raise NotReversible(said(program, op), op.loc)


def is_extreme(program, op):
    """Return True for the largest or smallest element of a vector of floats."""
    if op.kind != "call" or op.key not in (np.max, np.min, np.amax, np.amin):
        return False
    kind = program.types[op.args[0]]
    return len(op.args) == 1 and is_float_array(kind) and kind.ndim == 1


def is_copy(op):
    """Return True for a copy of an array, perhaps in another shape or type."""
    astype = op.owner is not None and op.owner.value.attr == "astype"
    plain = op.kind == "call" and op.key is np.copy and not op.value.kws
    return plain and len(op.args) == 1 + astype


def is_view(program, op):
    """Return True for a call whose result is a view of its first argument."""
    if op.kind != "call" or op.key not in VIEWS or op.value.kws or not op.args:
        return False
    kind = program.types[op.args[0]]
    if not isinstance(kind, types.Array) or (op.key is np.transpose and len(op.args) > 1):
        return False
    return op.key not in _FLAT or kind.layout == "C"


def is_basic(index):
    """Return True if an index of this type makes a view, not a copy."""
    parts = index.types if isinstance(index, types.BaseTuple) else [index]
    allowed = types.Integer | types.SliceType | types.EllipsisType | types.NoneType
    return all(isinstance(types.unliteral(p), allowed) for p in parts)
