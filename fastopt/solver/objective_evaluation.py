"""The seam between the loop and the objective: one evaluation, called by its address.

The loop is compiled once for all objectives; `evaluate` is what is compiled for each.
"""

from fastopt.solver.placeholders import (
    ROOM,
    SIZE,
    ask,
    at,
    entry,
    gradient,
    hold,
    opened,
    real,
    rows,
    value,
)

VALUE, GRADIENT = 0, 1
# Places in `calls`: the address of the evaluation and of its arguments, whether the gradient is
# asked for separately; the address of `put_row`, and of what it reads.
CODE, DATA, SEPARATE, PLACE, SOURCE = range(5)
WORDS = 16


def evaluate(what, x, g, f, held):
    """Return the value at x, or write the gradient and return the evaluations that it took."""
    data, x_shaped, low, high = opened(held)
    return _either(what, at(x, low), at(x, x_shaped), at(g, low), f, low, high, data)


def evaluate_counted(what, x, g, f, held):
    """`evaluate` where args may keep x: it gets a copy with an owner."""
    data, x_shaped, low, high = opened(held)
    own = at(x, low).copy()
    return _either(what, own, own.reshape(x_shaped.shape), at(g, low), f, low, high, data)


def evaluate_near(held):
    """`evaluate` for a few parameters, which go from and to the loop's registers."""
    entry(evaluate, real, ROOM, held)


def evaluate_near_counted(held):
    """`evaluate_counted` for a few parameters."""
    entry(evaluate_counted, real, ROOM, held)


def _either(what, x, x_shaped, g, f, low, high, data):
    if what == VALUE:
        return 1.0 * value(x_shaped, g, data)  # of float64, as the scalars of a run are
    return gradient(x, x_shaped, g, f, low, high, data)


def ask_value(x, g, calls):
    """`value` for a loop that does not know its objective; `calls` says where it is."""
    return ask(VALUE, x, g, 0.0, calls, SIZE)


def ask_gradient(x, x_shaped, g, f, low, high, calls):
    """`gradient` for such a loop."""
    if calls[SEPARATE] == 0:  # the value brought it along
        return 0.0
    return ask(GRADIENT, x, g, f, calls, SIZE)


def put_row(b, source, target):
    """Put problem b's arguments where `evaluate` finds them."""
    fields, row_buffers, args, rest, more = opened(source)
    hold(target, ((rows(fields, row_buffers, b) + args, *rest), *more))
