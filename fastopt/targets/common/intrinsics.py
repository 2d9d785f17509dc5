"""Intrinsics: named tuples by type, and arrays in registers."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastopt.compiling.llvm_arrays import array_struct, contiguous_view
from fastopt.derivatives.duals.seeding import place_of


@intrinsic
def cast(context, cls, real: Any, values):
    """Build the named tuple `cls` with elements of type `real` from a tuple or an array."""
    kind, element = cls.instance_class, real.dtype
    fields = len(kind._fields)
    result = types.NamedUniTuple(element, fields, kind)

    def codegen(context, builder, signature, args):
        source, value = signature.args[2], args[2]
        items = []
        for i in range(fields):
            if isinstance(source, types.Array):
                array = array_struct(context, builder, source, value)
                at = context.get_constant(types.intp, i)
                pointer = place_of(context, builder, source, array, at)
                items.append((builder.load(pointer), source.dtype))
            else:
                items.append((builder.extract_value(value, i), source[i]))
        cast = [context.cast(builder, item, kind, element) for item, kind in items]
        return context.make_tuple(builder, result, cast)

    return result(cls, real, values), codegen


def _fetcher(in_memory):
    """Return an intrinsic; `in_memory` keeps the compiler from moving the copies to registers."""

    @intrinsic(prefer_literal=True)
    def fetch(context, arrays, size):
        """Return local copies of the arrays, each with memory for `size` elements."""
        n = size.literal_value
        kinds = [types.Array(a.dtype, 1, "C") for a in arrays]
        result = types.Tuple(kinds) if arrays else arrays

        def codegen(context, builder, signature, args):
            copies = []
            for k, kind in enumerate(kinds):
                source = array_struct(context, builder, kind, builder.extract_value(args[0], k))
                item = context.get_data_type(kind.dtype)
                data = cgutils.alloca_once(builder, item, size=n)
                _copy(builder, source.data, data, n)
                if in_memory:
                    _show(builder, data)
                shape = cgutils.unpack_tuple(builder, source.shape)
                copies.append(contiguous_view(context, builder, kind, data, shape))
            return context.make_tuple(builder, result, copies)

        return result(arrays, size), codegen

    return fetch


def _show(builder, pointer):
    """Pass the pointer to opaque code, so that the compiler must keep it pointing to memory."""
    kind = ir.FunctionType(ir.VoidType(), [pointer.type])
    builder.asm(kind, "", "r,~{memory}", [pointer], True)


fetch, fetch_to_memory = map(_fetcher, (False, True))


@intrinsic(prefer_literal=True)
def bring_back(context, sources, targets, size):
    """Write arrays of `size` elements back to where they were fetched from."""

    def codegen(context, builder, signature, args):
        for k, kind in enumerate(targets):
            source, target = (
                array_struct(context, builder, kind, builder.extract_value(both, k)).data
                for both in args[:2]
            )
            _copy(builder, source, target, size.literal_value)
        return context.get_dummy_value()

    return types.void(sources, targets, size), codegen


def _copy(builder, source, target, n):
    for i in range(n):
        at = [ir.Constant(ir.IntType(32), i)]
        builder.store(builder.load(builder.gep(source, at)), builder.gep(target, at))
