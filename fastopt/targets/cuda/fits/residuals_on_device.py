"""Residuals and the root of their equations in forms that need no memory of their own."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

from numba import TypingError, types
from numba.core import cgutils
from numba.extending import intrinsic

from fastopt.compiling.llvm_arrays import array_struct, array_view
from fastopt.derivatives.forward.duals.dual_number import Dual
from fastopt.derivatives.forward.duals.seeding import place_of
from fastopt.derivatives.forward.lazy.expressions import Lazy


@intrinsic
def listed(context, kind, residuals):
    """Return residuals as something that has a length and elements.

    It is an expression, an array, or a tuple of duals, made of a tuple of numbers or of a number.
    """
    dual = kind.instance_type
    if isinstance(residuals, Lazy | types.Array) and residuals.ndim == 1:
        return residuals(kind, residuals), lambda context, builder, sig, args: args[1]
    items = list(residuals) if isinstance(residuals, types.BaseTuple) else [residuals]
    if not items or not all(isinstance(t, Dual | types.Number | types.Boolean) for t in items):
        raise TypingError(f"fun must return a vector of residuals, not {residuals}")
    result = types.UniTuple(dual, len(items))

    def codegen(context, builder, sig, args):
        values = [args[1]]
        if isinstance(residuals, types.BaseTuple):
            values = cgutils.unpack_tuple(builder, args[1], len(items))
        pairs = zip(values, items, strict=True)
        return context.make_tuple(
            builder, result, [context.cast(builder, value, own, dual) for value, own in pairs]
        )

    return result(kind, residuals), codegen


def root_of(n):
    """Return the intrinsic ``root_in(found, first)``, which sees a matrix of n rows transposed."""

    @intrinsic
    def root_in(context, found, first):
        kind = types.Array(found.dtype, 2, "A")

        def codegen(context, builder, sig, args):
            array = array_struct(context, builder, found, args[0])
            data = place_of(context, builder, found, array, args[1])
            (stride,) = cgutils.unpack_tuple(builder, array.strides)
            length = context.get_constant(types.intp, n)
            strides = stride, builder.mul(stride, length)
            shape = length, length
            return array_view(context, builder, kind, data, shape, strides, array.itemsize)

        return kind(found, types.intp), codegen

    return root_in
