"""What code may ask of a `Lazy` expression beside arithmetic: elements, sizes, methods."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import operator

from numba.core import cgutils, types
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    infer_getattr,
    infer_global,
    signature,
)
from numba.extending import lower_builtin, lower_getattr

from fastopt.derivatives import _folds
from fastopt.derivatives._lazy import Lazy


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


@infer_getattr
class _Attributes(AttributeTemplate):
    key = Lazy

    def resolve_shape(self, kind):
        return types.UniTuple(types.intp, kind.ndim)

    def resolve_size(self, kind):
        return types.intp

    def resolve_ndim(self, kind):
        return types.intp


lower_builtin(operator.getitem, Lazy, types.Integer)(_folds.item)


@lower_builtin(len, Lazy)
def _lower_len(context, builder, sig, args):
    return _folds.sizes(context, builder, sig.args[0], args[0])[0]


@lower_getattr(Lazy, "shape")
def _lower_shape(context, builder, kind, value):
    return cgutils.pack_array(builder, _folds.sizes(context, builder, kind, value))


@lower_getattr(Lazy, "size")
def _lower_size(context, builder, kind, value):
    total = context.get_constant(types.intp, 1)
    for size in _folds.sizes(context, builder, kind, value):
        total = builder.mul(total, size)
    return total


@lower_getattr(Lazy, "ndim")
def _lower_ndim(context, builder, kind, value):
    return context.get_constant(types.intp, kind.ndim)
