"""Compiled helpers of the reverse sweep for arrays and their shadows."""

import functools
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastopt.compiling.llvm_arrays import allocate_array, array_struct, contiguous_view
from fastopt.compiling.numba_internals import COUNTED, UNCOUNTED

JIT: dict[str, Any] = {
    **COUNTED,
    "error_model": "numpy",
    "fastmath": {"contract"},
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}


@intrinsic
def zeros_of(context, array):
    """Return zeros in the shape of an array; np.zeros takes a third of a second to compile."""
    result = types.Array(array.dtype, array.ndim, "C")

    def codegen(context, builder, sig, args):
        given = array_struct(context, builder, array, args[0])
        made = allocate_array(context, builder, result, cgutils.unpack_tuple(builder, given.shape))
        size = builder.mul(made.nitems, made.itemsize)
        cgutils.memset(builder, made.data, size, 0)
        return made._getvalue()

    return result(array), codegen


@intrinsic
def renewed(context, old, array):
    """Return zeros in the shape of an array: `old` again, if it has this shape and no other name.

    The references to an array are counted in the first word of the record of its memory.
    """

    def codegen(context, builder, sig, args):
        before = array_struct(context, builder, old, args[0])
        given = array_struct(context, builder, array, args[1])
        shape = cgutils.unpack_tuple(builder, given.shape)
        count = builder.load(builder.bitcast(before.meminfo, before.nitems.type.as_pointer()))
        fits = builder.icmp_signed("==", count, count.type(1))
        for length, own in zip(shape, cgutils.unpack_tuple(builder, before.shape), strict=True):
            fits = builder.and_(fits, builder.icmp_signed("==", length, own))
        made = cgutils.alloca_once_value(builder, args[0])
        with builder.if_else(fits) as (again, anew):
            with again:
                context.nrt.incref(builder, old, args[0])
            with anew:
                builder.store(allocate_array(context, builder, old, shape)._getvalue(), made)
        found = array_struct(context, builder, old, builder.load(made))
        size = builder.mul(found.nitems, found.itemsize)
        cgutils.memset(builder, found.data, size, 0)
        return found._getvalue()

    return old(old, array), codegen


@intrinsic
def borrowed(context, array):
    """Return an array as a view whose references are not counted: its owner outlives the call.

    Counting takes two atomic operations for each view of it.
    """

    def codegen(context, builder, sig, args):
        fields = array_struct(context, builder, array, args[0])
        fields.meminfo = cgutils.get_null_value(fields.meminfo.type)
        return fields._getvalue()

    return array(array), codegen


@intrinsic
def keep(context, array):
    """Do nothing with an array, which exists until here."""
    return types.void(array), lambda context, builder, sig, args: context.get_dummy_value()


@functools.cache
def empty_of(kind):
    """Return an intrinsic that returns an array without elements."""
    result = types.Array(kind.dtype, kind.ndim, "C")

    @intrinsic
    def empty(context):
        def codegen(context, builder, sig, args):
            shape = [context.get_constant(types.intp, 0)] * kind.ndim
            made = allocate_array(context, builder, result, shape)
            return made._getvalue()

        return result(), codegen

    return empty


def zeros_in(kind):
    """Return an intrinsic that returns zeros in a shape."""
    return _made_in(kind, True)


def empty_in(kind):
    """Return an intrinsic that returns an array of a shape, whose elements are not set."""
    return _made_in(kind, False)


@functools.cache
def _made_in(kind, clear):
    result, lengths = types.Array(kind.dtype, kind.ndim, "C"), types.UniTuple(types.intp, kind.ndim)

    @intrinsic
    def make(context, shape):
        def codegen(context, builder, sig, args):
            shape = cgutils.unpack_tuple(builder, args[0])
            made = allocate_array(context, builder, result, shape)
            if clear:
                size = builder.mul(made.nitems, made.itemsize)
                cgutils.memset(builder, made.data, size, 0)
            return made._getvalue()

        return result(lengths), codegen

    return make


@intrinsic
def work_of(context, array, whole, count):
    """Return a vector: the elements of an array in C order if it is `whole`, else zeros."""
    flat = types.Array(array.dtype, 1, "C")

    def codegen(context, builder, sig, args):
        given = array_struct(context, builder, array, args[0])
        made = cgutils.alloca_once(builder, context.get_value_type(flat))
        with builder.if_else(args[1]) as (view, other):
            with view:
                builder.store(contiguous_view(context, builder, flat, given.data, [args[2]]), made)
            with other:
                new = allocate_array(context, builder, flat, [args[2]])
                cgutils.memset(builder, new.data, builder.mul(new.nitems, new.itemsize), 0)
                builder.store(new._getvalue(), made)
        return builder.load(made)

    return flat(array, types.boolean, types.intp), codegen


@functools.cache
def length(axis):
    """Return a function that returns the length of an array along an axis."""

    @numba.njit(**JIT)
    def length(array):
        return array.shape[axis]

    return length


@numba.njit(**JIT)
def count_of(array):
    """Return the number of elements."""
    return array.size


@functools.cache
def place_along(ndim, axis):
    """Return a function: the index along an axis of the element with a number in C order."""
    if axis == ndim - 1:

        def place(array, number):
            return number % array.shape[axis]

    else:

        def place(array, number):
            for behind in range(axis + 1, ndim):
                number //= array.shape[behind]
            return number % array.shape[axis]

    return numba.njit(**JIT)(place)


@numba.njit(**JIT)
def copy_of(array):
    """Return the elements as they are now."""
    return array.copy()


@numba.njit(**JIT)
def restore(array, kept):
    """Give an array the elements that it had."""
    array[...] = kept


@numba.njit(**JIT)
def pass_on(bar, more):
    """Add an adjoint to a shadow, unless it is the empty one of a loop's end."""
    if more.size != 0:
        bar += more


@numba.njit(**JIT)
def number_back(part):
    """Return the adjoint of a number written to part of an array, whose shadow becomes zero."""
    total = part.sum()
    part[:] = 0.0
    return total


@numba.njit(**JIT)
def forget(part):
    """Set the shadow of a part that is overwritten to zero."""
    part[:] = 0.0


@numba.njit(**JIT)
def array_back(part, value_bar):
    """Give the adjoint of a part to the array written there; the part's shadow becomes zero."""
    moved = part.copy()
    part[:] = 0.0
    add_broadcast(value_bar, moved)


@numba.njit(**JIT)
def add_broadcast(value_bar, moved):
    """Add an adjoint to the shadow of an array that was broadcast to its shape."""
    flat, axes, extra = value_bar, value_bar.ndim, moved.ndim - value_bar.ndim
    for at, more in np.ndenumerate(moved):
        place, stride = 0, 1
        for j in range(axes):
            axis = axes - 1 - j
            length = flat.shape[axis]
            if length != 1:
                place += at[axis + extra] * stride
            stride *= length
        flat.flat[place] += more


@numba.njit(**JIT)
def copy_back(bar, more):
    """Add the adjoint of a copy in C order, perhaps in another shape."""
    if bar.ndim == more.ndim:
        bar += more
    else:
        bar += more.reshape(bar.shape)


@functools.cache
def to_extreme(smallest):
    """Return a function that adds to the shadow of the first extreme of a vector; NaN is one."""

    @numba.njit(**{**JIT, **UNCOUNTED})
    def to_extreme(bar, a, more):
        best, at = a[0], 0
        for i in range(1, a.size):
            v = a[i]
            better = v < best if smallest else v > best
            if better or (v != v and best == best):
                best, at = v, i
        bar[at] += more

    return to_extreme


@numba.njit(**JIT)
def total(bar):
    return bar.sum()
