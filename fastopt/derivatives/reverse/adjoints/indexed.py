"""Adjoints of elements that arrays of positions choose, and masks: read or written."""
# Numba makes its types in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false

from numba import types

from fastopt.derivatives.reverse.adjoints.adjoint import Adjoint, PartWrite, said
from fastopt.derivatives.reverse.code.errors import NotReversible
from fastopt.derivatives.reverse.runtime import array_helpers, choice_helpers


class Gather(Adjoint):
    """The elements at positions in an array, or those that a mask chooses."""

    def __init__(self, program, activity, op):
        super().__init__(program, activity, op)
        _check(program, activity, op)
        self.moves = activity.is_active(op.uses[0])  # not if a loop begins with elements of data
        if self.moves:
            self.values, self.shadows = (op.uses[1],), (op.uses[0], op.target)

    def emit(self, sweep):
        if not self.moves:
            return
        bar, more = sweep.shadow(self.op.uses[0]), sweep.shadow(self.op.target)
        index = self.value(sweep, self.op.uses[1])
        kind, axes = self.program.types[self.op.uses[1]], self.program.types[self.op.uses[0]].ndim
        helper = choice_helpers.gather_any_back
        if is_mask(kind) and axes == 1:
            helper = choice_helpers.mask_back
        elif is_positions(kind) and axes <= 2:
            helper = choice_helpers.gather_rows_back if axes == 2 else choice_helpers.gather_back
        sweep.builder.call(helper, [bar, index, more])


class Scatter(PartWrite):
    """A write to the elements at positions, or to those of a mask."""

    def __init__(self, program, activity, op):
        super().__init__(program, activity, op)
        _check(program, activity, op)

    def emit(self, sweep):
        array, _, value = self.op.uses
        kind, axes = self.program.types[self.op.uses[1]], self.program.types[array].ndim
        b, index = sweep.builder, self.value(sweep, self.op.uses[1])
        helper = choice_helpers.taken_any
        if is_mask(kind) and axes == 1:
            helper = choice_helpers.taken_by_mask
        elif is_positions(kind):
            helper = choice_helpers.taken if axes == 1 else choice_helpers.taken_rows
        moved = b.call(helper, [sweep.shadow(array), index])
        if self.is_active and self.is_array:
            b.call(array_helpers.add_broadcast, [sweep.shadow(value), moved])
        elif self.is_active:
            sweep.add(value, b.call(array_helpers.total, [moved]))


def is_choice(index):
    """Return True for an index with one array of positions or truth values, which makes a copy."""
    parts = index.types if isinstance(index, types.BaseTuple) else [index]
    arrays = [p for p in parts if isinstance(p, types.Array)]
    return len(arrays) == 1 and isinstance(arrays[0].dtype, types.Integer | types.Boolean)


def _check(program, activity, op):
    """Refuse an index whose array in a tuple is unknown, or written to, and some masks."""
    kind = program.types[op.uses[1]]
    mask = isinstance(kind, types.Array) and isinstance(kind.dtype, types.Boolean)
    if mask and kind.ndim > 1:  # Numba gives it a type, and fails when it makes machine code
        raise NotReversible(said(program, op), op.loc)
    if isinstance(kind, types.BaseTuple):
        made, arrays = program.definitions.get(program.root(op.uses[1])), []
        if made is not None and made.kind == "expr" and made.value.op == "build_tuple":
            arrays = [n for n in made.uses if isinstance(program.types[n], types.Array)]
        if not arrays or any(map(activity.is_written, arrays)):
            raise NotReversible(said(program, op), op.loc)


def is_mask(index):
    """Return True for a vector of truth values."""
    one = isinstance(index, types.Array) and index.ndim == 1
    return one and isinstance(index.dtype, types.Boolean)


def is_positions(index):
    """Return True for a vector of positions."""
    one = isinstance(index, types.Array) and index.ndim == 1
    return one and isinstance(index.dtype, types.Integer)
