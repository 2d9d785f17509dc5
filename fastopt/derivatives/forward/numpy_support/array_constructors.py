"""``np.zeros`` and similar functions, in code whose arrays may have to hold duals."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import functools

import numba
import numpy as np
from numba import types

from fastopt.derivatives.forward.duals.dual_number import JIT, Dual
from fastopt.derivatives.forward.operators.stand_ins import is_none, new, stand_in_for


def floats_wanted(kinds, dual):
    """Return True if an array with these arguments holds floats that may have to be duals.

    An array of float32 would round float64 numbers, so it is left to Numba.
    """
    for kind in kinds:
        if isinstance(kind, types.DType | types.NumberClass | types.TypeRef):
            item = getattr(kind, "dtype", getattr(kind, "instance_type", None))
            wide = isinstance(item, types.Float) and item.bitwidth >= dual.real.bitwidth
            return wide or isinstance(item, Dual)
        if isinstance(kind, types.Function):
            return kind.typing_key is float
        if isinstance(kind, types.StringLiteral):
            return np.dtype(kind.literal_value).char in "fd"[dual.real.bitwidth > 32 :]
    return True


def _like_floats(kinds, dual):
    given = isinstance(kinds[0], types.Array) and isinstance(kinds[0].dtype, types.Float | Dual)
    return floats_wanted(kinds, dual) and (given or (len(kinds) > 1 and not is_none(kinds[1])))


def _full_like_floats(kinds, dual):
    return _like_floats([kinds[0], *kinds[2:]], dual)


def _filled_with_floats(kinds, dual):
    whole = isinstance(types.unliteral(kinds[1]), types.Integer | types.Boolean)
    dtype_given = len(kinds) > 2 and not is_none(kinds[2])
    return floats_wanted(kinds, dual) and (not whole or dtype_given)


@functools.cache
def scratch(dual):
    """Return the substitutes for ``np.zeros`` and similar functions, which may hold duals."""

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
    table = dict.fromkeys((empty, zeros, ones), floats_wanted)
    table |= dict.fromkeys((empty_like, zeros_like, ones_like), _like_floats)
    table |= {full: _filled_with_floats, full_like: _full_like_floats}
    return {
        getattr(np, f.__name__): stand_in_for(
            getattr(np, f.__name__), getattr(f, "py_func", f), functools.partial(wanted, dual=dual)
        )
        for f, wanted in table.items()
    }
