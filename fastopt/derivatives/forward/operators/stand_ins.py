"""Substitutes for NumPy's functions in user code: ours for duals, else the original."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

from typing import Any

import numba
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin

from fastopt.compiling.llvm_arrays import allocate_array
from fastopt.compiling.numba_internals import AbstractTemplate, infer_global, signature
from fastopt.derivatives.forward.duals.dual_number import JIT, Dual, DualArray
from fastopt.derivatives.forward.lazy import reductions
from fastopt.derivatives.forward.lazy.expressions import is_deferred
from fastopt.derivatives.forward.operators import evaluation_order, loop_fusion


def dual_of(kind):
    """Return the type of the duals that a type is or contains, or None."""
    if isinstance(kind, Dual):
        return kind
    inner = [getattr(kind, "dtype", None), getattr(kind, "instance_type", None)]
    inner += kind.types if isinstance(kind, types.BaseTuple) else []
    return next(filter(None, (dual_of(item) for item in inner if item is not None)), None)


@intrinsic
def new(context, like, shape):
    """Allocate an uninitialised array of the duals that `like` is or contains."""
    sizes = list(shape) if isinstance(shape, types.BaseTuple) else [shape]
    if not all(isinstance(size, types.Integer) for size in sizes) or dual_of(like) is None:
        return None
    result = DualArray(dual_of(like), len(sizes), "C")

    def codegen(context, builder, sig, args):
        tuple_given = isinstance(shape, types.BaseTuple)
        values = cgutils.unpack_tuple(builder, args[1]) if tuple_given else [args[1]]
        pairs = zip(values, sizes, strict=True)
        values = [context.cast(builder, value, size, types.intp) for value, size in pairs]
        for value in values:
            negative = builder.icmp_signed("<", value, value.type(0))
            with builder.if_then(negative, likely=False):
                message = "negative dimensions are not allowed"
                context.call_conv.return_user_exc(builder, ValueError, (message,))
        return allocate_array(context, builder, result, values)._getvalue()

    return result(like, shape), codegen


class StandIn(AbstractTemplate):
    """The type of a call: of our function if `needs_stand_in(types)`, else of the original."""

    original: Any
    ours: Any
    needs_stand_in: Any

    def generic(self, args, kws):
        kinds = [*args, *kws.values()]
        if len(kinds) == 1 and is_deferred(kinds) and self.key in reductions.FOLDS:
            return reductions.signature_of(self.context, reductions.FOLDS[self.key], args)
        alone = len(kinds) == 1 and isinstance(kinds[0], DualArray)
        if alone and self.key in loop_fusion.REDUCTIONS:
            return signature(kinds[0].dtype, *args)
        function = self.ours if self.needs_stand_in(kinds) else self.original
        return self.context.resolve_value_type(function).get_call_type(self.context, args, kws)


def some_dual(kinds):
    """Return True if our functions are needed: for duals, and for deferred expressions."""
    return any(map(dual_of, kinds)) or is_deferred(kinds)


def stand_in_for(original, ours, needs_stand_in=some_dual, template=StandIn, lower=None):
    """Return the substitute for a function of NumPy in user code."""

    def stand_in(*args, **kws):
        raise TypeError(f"fastopt's {original.__name__} is for compiled code")

    stand_in.__name__ = stand_in.__qualname__ = original.__name__  # for messages
    ours = ours and numba.njit(**JIT)(ours)
    members = {
        "key": stand_in,
        "original": original,
        "ours": ours,
        "needs_stand_in": needs_stand_in,
    }
    members = {name: staticmethod(value) for name, value in members.items()}
    made = type(original.__name__, (template,), members)
    infer_global(stand_in, types.Function(made))

    def forward(context, builder, sig, args):
        if len(args) == 1 and is_deferred(sig.args) and stand_in in reductions.FOLDS:
            return reductions.lower(reductions.FOLDS[stand_in], context, builder, sig, args)
        function = ours if needs_stand_in(sig.args) else original
        kind = context.typing_context.resolve_value_type(function)
        ready = context.get_function(kind, sig)
        context.add_linking_libs(getattr(ready, "libs", ()))
        return ready(builder, args)

    lower_builtin(stand_in, types.VarArg(types.Any))(lower or forward)
    evaluation_order.PURE.add(stand_in)
    return stand_in


def is_none(kind):
    return kind is None or isinstance(kind, types.NoneType | types.Omitted)
