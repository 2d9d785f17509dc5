"""NumPy's functions of whole arrays, for arrays of duals.

Elementwise operations, and ``sum``, ``mean`` and ``dot`` of vectors, are loops of `_fusion`. The
others are written here in Python, and compiled where a dual is among the arguments; elsewhere what
the user wrote stays what it was.
"""

import functools
import math
import operator
from typing import Any

import numba
import numpy as np
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    infer_getattr,
    infer_global,
    signature,
)
from numba.extending import intrinsic, lower_builtin, overload_method

from fastopt.derivatives import _dual, _emit, _fusion
from fastopt.derivatives._dual import JIT, Dual, DualArray
from fastopt.derivatives._functions import FAST

def _dual_of(kind):
    """The type of the duals that a type is or holds; None without any."""
    if isinstance(kind, Dual):
        return kind
    inner = [getattr(kind, "dtype", None), getattr(kind, "instance_type", None)]
    inner += kind.types if isinstance(kind, types.BaseTuple) else []
    return next(filter(None, (_dual_of(item) for item in inner if item is not None)), None)


@intrinsic
def new(context, like, shape):
    """A new array of the duals that `like` is, or holds; not filled."""
    sizes = list(shape) if isinstance(shape, types.BaseTuple) else [shape]
    if not all(isinstance(size, types.Integer) for size in sizes):
        return None
    result = DualArray(_dual_of(like), len(sizes), "C")

    def codegen(context, builder, sig, args):
        tuple_given = isinstance(shape, types.BaseTuple)
        values = cgutils.unpack_tuple(builder, args[1]) if tuple_given else [args[1]]
        pairs = zip(values, sizes, strict=True)
        values = [context.cast(builder, value, size, types.intp) for value, size in pairs]
        return _dual.new_array(context, builder, result, values)._getvalue()

    return result(like, shape), codegen


# What the functions do with duals. `a` and the like are arrays of duals, or of numbers beside them.


def _reduced(a, axis):
    """Sums along an axis of a matrix."""
    if axis % 2 == 0:
        a = a.T
    total = new(a, a.shape[0])
    for i in range(a.shape[0]):
        total[i] = SUM(a[i])
    return total


def _mean_along(a, axis):
    return _reduced(a, axis) / a.shape[axis]


def _prod(a):
    total = 1.0
    for i in range(a.size):
        total = total * a.flat[i]
    return total


def _cumsum(a):
    sums = new(a, a.size)
    total = 0.0
    for i in range(a.size):
        total = total + a[i]
        sums[i] = total
    return sums


def _max(a):
    if a.size == 0:
        raise ValueError("max of an empty array")
    best = a.flat[0]
    for v in a.flat:
        best = MAXIMUM(best, v)
    return best


def _min(a):
    if a.size == 0:
        raise ValueError("min of an empty array")
    best = a.flat[0]
    for v in a.flat:
        best = MINIMUM(best, v)
    return best


def _argmax(a):
    best = 0
    for i in range(1, a.size):
        if a.flat[i] > a.flat[best]:
            best = i
    return best


def _argmin(a):
    best = 0
    for i in range(1, a.size):
        if a.flat[i] < a.flat[best]:
            best = i
    return best


def _var(a, ddof=0):
    middle = MEAN(a)
    return SUM((a - middle) ** 2) / (a.size - ddof)


def _std(a, ddof=0):
    middle = MEAN(a)
    return SQRT(SUM((a - middle) ** 2) / (a.size - ddof))


def _norm(a, ord=None):
    if ord is not None and ord != 2:
        raise ValueError("the norm of duals is that of order 2")
    return SQRT(SUM(a * a))


def _outer(a, b):
    return a.reshape(-1, 1) * b.reshape(1, -1)


def _diff(a):
    return a[1:] - a[:-1]


def _copy(a):
    return a * 1.0


def _array(items):
    made = new(items, len(items))
    for i in range(len(items)):
        made[i] = items[i]
    return made


def _concatenate(arrays):
    size = 0
    for a in arrays:
        size += a.size
    made, place = new(arrays, size), 0
    for a in arrays:
        made[place : place + a.size] = a
        place += a.size
    return made


