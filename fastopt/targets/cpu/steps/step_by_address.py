"""One step over many arrays of the host in one call, by a table of `array_headers`."""

# Pyright does not understand how Numba makes its intrinsics:
# pyright: reportCallIssue=false

import numpy as np

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.finiteness import all_finite
from fastopt.algorithms.placeholders import OPTIONS, cast, coefficients, real
from fastopt.algorithms.solve_loop import sweep
from fastopt.concurrency.turns import BUSY, T
from fastopt.targets.cpu.steps.address_intrinsics import arrays_at, word
from fastopt.targets.cpu.steps.array_headers import (
    BYTES,
    COUNT,
    FIRST,
    FOUND,
    HEAD,
    LATE,
    MINE,
    NONFINITE,
    OLD,
    OTHER,
    G,
    X,
    find,
)

MANY = 1 << 62  # a number of elements that includes all
# Largest distance of parameters of the same problem, as a fraction of the larger norm: rounded,
# clipped or averaged ones are nearer. SAMPLE elements of a large array are compared.
FAR, SAMPLE = 0.5, 1000
COLUMNS = ()  # placeholder: one item for each of x, g and the slots


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
