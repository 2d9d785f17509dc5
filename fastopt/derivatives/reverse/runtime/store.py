"""The store: memory for the numbers that a forward sweep keeps for the reverse sweep.

A store is a small array of int64: address and capacity of a block of 8-byte words, and the limit
of its growth. The block grows by doubling and is used again by the next evaluation.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import ctypes
import functools
import os
import weakref
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastopt.compiling.llvm_arrays import array_struct, contiguous_view
from fastopt.compiling.numba_internals import COUNTED

WORD = 8  # bytes
LIMIT = 4 << 30  # bytes, unless half of the memory is less
_JIT: dict[str, Any] = {**COUNTED, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


VARIABLE = "FASTOPT_REVERSE_MEMORY"


class StoreFull(MemoryError):
    """The error of a store that must not grow; `args` are the bytes needed and its limit."""

    def __str__(self):
        needed, limit = (f"{count / 1e6:,.4g} MB" for count in self.args)
        return (
            f"the gradient in reverse mode keeps at least {needed}, but its limit is {limit}. Set "
            f"the environment variable {VARIABLE} to more bytes, or use jac='forward', which keeps "
            "nothing but takes more time for many parameters."
        )


def limit():
    """Return the bytes to which a store may grow.

    They are those of the environment variable, or else 4 GiB or half of the memory.
    """
    given = os.environ.get(VARIABLE, "")
    if not given:
        return min(LIMIT, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    try:
        count = float(given)
    except ValueError:
        count = 0.0
    if not WORD <= count < 2**62:
        raise ValueError(
            f"the environment variable {VARIABLE} is {given!r}; it must be a number of bytes, such "
            "as 8e9"
        )
    return int(count)


def new_store(most=None):
    """Return a store that may grow to `most` bytes; by default those of `limit`.

    It belongs to one thread. Its memory is freed together with the array.
    """
    most = limit() if most is None else most
    buffer = (ctypes.c_int64 * 4)(0, 0, max(int(most) // WORD, 1), 0)
    store = np.frombuffer(buffer, np.int64)
    weakref.finalize(store, _release, buffer)
    return store


def _release(buffer):
    _free()(buffer[0])
    buffer[0] = buffer[1] = 0


@functools.cache
def _free():
    """Return the C library's function; to load the library takes as long as a short run."""
    free = ctypes.CDLL(None).free
    free.argtypes = [ctypes.c_void_p]
    return free


_realloc: Any = types.ExternalFunction("realloc", types.intp(types.intp, types.intp))


@numba.njit(**_JIT)
def reserve(store, used, words):
    """Return the address of a block with room for `words` beyond those in use."""
    needed = used + words
    if needed > store[1]:
        if needed > store[2]:
            raise StoreFull(needed * WORD, store[2] * WORD)
        capacity = 2 * store[1]
        capacity = capacity if capacity > needed else needed
        capacity = capacity if capacity > 1024 else 1024
        capacity = capacity if capacity < store[2] else store[2]
        address = _realloc(store[0], capacity * WORD)
        if address == 0:
            raise MemoryError("the reverse sweep ran out of memory")
        store[0], store[1] = address, capacity
    return pointer(store[0])


@intrinsic
def pointer(context, address):
    """Return an address as a pointer to words."""

    def codegen(context, builder, sig, args):
        return builder.inttoptr(args[0], context.get_value_type(sig.return_type))

    return types.CPointer(types.float64)(types.intp), codegen


@intrinsic
def put(context, block, index, value):
    """Store a number in a word of the block."""

    def codegen(context, builder, sig, args):
        place = _place(context, builder, sig.args[2], args)
        context.pack_value(builder, sig.args[2], args[2], place)
        return context.get_dummy_value()

    return types.void(block, types.intp, types.unliteral(value)), codegen


@intrinsic
def get(context, block, index, kind):
    """Return the number of a type from a word of the block."""
    number = kind.instance_type if hasattr(kind, "instance_type") else types.boolean

    def codegen(context, builder, sig, args):
        place = _place(context, builder, number, args)
        return context.unpack_value(builder, number, place)

    return number(block, types.intp, kind), codegen


@intrinsic
def _words(context, array):
    """Return the number of words that the elements of an array take."""

    def codegen(context, builder, sig, args):
        given = array_struct(context, builder, array, args[0])
        size = builder.mul(given.nitems, given.itemsize)
        return builder.lshr(builder.add(size, size.type(WORD - 1)), size.type(3))

    return types.intp(array), codegen


