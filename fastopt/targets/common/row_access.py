"""Intrinsics for the threads of a batch.

They return rows of arrays, as views without reference counts, and named tuples from tables.
"""

import functools
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastopt.compiling.llvm_arrays import array_struct, contiguous_view

# Bytes of a cache line, and the most bytes of a row that `prefetch` requests: the processor's own
# prefetcher loads the rest.
LINE, MOST_ASKED = 64, 1024
# Cache into which rows are prefetched: 3 is the first level, 2 the second. Only a few requests into
# the first can wait for memory at a time. An epoch of logistic regression over 20 MB took 5.8 ms of
# processor time with 3, and 4.4 with 2 (AMD EPYC, Zen 4, a busy machine).
LOCALITY = 2


@intrinsic
def named(context, template, table, row):
    """Return the named tuple in a row of a table of floats, with the types of the template."""
    kinds = parts(template)

    def codegen(context, builder, signature, values):
        data = array_struct(context, builder, table, values[1]).data
        first = builder.mul(values[2], values[2].type(len(kinds)))
        items = []
        for k, kind in enumerate(kinds):
            pointer = builder.gep(data, [builder.add(first, first.type(k))])
            items.append(context.cast(builder, builder.load(pointer), table.dtype, kind))
        return context.make_tuple(builder, template, items)

    return template(template, table, types.intp), codegen


@intrinsic
def rows(context, fields, row_buffers, b):
    """Return problem b's row of each field: a number, or a contiguous array.

    Rows that are not contiguous are copied into `row_buffers`, if there are any. A field
    ``(flat, starts, lengths)`` is ragged.
    """
    kinds = tuple(map(row_type, fields))

    def codegen(context, builder, signature, values):
        items = []
        for k, field in enumerate(fields):
            value = builder.extract_value(values[0], k)
            buffer = builder.extract_value(values[1], k) if parts(row_buffers) else None
            make = _ragged_row if isinstance(field, types.BaseTuple) else _row
            items.append(make(context, builder, field, kinds[k], value, buffer, values[2]))
        return context.make_tuple(builder, types.Tuple(kinds), items)

    return types.Tuple(kinds)(fields, row_buffers, types.intp), codegen


def parts(kind: Any):
    """Return the types of the items of a tuple type."""
    return tuple(kind)


def row_type(field):
    """Return the type of a row of a field."""
    if isinstance(field, types.BaseTuple):
        flat, _, lengths = parts(field)
        return types.Array(flat.dtype, len(lengths), "C", readonly=not flat.mutable)
    if field.ndim == 1:
        return field.dtype
    lies = field.layout == "C"
    return types.Array(field.dtype, field.ndim - 1, "C", readonly=lies and not field.mutable)


def _row(context, builder, field, kind, value, buffer, b):
    array: Any = array_struct(context, builder, field, value)
    shape = cgutils.unpack_tuple(builder, array.shape)
    strides = cgutils.unpack_tuple(builder, array.strides)
    zeros = [b.type(0)] * (field.ndim - 1)
    first = cgutils.get_item_pointer2(
        context, builder, array.data, shape, strides, "A", [b, *zeros]
    )
    if field.ndim == 1:
        return context.unpack_value(builder, field.dtype, first)
    if field.layout == "C":
        return contiguous_view(context, builder, kind, first, shape[1:])
    to = array_struct(context, builder, kind, buffer).data
    _copy_row(context, builder, array, shape, strides, b, to)
    return contiguous_view(context, builder, kind, to, shape[1:])


def _copy_row(context, builder, array, shape, strides, b, to):
    """Copy row b of an array of any strides to contiguous memory at `to`."""
    done = cgutils.alloca_once_value(builder, b.type(0))
    with cgutils.loop_nest(builder, shape[1:], b.type) as at:
        place = cgutils.get_item_pointer2(
            context, builder, array.data, shape, strides, "A", [b, *at]
        )
        k = builder.load(done)
        builder.store(builder.load(place), builder.gep(to, [k]))
        builder.store(builder.add(k, k.type(1)), done)


def _ragged_row(context, builder, field, kind, value, buffer, b):
    def number(part, array):
        data = array_struct(context, builder, part, array).data
        return builder.load(builder.gep(data, [b]))

    flat, starts, lengths = (builder.extract_value(value, k) for k in range(3))
    first = number(field[1], starts)
    sizes = [
        number(part, builder.extract_value(lengths, k)) for k, part in enumerate(parts(field[2]))
    ]
    data = array_struct(context, builder, field[0], flat).data
    return contiguous_view(context, builder, kind, builder.gep(data, [first]), sizes)


@intrinsic
def put(context, row_buffers, k, fields, b):
    """Copy row b of the fields to place k of `row_buffers`, arrays in C order."""

    def codegen(context, builder, signature, values):
        for at, (field, kind) in enumerate(zip(parts(fields), parts(row_buffers), strict=True)):
            target: Any = array_struct(context, builder, kind, builder.extract_value(values[0], at))
            array: Any = array_struct(context, builder, field, builder.extract_value(values[2], at))
            shape = cgutils.unpack_tuple(builder, array.shape)
            strides = cgutils.unpack_tuple(builder, array.strides)
            size = functools.reduce(builder.mul, shape[1:], values[1].type(1))
            to = builder.gep(target.data, [builder.mul(values[1], size)])
            if field.layout != "C":
                _copy_row(context, builder, array, shape, strides, values[3], to)
            elif field.ndim == 1:
                builder.store(builder.load(builder.gep(array.data, [values[3]])), to)
            else:
                row = builder.gep(array.data, [builder.mul(values[3], size)])
                width = context.get_abi_sizeof(context.get_data_type(field.dtype))
                cgutils.raw_memcpy(builder, to, row, size, width)
        return context.get_dummy_value()

    return types.void(row_buffers, types.intp, fields, types.intp), codegen


@intrinsic
def first_rows(context, row_buffers, count):
    """Return views of the first `count` rows of the arrays."""
    kinds = [types.Array(buffer.dtype, buffer.ndim, "C") for buffer in parts(row_buffers)]

    def codegen(context, builder, signature, values):
        items = []
        for at, kind in enumerate(kinds):
            buffer: Any = array_struct(context, builder, kind, builder.extract_value(values[0], at))
            shape = [values[1], *cgutils.unpack_tuple(builder, buffer.shape)[1:]]
            items.append(contiguous_view(context, builder, kind, buffer.data, shape))
        return context.make_tuple(builder, types.Tuple(kinds), items)

    return types.Tuple(kinds)(row_buffers, types.intp), codegen


@intrinsic
def prefetch(context, fields, b):
    """Prefetch row b of each field, so that it is in the cache when it is needed."""

    def codegen(context, builder, signature, values):
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        for k, field in enumerate(parts(fields)):
            if not isinstance(field, types.Array) or field.layout != "C":
                continue
            array: Any = array_struct(context, builder, field, builder.extract_value(values[0], k))
            step = cgutils.unpack_tuple(builder, array.strides)[0]
            first = builder.gep(builder.bitcast(array.data, byte), [builder.mul(values[1], step)])
            most = step.type(MOST_ASKED)
            size = builder.select(builder.icmp_signed("<", step, most), step, most)
            with cgutils.for_range_slice(builder, size.type(0), size, size.type(LINE)) as (at, _):
                builder.call(ask, [builder.gep(first, [at]), *map(number, (0, LOCALITY, 1))])
        return context.get_dummy_value()

    return types.void(fields, types.intp), codegen
