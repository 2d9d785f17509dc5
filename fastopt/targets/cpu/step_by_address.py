"""One step over many arrays of the host in one call, by a table of their addresses.

A row of the table has the columns `FIRST`, `COUNT`, `BYTES`, `OLD`, `X` and `G`. `FIRST` is the
number of elements in previous rows, `OLD` the address of x in the previous step. From `STATE` on it
has a column for each slot of the rule. An unused slot has x's address.

`find` reads addresses, shapes and strides from the arrays' own headers. Every extension module
depends on this layout, which is behind the macros of NumPy's C API, such as `PyArray_DATA`. The
same holds for the list of the arrays and `PyList_GET_ITEM`. A call from Python for each of 400
arrays would take ten times as long as the step itself.
"""

# Pyright does not understand how Numba makes its intrinsics:
# pyright: reportCallIssue=false

import ctypes
import functools
import sys

import numpy as np

from fastopt.concurrency.turns import BUSY, T
from fastopt.solver.compile_hints import separate
from fastopt.solver.placeholders import OPTIONS, cast, coefficients, real
from fastopt.solver.solve_loop import sweep
from fastopt.targets.cpu.address_intrinsics import arrays_at, word

FIRST, COUNT, BYTES, OLD, X, G, STATE = range(7)
# Columns of the array `expected` of `find`. ROW and COLUMN are the place of an array's address in
# the table. Its flags, dtype object, number of axes, lengths and strides must be as expected.
ROW, COLUMN, FLAGS, DTYPE, NDIM, AXES = range(6)
READABLE, WRITEABLE = 0x100, 0x500  # NPY_ARRAY_ALIGNED, and with NPY_ARRAY_WRITEABLE added
HEAD = object.__basicsize__  # bytes of an object before NumPy's fields
FOUND, SHARED, NONFINITE, OTHER, LATE, NO_ARRAY = -1, -2, -3, -4, -5, -6
UNKNOWN, MINE = -1, -2

MANY = 1 << 62  # a number of elements that includes all
# Largest distance of parameters of the same problem, as a fraction of the larger norm: rounded,
# clipped or averaged ones are nearer. SAMPLE elements of a large array are compared.
FAR, SAMPLE = 0.5, 1000
COLUMNS = ()  # placeholder: one item for each of x, g and the slots


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


def swept(x, g, c, state, low, high, track):
    """Call `sweep`, which is compiled by itself, as `array_roots` needs it."""
    return sweep(x, g, c, state, low, high, track)


def all_of(table, numbers, turns):
    """Take a step on all elements and count it, in one call, which Ctrl-C cannot interrupt."""
    numbers[-1] = step(table, 0, MANY, numbers)
    turns[T] += 1


@separate
def step(table, first, last, numbers):
    """Take a step on the elements from `first` to `last`, numbered through all rows.

    `numbers` are the rule's options, and then t and the scalar. Returns the new scalar.
    """
    o = cast(OPTIONS, np.float64, numbers)
    c, rule_scalar = coefficients(o, o.learning_rate, numbers[-2], numbers[-1])
    for r in range(len(table)):
        start, n = row_range(table, r, first, last)
        if n > 0:
            near = arrays(table, r, X, start, n, real, COLUMNS)
            sweep(near[0], near[1], c, near[2:], near[0], near[0], False)
    return rule_scalar


def checked_step(x, g, before, rate, old, expected, table, order, numbers, look, turns):
    """Check and take a step over one small array, in one call; return FOUND if it is done.

    Parameters
    ----------
    x, g : int
        The `id` of the parameter and of the gradient.
    old : int
        The `id` of the parameter of the previous step. If it is 0, x must have the same address.
    before : int
        The number of steps after which `rate` is the learning rate. UNKNOWN if the rate is fixed;
        MINE if the caller has the turn, and has set the rate.
    look : bool
        Whether the gradients must be finite.
    turns : array
        The table of `turns.Turns`.
    """
    if before != MINE and turns[BUSY] != 0:
        return LATE
    if before >= 0 and before != turns[T]:
        return LATE
    if old == 0 and word(x + HEAD) != table[0, X]:
        return OTHER
    found = find((x, g), expected, table, order)
    if found == OTHER:
        table[0, OLD] = word(old + HEAD)
        if goes_on(table):
            found = FOUND
    if found == FOUND:
        if look and not finite(table, 0, MANY):
            return NONFINITE
        if before >= 0:
            numbers[0] = rate
        numbers[-2] = turns[T] + 1
        all_of(table, numbers, turns)
    return found


def goes_on(table):
    """Return True if the parameters belong to the problem of the previous step."""
    moved, norm, least = distances(table)
    if is_far(moved, norm, least):
        table[0, X] = 0  # invalidated, so that the next call finds them changed, too
        return False
    return True


def is_far(moved, norm, least):
    return not moved <= FAR * FAR * max(norm, least)  # true if one is NaN


@separate
def distances(table):
    """Compare the parameters with those of the previous step.

    Returns the sums of squares of the differences, of the old ones and of the new ones. For large
    arrays, only some elements are included.
    """
    moved = norm = least = 0.0
    for r in range(len(table)):
        n = table[r, COUNT]
        if n > 0:
            now = arrays(table, r, X, 0, n, real, (0,))[0]
            more = gaps(arrays(table, r, OLD, 0, n, real, (0,))[0], now)
            moved, norm, least = moved + more[0], norm + more[1], least + more[2]
    return moved, norm, least


@separate
def finite(table, first, last):
    """Return True if these elements of the gradients are finite."""
    good = True
    for r in range(len(table)):
        start, n = row_range(table, r, first, last)
        if n > 0:
            good = good and all_finite(arrays(table, r, G, start, n, real, (0,))[0])
    return good


@separate
def squares(table, first, last):
    """Return the sum of the squares of these elements of the gradients."""
    total = 0.0
    for r in range(len(table)):
        start, n = row_range(table, r, first, last)
        if n > 0:
            total += vector_sum_of_squares(arrays(table, r, G, start, n, real, (0,))[0])
    return total


def row_range(table, r, first, last):
    """Return the part of row r between `first` and `last`: its first element, and how many."""
    start = max(first - table[r, FIRST], 0)
    return start, min(last - table[r, FIRST], table[r, COUNT]) - start


def arrays(table, r, column, start, n, kind, columns):
    size = table[r, BYTES] // table[r, COUNT]
    return arrays_at(table, r * table.shape[1] + column, size * start, n, kind, columns)


def all_finite(g):
    """Return True if numbers are finite: 0 times any other one is NaN, and so is the sum."""
    total = real(0.0)
    for i in range(g.size):
        total += g[i] * real(0.0)
    return total == 0.0


@separate
def gaps(old, new):
    """Return `distances` of one array."""
    sums, every = (0.0, 0.0, 0.0), new.size // SAMPLE
    if every < 2:  # a separate loop, which vectorises
        for i in range(new.size):
            sums = with_gap(sums, old[i], new[i])
    else:
        for k in range(SAMPLE):
            sums = with_gap(sums, old[k * every], new[k * every])
    return sums


def with_gap(sums, old, new):
    a, b = np.float64(old), np.float64(new)
    return sums[0] + (b - a) * (b - a), sums[1] + a * a, sums[2] + b * b


@separate
def vector_sum_of_squares(g):
    """Return the sum of squares, in float64."""
    total = 0.0
    for i in range(g.size):
        value = np.float64(g[i])
        total += value * value
    return total
