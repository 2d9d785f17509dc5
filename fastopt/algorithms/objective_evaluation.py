"""The interface between the loop and the objective: one evaluation, called by its address.

The loop is compiled once for all objectives, `evaluate` for each of them.
"""

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.placeholders import (
    LOOP_SIZE,
    SIZE,
    ask,
    at,
    entry,
    gradient,
    load_value,
    real,
    rows,
    store_value,
    value,
)

VALUE, GRADIENT = 0, 1
# Indices in `calls`. CODE and DATA are the addresses of the evaluation and of its arguments,
# SEPARATE says whether the gradient needs a separate call. PLACE and SOURCE are the addresses of
# `put_row` and of its data.
CODE, DATA, SEPARATE, PLACE, SOURCE = range(5)
WORDS = 16  # number of integers in `calls`


@separate
def evaluate(what, x, g, f, pointer):
    """Return the value at x, or write the gradient and return the evaluations used."""
    data, x_shaped, low, high = load_value(pointer)
    return _either(what, at(x, low), at(x, x_shaped), at(g, low), f, low, high, data)


@separate
def evaluate_counted(what, x, g, f, pointer):
    """Run `evaluate` with a copy of x that owns its memory, since args may keep it."""
    data, x_shaped, low, high = load_value(pointer)
    own = at(x, low).copy()
    return _either(what, own, own.reshape(x_shaped.shape), at(g, low), f, low, high, data)


def evaluate_near(pointer):
    """Make `evaluate` callable with x and g in registers, for a few parameters."""
    entry(evaluate, real, LOOP_SIZE, pointer)


def evaluate_near_counted(pointer):
    """Make `evaluate_counted` callable with x and g in registers, for a few parameters."""
    entry(evaluate_counted, real, LOOP_SIZE, pointer)


def _either(what, x, x_shaped, g, f, low, high, data):
    if what == VALUE:
        return 1.0 * value(x_shaped, g, data)  # a float64, like all scalars of a run
    return gradient(x, x_shaped, g, f, low, high, data)


def ask_value(x, g, calls):
    """Return the value, for a loop compiled for any objective; its address is in `calls`."""
    return ask(VALUE, x, g, 0.0, calls, SIZE)


def ask_gradient(x, x_shaped, g, f, low, high, calls):
    """Write the gradient, for such a loop; return the evaluations used."""
    if calls[SEPARATE] == 0:  # written together with the value
        return 0.0
    return ask(GRADIENT, x, g, f, calls, SIZE)


def put_row(b, source, target):
    """Store problem b's arguments in the memory that `evaluate` reads."""
    fields, row_buffers, args, scratch_data, points = load_value(source)
    store_value(target, ((rows(fields, row_buffers, b) + args, *scratch_data), *points))
