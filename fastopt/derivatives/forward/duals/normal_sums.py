"""Sums of J'J and J'r in registers, and residuals as duals, for fits of a few parameters."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

from llvmlite import ir
from numba import TypingError, types
from numba.core import cgutils
from numba.extending import intrinsic

from fastopt.compiling.llvm_arrays import allocate_array, array_struct, contiguous_view
from fastopt.derivatives.forward.duals import dual_number
from fastopt.derivatives.forward.duals.dual_number import Dual, DualArray
from fastopt.derivatives.forward.duals.seeding import place_of, seed_dual

# The order of additions over the residuals is free: they are not part of the user's function.
_FREE = ("reassoc", "contract")


@intrinsic(prefer_literal=True)
def no_sums(context, kind, size):
    """Return sums of zero: of the losses, of J'r, and of the lower triangle of J'J."""
    n, real = size.literal_value, kind.instance_type.real
    result = types.UniTuple(real, 1 + n + n * (n + 1) // 2)

    def codegen(context, builder, sig, args):
        zero = context.get_constant(real, 0.0)
        return context.make_tuple(builder, result, [zero] * len(result))

    return result(kind, size), codegen


@intrinsic
def with_residual(context, sums, dual, loss, slope, curvature):
    """Return the sums with those of one residual, of which `dual` has the derivatives."""

    def codegen(context, builder, sig, args):
        old = cgutils.unpack_tuple(builder, args[0])
        loss, slope, curvature = args[2:]
        _, lanes = dual_number.unpack(builder, dual, args[1])
        partials = dual_number.partials_from_lanes(builder, dual, lanes)
        partials = partials[: _parameters(len(old))]

        def plus(k, a, b):
            product = builder.fmul(a, b, flags=_FREE)
            return builder.fadd(old[k], product, flags=_FREE)

        new = [builder.fadd(old[0], loss, flags=_FREE)]
        new += [plus(1 + i, slope, p) for i, p in enumerate(partials)]
        weighted = [builder.fmul(curvature, p, flags=_FREE) for p in partials]
        for i, p in enumerate(weighted):
            for q in partials[: i + 1]:
                new.append(plus(len(new), p, q))
        return context.make_tuple(builder, sums, new)

    return sums(sums, dual, sums.dtype, sums.dtype, sums.dtype), codegen


@intrinsic
def write_sums(context, sums, found):
    """Write the sums as `fit_state.places` says; return that of the losses."""
    n = _parameters(len(sums))

    def codegen(context, builder, sig, args):
        items = cgutils.unpack_tuple(builder, args[0])
        array = array_struct(context, builder, found, args[1])

        def put(place, value):
            at = context.get_constant(types.intp, place)
            builder.store(value, place_of(context, builder, found, array, at))

        for i in range(n):
            put(1 + i, items[1 + i])
        k = 1 + n
        for i in range(n):
            for j in range(i + 1):
                put(1 + n + i * n + j, items[k])
                k += 1
        return items[0]

    return sums.dtype(sums, found), codegen


def _parameters(count):
    """Return n for 1 + n + n (n + 1) / 2 sums."""
    return next(n for n in range(count) if 1 + n + n * (n + 1) // 2 == count)


@intrinsic(prefer_literal=True)
def seeded_items(context, kind, x, size):
    """Return the parameters as a tuple of duals."""
    dual, n = kind.instance_type, size.literal_value
    result = types.UniTuple(dual, n)

    def codegen(context, builder, sig, args):
        source = array_struct(context, builder, sig.args[1], args[1])
        items = []
        for i in range(n):
            place = context.get_constant(types.intp, i)
            v = builder.load(builder.gep(source.data, [place]))
            items.append(seed_dual(context, builder, dual, v, place))
        return context.make_tuple(builder, result, items)

    return result(kind, x, size), codegen


@intrinsic
def fresh(context, kind, count):
    """Return a new vector of duals, uninitialised."""
    result = DualArray(kind.instance_type, 1, "C")

    def codegen(context, builder, sig, args):
        return allocate_array(context, builder, result, [args[1]])._getvalue()

    return result(kind, types.intp), codegen


@intrinsic
def as_dual(context, kind, value):
    """Return a number as a dual, and a dual as it is."""
    dual = kind.instance_type
    if not isinstance(value, Dual | types.Number | types.Boolean):
        raise TypingError(f"the model must return one real number, not {value}")

    def codegen(context, builder, sig, args):
        return context.cast(builder, args[1], value, dual)

    return dual(kind, value), codegen


@intrinsic
def listed(context, kind, residuals):
    """Return residuals as a vector of duals: an array of duals, a tuple of numbers, or a number."""
    dual = kind.instance_type
    if isinstance(residuals, DualArray) and residuals.ndim == 1:

        def unchanged(context, builder, sig, args):
            if context.enable_nrt:
                context.nrt.incref(builder, residuals, args[1])
            return args[1]

        return residuals(kind, residuals), unchanged
    items = list(residuals) if isinstance(residuals, types.BaseTuple) else [residuals]
    if not items or not all(isinstance(t, Dual | types.Number | types.Boolean) for t in items):
        raise TypingError(f"fun must return residuals that depend on x, not {residuals}")
    result = DualArray(dual, 1, "C")

    def codegen(context, builder, sig, args):
        values = [args[1]]
        if isinstance(residuals, types.BaseTuple):
            values = cgutils.unpack_tuple(builder, args[1], len(items))
        item = context.get_data_type(dual)
        data = cgutils.alloca_once(builder, item, size=len(items))
        for k, (value, source) in enumerate(zip(values, items, strict=True)):
            value = context.cast(builder, value, source, dual)
            pointer = builder.gep(data, [ir.IntType(64)(k)])
            context.pack_value(builder, dual, value, pointer)
        return contiguous_view(
            context, builder, result, data, [context.get_constant(types.intp, len(items))]
        )

    return result(kind, residuals), codegen
