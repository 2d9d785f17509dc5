"""``reshape`` and ``ravel`` of contiguous frozen arrays, as views.

numba-cuda uses a function in C for this, which would have to be linked to the kernel.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import lower_builtin

from fastopt.compiling.llvm_arrays import array_struct, array_view
from fastopt.compiling.numba_internals import AbstractTemplate, signature
from fastopt.derivatives.forward.lazy.expressions import Frozen


class Reshape(AbstractTemplate):
    key = "reshape of a frozen array"
    this: Any

    def generic(self, args, kws):
        wanted = args[0] if len(args) == 1 and isinstance(args[0], types.BaseTuple) else args
        whole = all(isinstance(a, types.Integer) for a in wanted)
        if kws or not whole or not len(wanted) or self.this.layout != "C":
            return None
        plain = [types.unliteral(a) for a in args]
        return signature(self.this.copy(ndim=len(wanted)), *plain, recvr=self.this)


class Ravel(AbstractTemplate):
    key = "ravel of a frozen array"
    this: Any

    def generic(self, args, kws):
        flat = not args and not kws and self.this.layout == "C"
        return signature(self.this.copy(ndim=1), recvr=self.this) if flat else None


def _seen(context, builder, source, result, value, wanted):
    """Return a view of the array with these sizes, of which one may be -1."""
    array = array_struct(context, builder, source, value)
    zero, one = context.get_constant(types.intp, 0), context.get_constant(types.intp, 1)
    count, known = one, one
    for size in cgutils.unpack_tuple(builder, array.shape):
        count = builder.mul(count, size)
    for size in wanted:
        known = builder.mul(known, builder.select(_negative(builder, size), one, size))
    safe = builder.select(builder.icmp_signed("==", known, zero), one, known)
    rest = builder.sdiv(count, safe)
    shape = [builder.select(_negative(builder, size), rest, size) for size in wanted]
    total, strides, step = one, [], context.get_constant(types.intp, 1)
    for size in reversed(shape):
        strides.insert(0, builder.mul(step, array.itemsize))
        step, total = builder.mul(step, size), builder.mul(total, size)
    with builder.if_then(builder.icmp_signed("!=", total, count), likely=False):
        convention = getattr(context, "fndesc", context).call_conv
        message = "cannot reshape an array into one of another size"
        convention.return_user_exc(builder, ValueError, (message,))
    owner = array if context.enable_nrt else None
    if owner:
        context.nrt.incref(builder, source, value)
    return array_view(context, builder, result, array.data, shape, strides, array.itemsize, owner)


def _negative(builder, size):
    return builder.icmp_signed("<", size, size.type(0))


def _lower_reshape(context, builder, sig, args):
    source, *kinds = sig.args
    values = args[1:]
    if isinstance(kinds[0], types.BaseTuple):
        kinds, values = kinds[0].types, cgutils.unpack_tuple(builder, values[0])
    pairs = zip(values, kinds, strict=True)
    wanted = [context.cast(builder, value, kind, types.intp) for value, kind in pairs]
    return _seen(context, builder, source, sig.return_type, args[0], wanted)


def _lower_ravel(context, builder, sig, args):
    wanted = [context.get_constant(types.intp, -1)]
    return _seen(context, builder, sig.args[0], sig.return_type, args[0], wanted)


lower_builtin(Reshape.key, Frozen, types.VarArg(types.Any))(_lower_reshape)
lower_builtin(Ravel.key, Frozen)(_lower_ravel)
METHODS = {"reshape": Reshape, "ravel": Ravel, "flatten": Ravel}
