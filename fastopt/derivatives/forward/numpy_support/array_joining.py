"""NumPy's functions that build, join and repeat arrays, for arrays of duals."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

from typing import Any

import numpy as np
from numba import TypingError, types
from numba.extending import overload

from fastopt.derivatives.forward.duals.dual_number import JIT
from fastopt.derivatives.forward.numpy_support.array_constructors import floats_wanted
from fastopt.derivatives.forward.numpy_support.tuples_as_arrays import (
    columns,
    filled,
    is_full,
    joined,
    ndims,
    need,
    rows,
)
from fastopt.derivatives.forward.operators.stand_ins import dual_of, is_none, new, stand_in_for


def by_types(typed):
    """Return a function for compiled code, implemented by `typed` for the types of arguments."""

    def stand_in(*args):
        raise TypeError("this function is for compiled code")

    overload(stand_in, jit_options=JIT, strict=False)(typed)
    return stand_in


def _made(items, dtype):
    dual: Any = dual_of(items)
    if not (is_none(dtype) or floats_wanted([dtype], dual)):
        raise TypingError(f"array of numbers that depend on x is known with dtype {dual.real} only")
    if isinstance(items, types.Array):
        return lambda items, dtype: items * 1.0
    if is_full(items):
        return lambda items, dtype: filled(items)
    if isinstance(items, types.BaseTuple):
        need(items, {1}, "array", "numbers and vectors")
        return lambda items, dtype: joined(rows(items), 0)
    inner = items.dtype
    if isinstance(inner, types.Array):
        need(items, {1}, "array", "numbers and vectors")
        return lambda items, dtype: joined(rows(items), 0)
    if dual_of(inner) is not inner:
        return _of_lists

    def vector(items, dtype):
        made = new(items, len(items))
        for i in range(len(items)):
            made[i] = items[i]
        return made

    return vector


def _of_lists(items, dtype):
    made = new(items, (len(items), len(items[0])))
    for i in range(len(items)):
        if len(items[i]) != made.shape[1]:
            raise ValueError("the rows of an array must be equally long")
        for j in range(made.shape[1]):
            made[i, j] = items[i][j]
    return made


ARRAY = by_types(_made)


def _array(items, dtype=None):
    return ARRAY(items, dtype)


def _itself(items, dtype):
    if isinstance(items, types.Array) and (
        is_none(dtype) or floats_wanted([dtype], dual_of(items))
    ):
        return lambda items, dtype: items
    return lambda items, dtype: ARRAY(items, dtype)


ASARRAY = by_types(_itself)


def _asarray(a, dtype=None):
    return ASARRAY(a, dtype)


def _end_to_end(arrays, axis):
    if ndims(arrays) == {2}:

        def matrices(arrays, axis):
            if not -2 <= axis < 2:
                raise ValueError("axis is out of bounds for arrays of two dimensions")
            return joined(rows(arrays), axis % 2)

        return matrices
    need(arrays, {1}, "concatenate", "vectors or matrices")

    def vectors(arrays, axis):
        if axis != 0 and axis != -1:
            raise ValueError("axis is out of bounds for arrays of one dimension")
        return joined(rows(arrays), 1).reshape(-1)

    return vectors


CONCATENATE = by_types(_end_to_end)


def _concatenate(arrays, axis=0):
    return CONCATENATE(arrays, axis)


def _above(arrays):
    need(arrays, {0, 1, 2}, "vstack", "numbers, vectors and matrices")
    return lambda arrays: joined(rows(arrays), 0)


def _beside(arrays):
    need(arrays, {0, 1} if ndims(arrays) != {2} else {2}, "hstack", "vectors or matrices")
    if ndims(arrays) == {2}:
        return lambda arrays: joined(rows(arrays), 1)
    return lambda arrays: joined(rows(arrays), 1).reshape(-1)


def _as_columns(arrays):
    need(arrays, {1, 2}, "column_stack", "vectors and matrices")
    return lambda arrays: joined(columns(arrays), 1)


def _along_a_new_axis(arrays, axis):
    if ndims(arrays) == {0}:
        return lambda arrays, axis: joined(rows(arrays), 1).reshape(-1)
    need(arrays, {1}, "stack", "numbers and vectors")

    def vectors(arrays, axis):
        if not -2 <= axis < 2:
            raise ValueError("axis is out of bounds for a stack of vectors")
        return joined(rows(arrays), 0) if axis % 2 == 0 else joined(columns(arrays), 1)

    return vectors


VSTACK, HSTACK, COLUMN_STACK = by_types(_above), by_types(_beside), by_types(_as_columns)
STACK = by_types(_along_a_new_axis)


def _vstack(tup):
    return VSTACK(tup)


def _hstack(tup):
    return HSTACK(tup)


def _column_stack(tup):
    return COLUMN_STACK(tup)


def _stack(arrays, axis=0):
    return STACK(arrays, axis)


def _flat(a):
    if isinstance(a, types.Array):
        return lambda a: (a * 1.0).reshape(-1)
    return lambda a: (a,)


FLAT = by_types(_flat)


def _ends(arr, values, axis):
    if not is_none(axis):
        raise TypingError("append is known without axis only")
    number = not isinstance(values, types.Array)
    if number:
        return lambda arr, values, axis: HSTACK((FLAT(arr), values))
    return lambda arr, values, axis: HSTACK((FLAT(arr), FLAT(values)))


APPEND = by_types(_ends)


def _append(arr, values, axis=None):
    return APPEND(arr, values, axis)


def _repeats(a, repeats):
    if not isinstance(a, types.Array):

        def number(a, repeats):
            made = new(a, repeats)
            for k in range(repeats):
                made[k] = a
            return made

        return number
    if isinstance(repeats, types.Array):

        def by_each(a, repeats):
            if repeats.size != a.size:
                raise ValueError("repeats must be as long as the array")
            made, place = new(a, repeats.sum()), 0
            for i in range(a.size):
                for _ in range(repeats[i]):
                    made[place] = a.flat[i]
                    place += 1
            return made

        return by_each

    def by_one(a, repeats):
        made = new(a, a.size * repeats)
        for i in range(made.size):
            made[i] = a.flat[i // repeats]
        return made

    return by_one


REPEAT = by_types(_repeats)


def _repeat(a, repeats):
    return REPEAT(a, repeats)


_FUNCTIONS = {
    "array": _array,
    "asarray": _asarray,
    "concatenate": _concatenate,
    "vstack": _vstack,
    "hstack": _hstack,
    "column_stack": _column_stack,
    "stack": _stack,
    "append": _append,
    "repeat": _repeat,
}
STAND_INS = {
    getattr(np, name): stand_in_for(getattr(np, name), ours) for name, ours in _FUNCTIONS.items()
}