@intrinsic
def _copy_elements(context, block, index, array):
    """Copy the elements of an array in C order to the block."""

    def codegen(context, builder, sig, args):
        given = array_struct(context, builder, array, args[2])
        size = builder.mul(given.nitems, given.itemsize)
        place = _place(context, builder, array.dtype, args)
        cgutils.raw_memcpy(builder, place, given.data, size, size.type(1))
        for axis, length in enumerate(cgutils.unpack_tuple(builder, given.shape)):
            words = builder.lshr(builder.add(size, size.type(WORD - 1)), size.type(3))
            at = [args[0], builder.add(args[1], builder.add(words, words.type(axis)))]
            builder.store(length, _place(context, builder, types.intp, at))
        return context.get_dummy_value()

    return types.void(block, types.intp, array), codegen


@numba.njit(**_JIT)
def put_array(store, used, array):
    """Store a copy of an array in C order and its shape; return the number of words in use."""
    words = _words(array) + array.ndim
    _copy_elements(reserve(store, used, words), used, array)
    return used + words


@functools.cache
def get_array(kind):
    """Return an intrinsic ``(block, used)``: the array stored last, and the words without it."""
    result = types.Tuple((types.Array(kind.dtype, kind.ndim, "C"), types.intp))

    @intrinsic
    def get_array(context, block, used):
        def codegen(context, builder, sig, args):
            used, shape = builder.sub(args[1], args[1].type(kind.ndim)), []
            size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
            size = used.type(size)
            for axis in range(kind.ndim):
                at = [args[0], builder.add(used, used.type(axis))]
                shape.append(builder.load(_place(context, builder, types.intp, at)))
                size = builder.mul(size, shape[-1])
            words = builder.lshr(builder.add(size, size.type(WORD - 1)), size.type(3))
            used = builder.sub(used, words)
            place = _place(context, builder, kind.dtype, [args[0], used])
            array = contiguous_view(context, builder, result.types[0], place, shape)
            return context.make_tuple(builder, result, [array, used])

        return result(block, types.intp), codegen

    return get_array


def _place(context, builder, kind, args):
    word = builder.bitcast(args[0], ir.IntType(64).as_pointer())
    data = context.get_data_type(kind).as_pointer()
    return builder.bitcast(builder.gep(word, [args[1]]), data)


@intrinsic
def trips(context, start, stop, step):
    """Return the number of items of a range."""

    def codegen(context, builder, sig, args):
        a, b, by = args
        zero, one = by.type(0), by.type(1)
        with builder.if_then(builder.icmp_signed("==", by, zero), likely=False):
            message = "range() arg 3 must not be zero"  # and not a division by it
            context.call_conv.return_user_exc(builder, ValueError, (message,))
        up = builder.icmp_signed(">", by, zero)
        way = builder.select(up, builder.sub(b, a), builder.sub(a, b))
        by = builder.select(up, by, builder.neg(by))
        count = builder.sdiv(builder.add(way, builder.sub(by, one)), by)
        return builder.select(builder.icmp_signed(">", way, zero), count, zero)

    return types.intp(types.intp, types.intp, types.intp), codegen


@numba.njit(**_JIT)
def block_length(trips):
    """Return the number of iterations from one state that a loop keeps to the next."""
    return int(np.sqrt(trips)) + 1


@numba.njit(**_JIT)
def begins_block(counter, stride):
    return counter % stride == 0


@numba.njit(**_JIT)
def begin_of_block(left, stride):
    """Return the first iteration of the block that ends in front of iteration `left`."""
    return (left - 1) // stride * stride


@intrinsic
def least(context, a, b):
    """Return the smaller of two numbers of items."""

    def codegen(context, builder, sig, args):
        return builder.select(builder.icmp_signed("<", *args), *args)

    return types.intp(types.intp, types.intp), codegen


@intrinsic
def _zero(context, g):
    """Set the elements of an array in C order to zero."""

    def codegen(context, builder, sig, args):
        given = array_struct(context, builder, g, args[0])
        cgutils.memset(builder, given.data, builder.mul(given.nitems, given.itemsize), 0)
        return context.get_dummy_value()

    return types.void(g), codegen


@numba.njit(**_JIT)
def clear(x, g):
    """Set the gradient to zero."""
    if x.size == 0:
        raise ValueError("x is empty; it needs at least one component")
    _zero(g)
