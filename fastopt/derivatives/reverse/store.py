"""The store: memory for the numbers that a forward sweep keeps for the reverse sweep.

A store is a small array of int64: address and capacity of a block of 8-byte words, and the limit
of its growth. The block grows by doubling and is used again by the next evaluation.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import ctypes
import os
import weakref
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.cpython.unsafe.tuple import tuple_setitem
from numba.extending import intrinsic

from fastopt.compiling.llvm_arrays import contiguous_view
from fastopt.compiling.numba_internals import COUNTED

WORD = 8  # bytes
LIMIT = 4 << 30  # bytes, unless half of the memory is less
_JIT: dict[str, Any] = {**COUNTED, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def new_store(limit=None):
    """Return a store that may grow to `limit` bytes; by default 4 GiB or half of the memory.

    It belongs to one thread. Its memory is freed together with the array.
    """
    if limit is None:
        limit = min(LIMIT, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    buffer = (ctypes.c_int64 * 4)(0, 0, max(int(limit) // WORD, 1), 0)
    store = np.frombuffer(buffer, np.int64)
    weakref.finalize(store, _release, buffer)
    return store


def _release(buffer):
    free = ctypes.CDLL(None).free
    free.argtypes = [ctypes.c_void_p]
    free(buffer[0])
    buffer[0] = buffer[1] = 0


_realloc: Any = types.ExternalFunction("realloc", types.intp(types.intp, types.intp))


@numba.njit(**_JIT)
def reserve(store, used, words):
    """Return the address of a block with room for `words` beyond those in use."""
    if used + words > store[1]:
        _grow(store, used + words)
    return pointer(store[0])


@numba.njit(**_JIT)
def _grow(store, needed):
    if needed > store[2]:
        raise MemoryError("the reverse sweep needs more memory than its limit")
    capacity = min(max(2 * store[1], needed, 1024), store[2])
    address = _realloc(store[0], capacity * WORD)
    if address == 0:
        raise MemoryError("the reverse sweep ran out of memory")
    store[0], store[1] = address, capacity


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
def _array_at(context, block, index, like, shape):
    """Return a view of the words of the block, from `index` on, as an array like another."""
    result = types.Array(like.dtype, like.ndim, "C")

    def codegen(context, builder, sig, args):
        place = _place(context, builder, like.dtype, args)
        return contiguous_view(context, builder, result, place, cgutils.unpack_tuple(builder, args[3]))

    return result(block, types.intp, like, shape), codegen


@numba.njit(**_JIT)
def _words(like, size):
    return (size * like.itemsize + 7) // 8


@numba.njit(**_JIT)
def put_array(store, used, array):
    """Store a copy of an array and its shape; return the number of words in use."""
    words = _words(array, array.size)
    block = reserve(store, used, words + array.ndim)
    if array.size:
        _array_at(block, used, array, array.shape)[...] = array
    used += words
    for length in array.shape:
        put(block, used, length)
        used += 1
    return used


@numba.njit(**_JIT)
def get_array(block, used, like):
    """Return the array stored last, and the number of words in use without it."""
    used -= like.ndim
    shape, size = like.shape, 1
    for axis in range(like.ndim):
        length = get(block, used + axis, numba.int64)
        shape = tuple_setitem(shape, axis, length)
        size *= length
    used -= _words(like, size)
    return _array_at(block, used, like, shape), used


def _place(context, builder, kind, args):
    word = builder.bitcast(args[0], ir.IntType(64).as_pointer())
    data = context.get_data_type(kind).as_pointer()
    return builder.bitcast(builder.gep(word, [args[1]]), data)


@numba.njit(**_JIT)
def trips(start, stop, step):
    """Return the number of items of a range."""
    if step > 0:
        return max(0, (stop - start + step - 1) // step)
    return max(0, (start - stop - step - 1) // -step)


@numba.njit(**_JIT)
def block_of(store):
    """Return the address of the block."""
    return pointer(store[0])


@numba.njit(**_JIT)
def clear(x, g):
    """Set the gradient to zero."""
    if x.size == 0:
        raise ValueError("x is empty; it needs at least one component")
    g.reshape(g.size)[:] = 0.0
