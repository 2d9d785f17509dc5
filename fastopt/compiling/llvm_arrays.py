"""Numba's arrays as LLVM values: their fields, views of memory, and new arrays.

This module, `numba_internals`, `numba_lowerings`, `numba_pipelines` and three modules of shortcuts
use names outside of Numba's public interface. No others do. A test checks each of these names.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import overload_classmethod
from numba.np import arrayobj


def array_struct(context, builder, kind, value=None) -> Any:
    """Return the fields of an array: `data`, `shape`, `strides`, `itemsize`, `nitems`, ...

    Without `value` they are uninitialised.
    """
    proxy: Any = arrayobj.make_array(kind)
    return proxy(context, builder, value)


def array_view(context, builder, kind, data, shape, strides, itemsize, owner=None):
    """Return an array over memory; `shape` and `strides`, in bytes, are sequences of LLVM integers.

    Without `owner`, the fields of the array that owns the memory, it must outlive the view.
    """
    array = array_struct(context, builder, kind)
    meminfo, parent = (owner.meminfo, owner.parent) if owner else (None, None)
    arrayobj.populate_array(array, data, shape, strides, itemsize, meminfo, parent)
    return array._getvalue()


def contiguous_view(context, builder, kind, data, shape):
    """Return an array in C order over memory that outlives it."""
    item = context.get_data_type(kind.dtype)
    width = context.get_constant(types.intp, context.get_abi_sizeof(item))
    strides = [width]
    for length in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    return array_view(context, builder, kind, data, shape, strides, width)


def pointer_offsets(context, kind, first=0):
    """Yield where in a value of this type are the pointers to the elements of arrays, in bytes."""
    model, data = context.get_value_type(kind), context.target_data
    if isinstance(kind, types.Array):
        field = context.data_model_manager[kind].get_field_position("data")
        yield first + model.get_element_offset(data, field)
    elif isinstance(kind, types.BaseTuple):
        at = 0
        for k, item in enumerate(kind):
            if not isinstance(model, ir.ArrayType):
                at = model.get_element_offset(data, k)
            yield from pointer_offsets(context, item, first + at)
            at += context.get_abi_sizeof(context.get_value_type(item))


def allocate_array(context, builder, kind, shape) -> Any:
    """Return the fields of a new array, uninitialised."""
    plain = types.Array(kind.dtype, kind.ndim, kind.layout)  # Numba's allocator needs this type
    return arrayobj._empty_nd_impl(context, builder, plain, shape)


def allocate_as_numba_does(kind):
    """Let Numba allocate arrays of a class of types like its own, for indices that make copies."""

    @overload_classmethod(kind, "_allocate")
    def allocate(cls, allocsize, align):
        return lambda cls, allocsize, align: arrayobj.intrin_alloc(allocsize, align)
