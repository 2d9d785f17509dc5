"""Deferred array expressions, computed element by element when a result is needed.

Code on a GPU cannot allocate arrays. There the arrays of an objective are `Frozen`: no code writes
to them. An operation on them makes a `Lazy`, a value that contains the operands. Its type contains
the operation. Reductions (`reductions`), such as sums, are loops over the elements.

A `Lazy` can be assigned to variables, used several times, and passed to functions.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import hashlib

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from fastopt.compiling.numba_internals import CPUTyping, signature
from fastopt.derivatives.forward.duals.dual_number import Dual, DualArray

_ITEMS = (Dual, types.Integer, types.Float, types.Boolean)


class Frozen(types.Array):
    """An array that no code writes to, so that operations on it can be deferred."""

    def __init__(self, dtype, ndim, layout, readonly=True, aligned=True):
        name = f"{type(self).__name__}({dtype}, {ndim}, {layout}, {aligned})"
        types.Array.__init__(self, dtype, ndim, layout, True, name, aligned)

    def copy(self, dtype=None, ndim=None, layout=None, readonly=None):
        dtype = self.dtype if dtype is None else dtype
        ndim, layout = self.ndim if ndim is None else ndim, layout or self.layout
        kind = FrozenDuals if isinstance(dtype, Dual) else Frozen
        return kind(dtype, ndim, layout, aligned=self.aligned)

    def unify(self, typingctx, other):
        if type(other) is type(self) and (other.dtype, other.ndim) == (self.dtype, self.ndim):
            return self.copy(layout=self.layout if self.layout == other.layout else "A")
        return None

    def __array_ufunc__(self, ufunc, method, *args, **kws):
        """Reject Numba's own functions of arrays, which would allocate."""
        return NotImplemented


class FrozenDuals(Frozen, DualArray):
    """A frozen array of duals."""


class Lazy(types.Type):
    """The result of `function` for `operands`: an array with `ndim` axes that is not stored.

    `function` is elementwise, or `reductions.PRODUCT`.
    """

    def __init__(self, function, operands, dtype, ndim):
        self.function, self.operands = function, tuple(operands)
        self.dtype, self.ndim = dtype, ndim
        named = f"{getattr(function, '__name__', function)}{[str(o) for o in operands]}"
        digest = hashlib.sha256(named.encode()).hexdigest()[:12]
        super().__init__(name=f"Expression({dtype}, {ndim}, {digest})")

    @property
    def key(self):
        return self.function, self.operands

    @property
    def operand_types(self):
        """Return the operands that are values; literals are part of the type."""
        return [o for o in self.operands if not isinstance(o, types.Literal)]


@register_model(Lazy)
class LazyModel(models.StructModel):
    """Representation: a struct of the operands."""

    def __init__(self, manager, kind):
        super().__init__(manager, kind, [(f"o{i}", o) for i, o in enumerate(kind.operand_types)])


register_model(Frozen)(models.ArrayModel)
register_model(FrozenDuals)(models.ArrayModel)


def is_deferred(kinds, context=None):
    """Return True if an operation on these types is deferred.

    On a GPU that includes operations on constant arrays.
    """
    device = context is not None and not isinstance(context, CPUTyping)
    return any(
        isinstance(k, Frozen | Lazy) or (device and isinstance(k, types.Array) and not k.mutable)
        for k in kinds
    )


def element(kind):
    """Return the element type of an array or expression; for a scalar, its type."""
    return kind.dtype if isinstance(kind, types.Array | Lazy) else kind


def all_immutable(kinds):
    """Return True if all are numbers, or arrays of numbers that no code writes to."""
    fixed = all(not isinstance(k, types.Array) or not k.mutable for k in kinds)
    return fixed and all(isinstance(element(k), _ITEMS) for k in kinds)


def elementwise(context, function, kinds):
    """Return the signature of an elementwise function for these operands, some deferred."""
    if not all_immutable(kinds):
        return None
    items = [element(k) for k in kinds]
    found = context.resolve_value_type(function).get_call_type(context, items, {})
    if found is None or not isinstance(found.return_type, _ITEMS):
        return None
    # A literal that is kept is part of the operation: x**2 is x * x.
    kept = [
        t if isinstance(t, types.Literal) else k for t, k in zip(found.args, kinds, strict=True)
    ]
    kept = [k if isinstance(k, types.IntegerLiteral) else types.unliteral(k) for k in kept]
    ndim = max(getattr(k, "ndim", 0) for k in kinds)
    return signature(Lazy(function, kept, types.unliteral(found.return_type), ndim), *kept)


def defer(context, builder, sig, args):
    """Lower a deferred operation: store the operands."""
    kind = sig.return_type
    if not isinstance(kind, Lazy):
        raise NotImplementedError("an operation that needs an array")
    value = ir.Constant(context.get_value_type(kind), ir.Undefined)
    pairs = [p for p in zip(sig.args, args, strict=True) if not isinstance(p[0], types.Literal)]
    for i, (source, operand) in enumerate(pairs):
        if context.enable_nrt:
            context.nrt.incref(builder, source, operand)
        value = builder.insert_value(value, operand, i)
    value.fastopt_operands = [operand for _, operand in pairs]  # see `operands`
    return value


def operands(builder, kind, value):
    """Return the operands of an expression, with None for literals.

    If the expression was created in the current function, return its original LLVM values. So a
    shared operand is recognised, and computed once.
    """
    made = getattr(value, "fastopt_operands", None)
    parts = iter(made or [builder.extract_value(value, i) for i in range(len(kind.operand_types))])
    return [None if isinstance(o, types.Literal) else next(parts) for o in kind.operands]


def _frozen(kind):
    """Return the type of a frozen argument."""
    if isinstance(kind, types.BaseTuple):
        named = getattr(kind, "instance_class", None)
        kinds = [_frozen(k) for k in kind.types]
        return types.BaseTuple.from_types(kinds, named) if named else types.Tuple(kinds)
    if isinstance(kind, types.Array) and isinstance(kind.dtype, _ITEMS):
        made = FrozenDuals if isinstance(kind.dtype, Dual) else Frozen
        return made(kind.dtype, kind.ndim, kind.layout, aligned=kind.aligned)
    return kind


def _convert(context, builder, kind, value):
    if not isinstance(kind, types.BaseTuple):
        return value
    values = cgutils.unpack_tuple(builder, value, len(kind))
    pairs = zip(kind.types, values, strict=True)
    return context.make_tuple(
        builder, _frozen(kind), [_convert(context, builder, *p) for p in pairs]
    )


@intrinsic
def frozen(context, value):
    """Return `value` with its arrays replaced by frozen arrays."""

    def codegen(context, builder, sig, args):
        if context.enable_nrt:
            context.nrt.incref(builder, value, args[0])
        return _convert(context, builder, value, args[0])

    return _frozen(value)(value), codegen
