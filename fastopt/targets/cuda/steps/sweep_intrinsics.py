"""Intrinsics for kernels over device arrays: accesses of 16 bytes at a time, by address.

Addresses are pointers or integers; all arrays are in global memory.
"""

import functools
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastopt.compiling.llvm_arrays import array_struct, contiguous_view

LINE = 16  # bytes of the widest access of a thread
_LONG = ir.IntType(64)


@intrinsic
def cast(context, cls, real, c):
    """Unpack the coefficients, whose bits are passed in integers."""
    element, kind = real.dtype, cls.instance_class
    count = len(kind._fields)
    result = types.NamedUniTuple(element, count, kind)

    def codegen(context, builder, signature, args):
        words = [builder.extract_value(args[2], k) for k in range(len(c))]
        size, items = element.bitwidth, []
        for k in range(count):
            word, shift = divmod(k * size, 64)
            part = builder.lshr(words[word], _LONG(shift))
            part = builder.trunc(part, ir.IntType(size)) if size < 64 else part
            items.append(builder.bitcast(part, context.get_data_type(element)))
        return context.make_tuple(builder, result, items)

    return result(cls, real, c), codegen


@intrinsic
def lead(context, arrays, n, real):
    """Return the number of elements before the first 16-byte boundary that all arrays share.

    Return n, the number of all elements, if the arrays share none.
    """

    def codegen(context, builder, signature, args):
        first, *others = _addresses(builder, arrays, args[0])
        unlike = _LONG(0)
        for other in others:
            unlike = builder.or_(unlike, builder.xor(first, other))
        shared = builder.icmp_unsigned("==", builder.and_(unlike, _LONG(LINE - 1)), _LONG(0))
        bytes_ = builder.and_(builder.neg(first), _LONG(LINE - 1))
        count = builder.udiv(bytes_, _LONG(real.dtype.bitwidth // 8))
        fits = builder.icmp_signed("<", count, args[1])
        return builder.select(builder.and_(shared, fits), count, args[1])

    return types.int64(arrays, types.int64, real), codegen


@intrinsic
def row(context, table, r, columns):
    """Return row r of a table of integers: the first integer, and the tuple of the others."""
    count = len(columns)
    rest = types.UniTuple(types.int64, count - 1)
    result = types.Tuple([types.int64, rest])

    def codegen(context, builder, signature, args):
        (address,) = _addresses(builder, types.UniTuple(table, 1), args[0], whole=True)
        first = builder.mul(args[1], _LONG(count))
        pointer = builder.inttoptr(address, ir.PointerType(_LONG, 1))
        items = [
            builder.load(builder.gep(pointer, [builder.add(first, _LONG(k))])) for k in range(count)
        ]
        return context.make_tuple(
            builder, result, [items[0], context.make_tuple(builder, rest, items[1:])]
        )

    return result(table, types.int64, columns), codegen


@intrinsic
def put(context, table, k, value):
    """Store a float64 at place k of a table."""

    def codegen(context, builder, signature, args):
        (address,) = _addresses(builder, types.UniTuple(table, 1), args[0], whole=True)
        pointer = builder.inttoptr(address, ir.PointerType(ir.DoubleType(), 1))
        builder.store(args[2], builder.gep(pointer, [args[1]]))
        return context.get_dummy_value()

    return types.void(table, types.int64, types.float64), codegen


@functools.cache
def make_load_store(width, uses, unchanged=(1,)):
    """Make ``fetch(arrays, strides, at, real)`` and ``bring_back(x, state, arrays, strides, at)``.

    `arrays` are the addresses of x, g and the used slots. `strides` count elements; () means that
    all arrays are contiguous. `fetch` returns x in place of unused slots.

    Parameters
    ----------
    width : int
        Elements per access. If it is not 1, the address must be aligned to 16 bytes.
    uses : tuple of bool
        Which slots are kept.
    unchanged : tuple of int
        The arrays that `bring_back` does not write.
    """
    used = [k for k, use in enumerate(uses) if use]

    @intrinsic
    def fetch(context, arrays, strides, at, real):
        element = real.dtype
        kind: Any = types.Array(element, 1, "C")
        slots = types.UniTuple(kind, len(uses))
        result = types.Tuple([kind, kind, slots])

        def codegen(context, builder, signature, args):
            item = context.get_data_type(element)
            pointers = _pointers(builder, arrays, strides, args, item, width)
            near = []
            # All loads before all stores, so that no load waits for another.
            values = [builder.load(p, align=width * element.bitwidth // 8) for p in pointers]
            for value in values:
                data = cgutils.alloca_once(builder, item, size=width)
                for i in range(width):
                    one = builder.extract_element(value, _place(i)) if width > 1 else value
                    builder.store(one, builder.gep(data, [_place(i)]))
                near.append(_local(context, builder, kind, data, width))
            found = dict(zip(used, near[2:], strict=True))
            state = context.make_tuple(
                builder, slots, [found.get(k, near[0]) for k in range(len(uses))]
            )
            return context.make_tuple(builder, result, [near[0], near[1], state])

        return result(arrays, strides, types.int64, real), codegen

    @intrinsic
    def bring_back(context, x, state, arrays, strides, at):
        def codegen(context, builder, signature, args):
            item = context.get_data_type(x.dtype)
            pointers = _pointers(builder, arrays, strides, args[2:], item, width)
            near = [args[0], None, *(builder.extract_value(args[1], k) for k in used)]
            for k, (value, pointer) in enumerate(zip(near, pointers, strict=True)):
                if k in unchanged:
                    continue
                data = array_struct(context, builder, x, value).data
                items = [builder.load(builder.gep(data, [_place(i)])) for i in range(width)]
                whole = items[0]
                if width > 1:
                    whole = ir.Constant(ir.VectorType(item, width), ir.Undefined)
                    for i, one in enumerate(items):
                        whole = builder.insert_element(whole, one, _place(i))
                builder.store(whole, pointer, align=width * x.dtype.bitwidth // 8)
            return context.get_dummy_value()

        return types.void(x, state, arrays, strides, types.int64), codegen

    return fetch, bring_back


def _place(i):
    return ir.Constant(ir.IntType(32), i)


def _addresses(builder, kind, value, whole=False):
    """Return the addresses in a tuple, or with `whole` a single one, as integers."""
    found = [value] if whole else [builder.extract_value(value, k) for k in range(len(kind))]
    pointer = isinstance(kind.dtype, types.CPointer)
    return [builder.ptrtoint(v, _LONG) if pointer else v for v in found]


def _pointers(builder, arrays, strides, args, item, width):
    """Return pointers to the next `width` elements of each array.

    `args` are the values of arrays, strides and at.
    """
    to = ir.PointerType(ir.VectorType(item, width) if width > 1 else item, 1)
    found = []
    for k, address in enumerate(_addresses(builder, arrays, args[0])):
        at = args[2]
        if len(strides):
            at = builder.mul(at, builder.extract_value(args[1], k))
        start = builder.gep(builder.inttoptr(address, ir.PointerType(item, 1)), [at])
        found.append(builder.bitcast(start, to))
    return found


def _local(context, builder, kind, data, n):
    """Return an array over local memory."""
    return contiguous_view(context, builder, kind, data, [context.get_constant(types.intp, n)])
