"""Addresses of many arrays of the host, found in one call: a table with a row for each array.

A row has the columns `FIRST`, `COUNT`, `BYTES`, `OLD`, `X` and `G`. `FIRST` is the number of
elements in previous rows, `OLD` the address of x in the previous step. From `STATE` on it has a
column for each slot of the rule. An unused slot has x's address.

`find` reads addresses, shapes and strides from the arrays' own headers. Every extension module
depends on this layout, which is behind the macros of NumPy's C API, such as `PyArray_DATA`. The
same holds for the list of the arrays and `PyList_GET_ITEM`. A call from Python for each of 400
arrays would take as long as the step itself.
"""

# Pyright does not understand how Numba makes its intrinsics:
# pyright: reportCallIssue=false

import ctypes
import functools
import sys

import numpy as np

from fastopt.algorithms.compile_hints import separate
from fastopt.targets.cpu.steps.address_intrinsics import word

FIRST, COUNT, BYTES, OLD, X, G, STATE = range(7)
# Columns of the array `expected` of `find`. ROW and COLUMN are the place of an array's address in
# the table. Its flags, dtype object, number of axes, lengths and strides must be as expected.
ROW, COLUMN, FLAGS, DTYPE, NDIM, AXES = range(6)
READABLE, WRITEABLE = 0x100, 0x500  # NPY_ARRAY_ALIGNED, and with NPY_ARRAY_WRITEABLE added
HEAD = object.__basicsize__  # bytes of an object before NumPy's fields
FOUND, SHARED, NONFINITE, OTHER, LATE, NO_ARRAY = -1, -2, -3, -4, -5, -6
UNKNOWN, MINE = -1, -2


@functools.cache
def check_layout():
    """Check, with an array of its own, that NumPy's headers are laid out as `find` expects."""
    array = np.zeros((2, 3), np.float32)[:, ::2]
    words = -(-(np.ndarray.__basicsize__ - HEAD) // 8)
    found = (ctypes.c_int64 * words).from_address(id(array) + HEAD)
    lengths, strides = ((ctypes.c_int64 * 2).from_address(found[k]) for k in (2, 3))
    said = found[0], found[1] & 0xFFFFFFFF, *lengths, *strides, found[5], found[6] & WRITEABLE
    wanted = array.ctypes.data, 2, *array.shape, *array.strides, id(array.dtype), WRITEABLE
    if said != wanted:
        raise RuntimeError(f"NumPy {np.__version__} lays out its arrays in an unknown way")
    both = [array, array]
    length, items = (ctypes.c_int64 * 2).from_address(id(both) + HEAD)
    kind = ctypes.c_int64.from_address(id(array) + HEAD - 8).value
    if (length, *(ctypes.c_int64 * 2).from_address(items)) != (2, id(array), id(array)):
        raise RuntimeError(f"Python {sys.version} lays out its lists in an unknown way")
    if kind != id(np.ndarray):
        raise RuntimeError(f"Python {sys.version} lays out its objects in an unknown way")


@separate
def find_listed(listed, kind, objects, expected, table, order):
    """Write the `id` of each array of a list into `objects`; then return what `find` does.

    Parameters
    ----------
    listed, kind : int
        The `id` of the list, and of the class ndarray. If an item is of another class, return
        NO_ARRAY.
    """
    items = word(listed + HEAD + 8)  # length, items: 8 bytes each
    if word(listed + HEAD) != len(objects):
        return NO_ARRAY
    for k in range(len(objects)):
        item = word(items + 8 * k)
        if word(item + HEAD - 8) != kind:
            return NO_ARRAY
        objects[k] = item
    return find(objects, expected, table, order)


@separate
def find(objects, expected, table, order):
    """Write the addresses of the arrays, given by their `id`, into the table.

    Returns
    -------
    int
        FOUND, or the number of the first array that is not as expected. OTHER if the address of a
        parameter has changed. SHARED if addresses have changed and a parameter shares memory.
    """
    moved = other = False
    for k in range(len(objects)):
        array = objects[k] + HEAD  # data, nd, dimensions, strides, base, descr, flags: 8 bytes each
        ndim, flags = word(array + 8) & 0xFFFFFFFF, expected[k, FLAGS]
        if (
            word(array + 40) != expected[k, DTYPE]
            or ndim != expected[k, NDIM]
            or word(array + 48) & flags != flags
        ):
            return k
        lengths, strides = word(array + 16), word(array + 24)
        for j in range(ndim):
            at = AXES + 2 * j
            if (
                word(lengths + 8 * j) != expected[k, at]
                or word(strides + 8 * j) != expected[k, at + 1]
            ):
                return k
        address, row, column = word(array), expected[k, ROW], expected[k, COLUMN]
        if table[row, column] != address:
            table[row, column], moved = address, True
            other = other or column == X
    if moved and not no_overlap(table, order):
        table[0, G] = 0  # invalidated, so that the next call checks again
        return SHARED
    return OTHER if other else FOUND


@separate
def no_overlap(table, order):
    """Return True if no parameter shares memory with another or with a gradient.

    `order` are the rows that are not empty, sorted by their parameters' addresses. If it does not
    sort them, or begins with UNKNOWN, the result is False.
    """
    last = 0
    for r in order:
        if r == UNKNOWN or table[r, X] < last:
            return False
        last = table[r, X] + table[r, BYTES]
    for r in range(len(table)):
        end, low, high = table[r, G] + table[r, BYTES], 0, order.size
        while low < high:  # binary search: how many parameters start before the gradient's end
            middle = (low + high) // 2
            if table[order[middle], X] < end:
                low = middle + 1
            else:
                high = middle
        if low > 0 and table[r, BYTES] > 0:
            before = order[low - 1]
            if table[before, X] + table[before, BYTES] > table[r, G]:
                return False
    return True
