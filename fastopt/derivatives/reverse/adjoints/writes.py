"""Adjoints of writes to arrays."""
# Numba makes its types in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false

from numba import types

from fastopt.derivatives.reverse.adjoints import arrays, indexed
from fastopt.derivatives.reverse.adjoints.adjoint import Adjoint, Nothing, PartWrite, said
from fastopt.derivatives.reverse.code.errors import NotReversible
from fastopt.derivatives.reverse.runtime import array_helpers


class Store(Adjoint):
    """A write of an element of an array."""

    def __init__(self, program, activity, op):
        super().__init__(program, activity, op)
        self.values, self.shadows = (op.uses[1],), (op.uses[0],)

    def emit(self, sweep):
        array, index, value = self.op.uses
        shadow, index = sweep.shadow(array), sweep.value(index)
        if self.activity.is_active(value):
            sweep.add(value, sweep.builder.load(shadow, index))
        sweep.builder.store(shadow, index, sweep.builder.number(0.0))


class StorePart(PartWrite):
    """A write to a slice or a view."""

    def emit(self, sweep):
        array, index, value = self.op.uses
        b, part = sweep.builder, sweep.shadow(array)
        if not isinstance(self.program.types[index], types.EllipsisType):
            part = b.load(part, sweep.value(index))
        if not self.is_active:
            b.call(array_helpers.forget, [part])
        elif self.is_array:
            b.call(array_helpers.array_back, [part, sweep.shadow(value)])
        else:
            sweep.add(value, b.call(array_helpers.number_back, [part]))


def of_write(program, activity, op):
    """Return the adjoint of a write to an array."""
    array, index, value = (program.type_of(name) for name in op.uses)
    if not activity.is_active(op.uses[0]):
        return Nothing(program, activity, op)
    number = isinstance(value, types.Number | types.Boolean)
    if number and _is_element(array, index):
        return Store(program, activity, op)
    if number or isinstance(value, types.Array):
        if arrays.is_basic(index):
            return StorePart(program, activity, op)
        if indexed.is_choice(index):
            return indexed.Scatter(program, activity, op)
    raise NotReversible(said(program, op), op.loc)


def _is_element(array, index):
    parts = index.types if isinstance(index, types.BaseTuple) else [index]
    return len(parts) == array.ndim and all(isinstance(p, types.Integer) for p in parts)