def _vector_matrix(a, b):
    return b.T @ a


def _matrix_vector(a, b):
    product = new((a, b), a.shape[0])
    for i in range(a.shape[0]):
        product[i] = DOT(a[i], b)
    return product


def _matrix_matrix(a, b):
    product = new((a, b), (a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            product[i, j] = DOT(a[i], b[:, j])
    return product


class _Product(AbstractTemplate):
    """Products of vectors (sums, which are fused), of vectors and matrices, of matrices."""

    original: Any = None

    def generic(self, args, kws):
        arrays = all(isinstance(a, types.Array) and a.ndim in (1, 2) for a in args)
        kind = _dual_of(types.BaseTuple.from_types(args)) if arrays else None
        if kind is not None and len(args) == 2 and not kws:
            ours = _PRODUCTS.get(tuple(a.ndim for a in args))
            if ours is None:
                return signature(kind, *args)
            return self.context.resolve_value_type(ours).get_call_type(self.context, args, kws)
        if self.original is None:
            return None
        return self.context.resolve_value_type(self.original).get_call_type(self.context, args, kws)


def _lower_product(context, builder, sig, args):
    ours = _PRODUCTS[tuple(a.ndim for a in sig.args)]
    kind, value = _emit.call(context, builder, ours, sig.args, args)
    return context.cast(builder, value, kind, sig.return_type)


class _Choice(AbstractTemplate):
    """Our function where it is wanted, the original elsewhere."""

    original: Any
    ours: Any
    wanted: Any

    def generic(self, args, kws):
        kinds = [*args, *kws.values()]
        if self.key in _fusion.REDUCTIONS and len(kinds) == 1 and _dual_of(kinds[0]):
            return signature(_dual_of(kinds[0]), *args)
        function = self.ours if self.wanted(kinds) else self.original
        return self.context.resolve_value_type(function).get_call_type(self.context, args, kws)


def _some_dual(kinds):
    return any(map(_dual_of, kinds))


def _choice(original, ours, wanted=_some_dual, template=_Choice):
    """What stands in user code for a function of NumPy."""

    def stand_in(*args, **kws):
        raise TypeError(f"fastopt's {original.__name__} is for compiled code")

    ours = numba.njit(**JIT)(ours)
    members = {"key": stand_in, "original": original, "ours": ours, "wanted": wanted}
    members = {name: staticmethod(value) for name, value in members.items()}
    chosen = type(original.__name__, (template,), members)
    infer_global(stand_in, types.Function(chosen))

    def lower(context, builder, sig, args):
        function = ours if wanted(sig.args) else original
        kind = context.typing_context.resolve_value_type(function)
        ready = context.get_function(kind, sig)
        context.add_linking_libs(getattr(ready, "libs", ()))
        return ready(builder, args)

    lower_builtin(stand_in, types.VarArg(types.Any))(lower)
    return stand_in


_FUNCTIONS = {
    "sum": _reduced,
    "mean": _mean_along,
    "prod": _prod,
    "cumsum": _cumsum,
    "max": _max,
    "amax": _max,
    "min": _min,
    "amin": _min,
    "argmax": _argmax,
    "argmin": _argmin,
    "var": _var,
    "std": _std,
    "outer": _outer,
    "diff": _diff,
    "copy": _copy,
    "asarray": _copy,
    "ascontiguousarray": _copy,
    "array": _array,
    "concatenate": _concatenate,
}
CHOICES = {
    getattr(np, name): _choice(getattr(np, name), ours) for name, ours in _FUNCTIONS.items()
}
CHOICES[np.linalg.norm] = _choice(np.linalg.norm, _norm)
for _name in ("dot", "vdot"):
    _members = {"original": staticmethod(getattr(np, _name))}
    _template = type(_name, (_Product,), _members)
    CHOICES[getattr(np, _name)] = _choice(getattr(np, _name), _matrix_vector, template=_template)
SUM, MEAN, DOT = (CHOICES[f] for f in (np.sum, np.mean, np.dot))
MAXIMUM, MINIMUM, SQRT = (FAST[f] for f in (np.maximum, np.minimum, np.sqrt))
_fusion.REDUCTIONS.update({SUM: "sum", MEAN: "mean", DOT: "dot", CHOICES[np.vdot]: "dot"})
_fusion.REDUCTIONS[operator.matmul] = "dot"
_PRODUCTS = {
    (2, 1): numba.njit(**JIT)(_matrix_vector),
    (1, 2): numba.njit(**JIT)(_vector_matrix),
    (2, 2): numba.njit(**JIT)(_matrix_matrix),
}
infer_global(operator.matmul)(type("matmul_of_duals", (_Product,), {"key": operator.matmul}))
for _kinds in ((DualArray, DualArray), (DualArray, types.Array), (types.Array, DualArray)):
    lower_builtin(operator.matmul, *_kinds)(_lower_product)


# Methods.


def _method(name):
    function = CHOICES[getattr(np, name)]
    if name in ("sum", "mean"):
        overload_method(DualArray, name)(
            lambda a, axis=None: (
                (lambda a, axis=None: function(a))
                if _is_none(axis)
                else (lambda a, axis=None: function(a, axis))
            )
        )
    elif name == "dot":
        overload_method(DualArray, name)(lambda a, b: lambda a, b: function(a, b))
    else:
        overload_method(DualArray, name)(lambda a: lambda a: function(a))


def _is_none(kind):
    return kind is None or isinstance(kind, types.NoneType | types.Omitted)


_METHODS = "sum mean prod cumsum max min argmax argmin var std copy dot".split()
for _name in _METHODS:
    _method(_name)


_KEPT = "shape size ndim T flat reshape ravel flatten transpose dtype sort argsort fill".split()


@infer_getattr
class _Attributes(AttributeTemplate):
    """Of an array's other attributes some, as `view`, would take partials for values."""

    key = DualArray

    def generic_resolve(self, typ, attr):
        if attr not in (*_METHODS, *_KEPT):
            raise TypingError(f"Unknown attribute '{attr}' of an array that depends on x")


# Scratch.


def _floats_wanted(kinds):
    """Whether scratch is to hold floats, so that it may have to hold duals."""
    for kind in kinds:
        if isinstance(kind, types.DType | types.NumberClass | types.TypeRef):
            item = getattr(kind, "dtype", getattr(kind, "instance_type", None))
            return isinstance(item, types.Float | Dual)
        if isinstance(kind, types.Function):
            return kind.typing_key is float
        if isinstance(kind, types.StringLiteral):
            return kind.literal_value.startswith("f")
    return True


def _like_floats(kinds):
    given = isinstance(kinds[0], types.Array) and isinstance(kinds[0].dtype, types.Float | Dual)
    return _floats_wanted(kinds) and (given or len(kinds) > 1 and not _is_none(kinds[1]))


def _filled_with_floats(kinds):
    whole = isinstance(types.unliteral(kinds[1]), types.Integer | types.Boolean)
    return _floats_wanted(kinds) and (not whole or len(kinds) > 2 and not _is_none(kinds[2]))


@functools.cache
def scratch(dual):
    """What stands for ``np.zeros`` and its like where their arrays may have to hold duals."""

    def empty(shape, dtype=None):
        return new(dual, shape)

    def full(shape, fill_value, dtype=None):
        made = new(dual, shape)
        made[...] = fill_value
        return made

    def zeros(shape, dtype=None):
        return full(shape, 0.0)

    def ones(shape, dtype=None):
        return full(shape, 1.0)

    def empty_like(prototype, dtype=None):
        return new(dual, prototype.shape)

    def zeros_like(a, dtype=None):
        return full(a.shape, 0.0)

    def ones_like(a, dtype=None):
        return full(a.shape, 1.0)

    def full_like(a, fill_value, dtype=None):
        return full(a.shape, fill_value)

    full = numba.njit(**JIT)(full)
    table = {f: _floats_wanted for f in (empty, zeros, ones)}
    table |= {f: _like_floats for f in (empty_like, zeros_like, ones_like)}
    table |= {full: _filled_with_floats, full_like: _filled_with_floats}
    return {
        getattr(np, f.__name__): _choice(getattr(np, f.__name__), getattr(f, "py_func", f), wanted)
        for f, wanted in table.items()
    }
