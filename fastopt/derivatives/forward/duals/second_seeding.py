"""Seeding of parameters as duals of duals; a row of second derivatives of the result."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastopt.compiling.llvm_arrays import array_struct, contiguous_view
from fastopt.derivatives.forward.duals import dual_number
from fastopt.derivatives.forward.duals.dual_number import DualArray, SecondDual


@intrinsic
def seeded_along(context, kind, x, scratch, first, along):
    """Return the array x as duals of duals, stored in `scratch`.

    Partial j is by component first + j of x, and the direction is component `along`.
    """
    dual = kind.instance_type
    result = DualArray(dual, x.ndim, "C")

    def codegen(context, builder, sig, args):
        source = array_struct(context, builder, sig.args[1], args[1])
        scratch_array = array_struct(context, builder, sig.args[2], args[2]).data
        data = builder.bitcast(scratch_array, context.get_data_type(dual).as_pointer())
        with cgutils.for_range(builder, source.nitems) as loop:
            i = loop.index
            v = builder.load(builder.gep(source.data, [i]))
            one, zero = ir.Constant(v.type, 1.0), ir.Constant(v.type, None)
            places = [builder.add(args[3], i.type(j)) for j in range(dual.count)]
            here = [builder.icmp_signed("==", i, place) for place in (*places, args[4])]
            lanes = [builder.select(condition, one, zero) for condition in here]
            lanes += [zero] * dual.count
            item = dual_number.make_dual(context, builder, dual, v, lanes)
            context.pack_value(builder, dual, item, builder.gep(data, [i]))
        shape = cgutils.unpack_tuple(builder, source.shape)
        return contiguous_view(context, builder, result, data, shape)

    return result(kind, x, scratch, types.intp, types.intp), codegen


@intrinsic
def write_row(context, dual, h, along, first):
    """Write second derivatives by `along` and the parameters from `first` on to the matrix h."""
    if not isinstance(dual, SecondDual):
        return None

    def codegen(context, builder, sig, args):
        array = array_struct(context, builder, sig.args[1], args[1])
        n = cgutils.unpack_tuple(builder, array.shape)[1]
        _, lanes = dual_number.unpack(builder, dual, args[0])
        for j, lane in enumerate(lanes[dual.count + 1 :]):
            column = builder.add(args[3], args[3].type(j))
            with builder.if_then(builder.icmp_signed("<", column, n)):
                place = builder.add(builder.mul(args[2], n), column)
                builder.store(lane, builder.gep(array.data, [place]))
        return context.get_dummy_value()

    return types.void(dual, h, types.intp, types.intp), codegen
