"""Access to host arrays by their addresses, in compiled code."""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np import arrayobj

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
        proxy: Any = arrayobj.make_array(signature.args[0])
        first = builder.gep(proxy(context, builder, args[0]).data, [args[1]])
        item = context.get_data_type(real.dtype)
        width = context.get_constant(types.intp, context.get_abi_sizeof(item))
        shape, strides = (cgutils.pack_array(builder, [k]) for k in (args[3], width))
        proxy, made = arrayobj.make_array(kind), []
        for k in range(len(columns)):
            address = builder.add(builder.load(builder.gep(first, [_WORD(k)])), args[2])
            array, data = proxy(context, builder), builder.inttoptr(address, item.as_pointer())
            arrayobj.populate_array(array, data, shape, strides, width, None)
            made.append(array._getvalue())
        return context.make_tuple(builder, result, made)

    return result(table, types.int64, types.int64, types.int64, real, columns), codegen
