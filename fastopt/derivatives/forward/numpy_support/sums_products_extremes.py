"""The derivatives of ``np.sum``, ``mean``, ``prod``, ``max``, ``var``, ``dot``, of arrays of duals.

Elementwise operations, and ``sum``, ``mean`` and ``dot`` of vectors, are loops of `loop_fusion`.
The others are written here in Python, and compiled if a dual is among the arguments. For
expressions that need no arrays, see `reductions`.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import functools
import operator
from typing import Any

import numba
import numpy as np
from numba import TypingError, types
from numba.extending import lower_builtin, overload

from fastopt.compiling.numba_internals import AbstractTemplate, infer_global, signature
from fastopt.derivatives.forward.duals import llvm_emitter
from fastopt.derivatives.forward.duals.dual_number import JIT, DualArray
from fastopt.derivatives.forward.lazy import expressions, reductions
from fastopt.derivatives.forward.numpy_support.elementwise_functions import FAST
from fastopt.derivatives.forward.operators import loop_fusion
from fastopt.derivatives.forward.operators.stand_ins import dual_of, new, some_dual, stand_in_for

# Implementations for duals. Arguments are arrays of duals, or of numbers if others are of duals.


def _along(a, axis):
    """Sum along an axis."""


@overload(_along, jit_options=JIT)
def _typed_along(a, axis):
    if a.ndim == 1:

        def vector(a, axis):
            if axis != 0 and axis != -1:
                raise ValueError("axis is out of bounds for an array of one dimension")
            return SUM(a)

        return vector
    if a.ndim == 2:

        def matrix(a, axis):
            if not -2 <= axis < 2:
                raise ValueError("axis is out of bounds for an array of two dimensions")
            rows = a.T if axis % 2 == 0 else a
            total = new(a, rows.shape[0])
            for i in range(rows.shape[0]):
                total[i] = SUM(rows[i])
            return total

        return matrix
    raise TypingError("sums along an axis are known for vectors and matrices only")


def _reduced(a, axis):
    return _along(a, axis)


def _mean_along(a, axis):
    return _along(a, axis) / a.shape[axis]


def _prod(a):
    total = 1.0
    for i in range(a.size):
        total = total * a.flat[i]
    return total


def _cumsum(a):
    sums = new(a, a.size)
    total = 0.0
    for i in range(a.size):
        total = total + a.flat[i]
        sums[i] = total
    return sums


def _cumprod(a):
    products = new(a, a.size)
    total = 1.0
    for i in range(a.size):
        total = total * a.flat[i]
        products[i] = total
    return products


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
    if a.size == 0:
        raise ValueError("argmax of an empty array")
    best = 0
    for i in range(a.size):
        v = a.flat[i]
        if v != v:
            return i
        if v > a.flat[best]:
            best = i
    return best


def _argmin(a):
    return ARGMAX(-a)


def _var(a, ddof=0):
    middle = MEAN(a)
    return SUM((a - middle) ** 2) / (a.size - ddof)


def _std(a, ddof=0):
    middle = MEAN(a)
    return SQRT(SUM((a - middle) ** 2) / (a.size - ddof))


def _outer(a, b):
    return a.reshape(-1, 1) * b.reshape(1, -1)


def _diff(a):
    return a[..., 1:] - a[..., :-1]


def _copy(a):
    return a * 1.0


def _contiguous(a):
    """Return the array itself if its type is contiguous, else a copy."""


@overload(_contiguous, jit_options=JIT)
def _typed_contiguous(a):
    if a.layout == "C":
        return lambda a: a
    return lambda a: a * 1.0


def _ascontiguousarray(a):
    return _contiguous(a)


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
    """The type of a product of vectors and matrices; that of two vectors is a fused sum."""

    original: Any = None

    def generic(self, args, kws):
        if expressions.is_deferred(args) and len(args) == 2 and not kws:
            return reductions.product_of(self.context, args)
        arrays = all(isinstance(a, types.Array) and a.ndim in (1, 2) for a in args)
        kind = dual_of(types.BaseTuple.from_types(args)) if arrays else None
        if kind is not None and len(args) == 2 and not kws:
            ours = _PRODUCTS.get(tuple(a.ndim for a in args))
            if ours is None:
                return signature(kind, *args)
            return self.context.resolve_value_type(ours).get_call_type(self.context, args, kws)
        if self.original is None:
            return None
        return self.context.resolve_value_type(self.original).get_call_type(self.context, args, kws)


def lower_product(context, builder, sig, args, original=None):
    if expressions.is_deferred(sig.args):
        later = isinstance(sig.return_type, expressions.Lazy)
        return (expressions.defer if later else reductions.dot)(context, builder, sig, args)
    ours = _PRODUCTS[tuple(a.ndim for a in sig.args)] if some_dual(sig.args) else original
    kind, value = llvm_emitter.call(context, builder, ours, sig.args, args)
    return context.cast(builder, value, kind, sig.return_type)


_FUNCTIONS = {
    "sum": _reduced,
    "mean": _mean_along,
    "prod": _prod,
    "cumsum": _cumsum,
    "cumprod": _cumprod,
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
    "ascontiguousarray": _ascontiguousarray,
}
STAND_INS = {
    getattr(np, name): stand_in_for(getattr(np, name), ours) for name, ours in _FUNCTIONS.items()
}
for _original in (np.dot, np.vdot):
    _template = type(_original.__name__, (_Product,), {"original": staticmethod(_original)})
    _lower = functools.partial(lower_product, original=_original)
    STAND_INS[_original] = stand_in_for(_original, None, template=_template, lower=_lower)
SUM, MEAN, DOT = (STAND_INS[f] for f in (np.sum, np.mean, np.dot))
MAX, ARGMAX = STAND_INS[np.max], STAND_INS[np.argmax]
MAXIMUM, MINIMUM, SQRT, ABSOLUTE = (FAST[f] for f in (np.maximum, np.minimum, np.sqrt, np.absolute))
loop_fusion.REDUCTIONS.update({SUM: "sum", MEAN: "mean", DOT: "dot", STAND_INS[np.vdot]: "dot"})
loop_fusion.REDUCTIONS[operator.matmul] = "dot"
_PRODUCTS = {
    (2, 1): numba.njit(**JIT)(_matrix_vector),
    (1, 2): numba.njit(**JIT)(_vector_matrix),
    (2, 2): numba.njit(**JIT)(_matrix_matrix),
}
infer_global(operator.matmul)(type("matmul_of_duals", (_Product,), {"key": operator.matmul}))
for _kinds in ((DualArray, DualArray), (DualArray, types.Array), (types.Array, DualArray)):
    lower_builtin(operator.matmul, *_kinds)(lower_product)
