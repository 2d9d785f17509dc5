"""Access to host arrays by their addresses, in compiled code."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from fastopt.compiling.llvm_arrays import array_struct, contiguous_view

_WORD = ir.IntType(64)


@intrinsic
def word(context, address):
    """Return the 8-byte integer at an address."""

    def codegen(context, builder, signature, args):
        return builder.load(builder.inttoptr(args[0], ir.PointerType(_WORD)))

    return types.int64(types.int64), codegen


@intrinsic
def arrays_at(context, table, place, offset, n, real: Any, columns):
    """Return vectors of n elements of type `real`, one for each item of `columns`.

    Their addresses are in a table from `place` on; each vector begins `offset` bytes after its
    address.
    """
    kind: Any = types.Array(real.dtype, 1, "C")
    result = types.UniTuple(kind, len(columns))

    def codegen(context, builder, signature, args):
        words = array_struct(context, builder, signature.args[0], args[0]).data
        first = builder.gep(words, [args[1]])
        pointer, made = context.get_data_type(real.dtype).as_pointer(), []
        for k in range(len(columns)):
            address = builder.add(builder.load(builder.gep(first, [_WORD(k)])), args[2])
            data = builder.inttoptr(address, pointer)
            made.append(contiguous_view(context, builder, kind, data, [args[3]]))
        return context.make_tuple(builder, result, made)

    return result(table, types.int64, types.int64, types.int64, real, columns), codegen
