"""``np.linalg.norm`` of arrays of duals, scaled if squares would overflow or underflow."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import numpy as np
from numba import TypingError
from numba.extending import overload

from fastopt.derivatives.forward.duals.dual_number import JIT
from fastopt.derivatives.forward.duals.seeding import value_of
from fastopt.derivatives.forward.lazy.expressions import is_deferred
from fastopt.derivatives.forward.numpy_support.sums_products_extremes import (
    ABSOLUTE,
    MAX,
    SQRT,
    SUM,
)
from fastopt.derivatives.forward.operators.stand_ins import dual_of, is_none, stand_in_for

# Limits within which a sum of squares, in float32 or float64, has not over- or underflowed.
SMALL, LARGE = 1e-24, 1e30


def _length(a):
    """Compute the root of the sum of squares."""


@overload(_length, jit_options=JIT)
def _typed_length(a):
    if dual_of(a) is None or is_deferred([a]):
        return lambda a: SQRT(SUM(a * a))

    def length(a):
        total = SUM(a * a)
        v = value_of(total)
        size = 0.0
        if not (v > SMALL and v < LARGE):  # the squares overflow, or lose their digits
            size = value_of(MAX(ABSOLUTE(a)))
        if size > 0.0 and size < np.inf:
            scaled = a / size
            return SQRT(SUM(scaled * scaled)) * size
        return SQRT(total)

    return length


def _norm_of(a, ord):
    """Compute the norm of a vector or, without `ord`, of a matrix."""


@overload(_norm_of, jit_options=JIT)
def _typed_norm_of(a, ord):
    if is_none(ord):
        return lambda a, ord: _length(a)
    if a.ndim > 1:
        raise TypingError("norms of matrices are known without ord only")

    def norm(a, ord):
        if ord == 1:
            return SUM(ABSOLUTE(a))
        if ord == 2:
            return _length(a)
        if ord == np.inf:
            return MAX(ABSOLUTE(a))
        raise ValueError("ord of a norm must be 1, 2 or inf")

    return norm


def _norm(a, ord=None):
    return _norm_of(a, ord)


STAND_INS = {np.linalg.norm: stand_in_for(np.linalg.norm, _norm)}
