"""Elements, sizes and methods of `Lazy` expressions."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import operator
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import lower_builtin, lower_getattr

from fastopt.compiling.numba_internals import (
    AbstractTemplate,
    AttributeTemplate,
    infer_getattr,
    infer_global,
    signature,
)
from fastopt.derivatives.forward.duals import llvm_emitter
from fastopt.derivatives.forward.lazy import reductions, reshape
from fastopt.derivatives.forward.lazy.expressions import Frozen, FrozenDuals, Lazy
from fastopt.derivatives.forward.numpy_support.sums_products_extremes import (
    MAX,
    MAXIMUM,
    MEAN,
    MINIMUM,
    STAND_INS,
    SUM,
    lower_product,
)

reductions.FOLDS.update(
    {
        SUM: (operator.add, 0.0, False),
        MEAN: (operator.add, 0.0, True),
        STAND_INS[np.prod]: (operator.mul, 1.0, False),
        **dict.fromkeys((MAX, STAND_INS[np.amax]), (MAXIMUM, -np.inf, False)),
        **dict.fromkeys((STAND_INS[np.min], STAND_INS[np.amin]), (MINIMUM, np.inf, False)),
    }
)
_waiting = (FrozenDuals, Frozen, Lazy)
for _pair in {p for a in _waiting for b in (*_waiting, types.Array) for p in ((a, b), (b, a))}:
    lower_builtin(operator.matmul, *_pair)(lower_product)
NAMES = "sum mean prod max min var std dot".split()


@infer_global(operator.getitem)
class _Item(AbstractTemplate):
    def generic(self, args, kws):
        kind, place = args
        vector = isinstance(kind, Lazy) and kind.ndim == 1 and isinstance(place, types.Integer)
        return signature(kind.dtype, kind, types.intp) if vector else None


@infer_global(len)
class _Length(AbstractTemplate):
    def generic(self, args, kws):
        one = len(args) == 1 and not kws and isinstance(args[0], Lazy)
        return signature(types.intp, *args) if one else None


class _Method(AbstractTemplate):
    """The type of a method: ``a.sum()`` is ``np.sum(a)``, and so on."""

    this: Any

    def generic(self, args, kws):
        function = self.context.resolve_value_type(METHODS[self.key])
        found = function.get_call_type(self.context, (self.this, *args), kws)
        given = found and found.args[1 : 1 + len(args)]
        return found and signature(found.return_type, *given, recvr=self.this)


def _lower_method(function):
    def lower(context, builder, sig, args):
        kind, value = llvm_emitter.call(context, builder, function, sig.args, args)
        return context.cast(builder, value, kind, sig.return_type)

    return lower


METHODS = {f"{name} of an expression": STAND_INS[getattr(np, name)] for name in NAMES}
for _key, _function in METHODS.items():
    for _kind in (Frozen, Lazy):
        lower_builtin(_key, _kind, types.VarArg(types.Any))(_lower_method(_function))


class _Methods(AttributeTemplate):
    def generic_resolve(self, kind, attr):
        if attr not in NAMES:
            return None
        members = {"key": f"{attr} of an expression"}
        return types.BoundFunction(type(attr, (_Method,), members), kind)


class _Arrays(_Methods):
    def generic_resolve(self, kind, attr):
        if attr in reshape.METHODS and kind.layout == "C":
            return types.BoundFunction(reshape.METHODS[attr], kind)
        return super().generic_resolve(kind, attr)


# Registered for CUDA, too: numba-cuda tries templates for CUDA first, and has some for arrays.
for _target in ("generic", "cuda"):
    infer_getattr(type("_OfFrozen", (_Arrays,), {"key": Frozen, "metadata": {"target": _target}}))


@infer_getattr
class _OfLazy(_Methods):
    key = Lazy

    def resolve_shape(self, kind):
        return types.UniTuple(types.intp, kind.ndim)

    def resolve_size(self, kind):
        return types.intp

    def resolve_ndim(self, kind):
        return types.intp


lower_builtin(operator.getitem, Lazy, types.Integer)(reductions.item)


@lower_builtin(len, Lazy)
def _lower_len(context, builder, sig, args):
    return reductions.sizes(context, builder, sig.args[0], args[0])[0]


@lower_getattr(Lazy, "shape")
def _lower_shape(context, builder, kind, value):
    return cgutils.pack_array(builder, reductions.sizes(context, builder, kind, value))


@lower_getattr(Lazy, "size")
def _lower_size(context, builder, kind, value):
    total = context.get_constant(types.intp, 1)
    for size in reductions.sizes(context, builder, kind, value):
        total = builder.mul(total, size)
    return total


@lower_getattr(Lazy, "ndim")
def _lower_ndim(context, builder, kind, value):
    return context.get_constant(types.intp, kind.ndim)
