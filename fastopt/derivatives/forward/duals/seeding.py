"""Seeding of parameters as duals; value and partials of the result."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastopt.compiling.llvm_arrays import array_struct, contiguous_view
from fastopt.derivatives.forward.duals import dual_number
from fastopt.derivatives.forward.duals.dual_number import Dual, DualArray


@intrinsic(prefer_literal=True)
def seeded(context, kind, x, scratch, first, size):
    """Return the array x as duals; partial j is the derivative by component first + j of x.

    They are stored in `scratch`. If `size`, their number, is not 0, they are in local memory, which
    the compiler promotes to registers.
    """
    dual, known = kind.instance_type, size.literal_value
    result = DualArray(dual, x.ndim, "C")

    def codegen(context, builder, sig, args):
        source = array_struct(context, builder, sig.args[1], args[1])
        item = context.get_data_type(dual)
        if known:
            data = cgutils.alloca_once(builder, item, size=known)
        else:
            scratch_array = array_struct(context, builder, sig.args[2], args[2]).data
            data = builder.bitcast(scratch_array, item.as_pointer())

        def seed(i):
            v = builder.load(builder.gep(source.data, [i]))
            item = seed_dual(context, builder, dual, v, builder.sub(i, args[3]))
            context.pack_value(builder, dual, item, builder.gep(data, [i]))

        if known:
            for i in range(known):
                seed(context.get_constant(types.intp, i))
        else:
            with cgutils.for_range(builder, source.nitems) as loop:
                seed(loop.index)
        shape = cgutils.unpack_tuple(builder, source.shape)
        return contiguous_view(context, builder, result, data, shape)

    return result(kind, x, scratch, types.intp, size), codegen


def seed_dual(context, builder, dual, v, place):
    """Return a dual of value v whose partial at `place` is 1."""
    one, zero = ir.Constant(v.type, 1.0), ir.Constant(v.type, None)
    here = [builder.icmp_signed("==", place, place.type(j)) for j in range(dual.size)]
    lanes = [builder.select(condition, one, zero) for condition in here]
    return dual_number.make_dual(
        context, builder, dual, v, dual_number.lanes_from_partials(builder, dual, lanes)
    )


@intrinsic
def value_of(context, dual):
    """Return the value of a dual."""
    if not isinstance(dual, Dual):
        return None

    def codegen(context, builder, sig, args):
        return builder.extract_value(args[0], 0)

    return dual.real(dual), codegen


@intrinsic(prefer_literal=True)
def write_partials(context, dual, g, first, size):
    """Write the partials to the array g, from `first` on, as many as fit."""
    if not isinstance(dual, Dual):
        return None
    known = size.literal_value

    def codegen(context, builder, sig, args):
        array = array_struct(context, builder, sig.args[1], args[1])
        lanes = dual_number.partials_from_lanes(
            builder, dual, dual_number.unpack(builder, dual, args[0])[1]
        )
        for j, lane in enumerate(lanes):
            index = builder.add(args[2], args[2].type(j))
            pointer = place_of(context, builder, sig.args[1], array, index)
            if 0 < known <= dual.size:  # all in one pass
                if j < known:
                    builder.store(lane, pointer)
            else:
                with builder.if_then(builder.icmp_signed("<", index, array.nitems)):
                    builder.store(lane, pointer)
        return context.get_dummy_value()

    return types.void(dual, g, types.intp, size), codegen


def place_of(context, builder, kind, array, i):
    """Return a pointer to element i of a vector; on a device a thread's vectors are strided."""
    if kind.layout == "C":
        return builder.gep(array.data, [i])
    shape, strides = (cgutils.unpack_tuple(builder, t) for t in (array.shape, array.strides))
    return cgutils.get_item_pointer2(context, builder, array.data, shape, strides, "A", [i])
