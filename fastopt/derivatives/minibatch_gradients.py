"""Mean value and gradient of a mini-batch: row by row, or of all rows at once.

Every way is ``(x, shaped, g, own, part, first, last, data) -> f``: `part` holds the rows and the
order that they are taken in, from place `first` to `last`; g gets the gradient; `own` is room for
that of one row. `data` is ``(before, args, ...)``: `fun` gets x, what comes before the row, the row
and args; the rest is as everywhere in this package.
"""

from fastopt.solver.minibatch import AHEAD
from fastopt.solver.placeholders import (
    CHUNK,
    DUAL,
    SIZE,
    first_rows,
    fun,
    gradient,
    prefetch,
    put,
    real,
    rows,
    seeded,
    value,
    value_of,
    write_partials,
)


def written(x, x_shaped, g, own, part, first, last, data):
    """Of gradients that are written for each row: given ones, and differences."""
    f = 0.0
    clear(g)
    for k in range(first, last):
        prefetch(part.fields, later(part, k, AHEAD))
        row = (data[0] + rows(part.fields, part.row_buffers, part.order[k]) + data[1], *data[2:])
        of_row = value(x_shaped, own, row)
        gradient(x, x_shaped, own, of_row, x, x, row)
        for i in range(SIZE or g.size):
            g[i] += own[i]
        f += of_row
    divide(g, last - first)
    return f / (last - first)


def added(x, x_shaped, g, own, part, first, last, data):
    """Of a `fun` that adds its gradient to g, which comes before the row."""
    clear(g)
    f = sum_of_rows(x_shaped, own, part, first, last, data)
    divide(g, last - first)
    return f / (last - first)


def derived(x, x_shaped, g, own, part, first, last, data):
    """Of duals: every chunk of parameters is seeded once, and goes through all rows."""
    f = 0.0
    for chunk in range(0, SIZE or x.size, CHUNK):
        point, dual = seeded(DUAL, x_shaped, data[2], chunk, SIZE), 0.0
        for k in range(first, last):
            if chunk == 0:
                prefetch(part.fields, later(part, k, AHEAD))
            row = rows(part.fields, part.row_buffers, part.order[k]) + data[1]
            dual = dual + fun(point, *row)
        write_partials(dual, g, chunk, SIZE)
        f = float(value_of(dual))
    divide(g, last - first)
    return f / (last - first)


def together(x, x_shaped, g, own, part, first, last, data):
    """Of a `fun` of all rows of the mini-batch."""
    clear(g)  # for one that adds to it
    batch = (data[0] + side_by_side(part, first, last) + data[1], *data[2:])
    f = value(x_shaped, g, batch)
    gradient(x, x_shaped, g, f, x, x, batch)
    return f


def sum_of_rows(x_shaped, own, part, first, last, data):
    """The sum of `fun` over rows."""
    f = 0.0
    for k in range(first, last):
        prefetch(part.fields, later(part, k, AHEAD))
        row = data[0] + rows(part.fields, part.row_buffers, part.order[k]) + data[1]
        f += value(x_shaped, own, (row,))
    return f


def sum_together(x_shaped, own, part, first, last, data):
    """The same of a `fun` of all rows."""
    batch = data[0] + side_by_side(part, first, last) + data[1]
    return value(x_shaped, own, (batch,)) * (last - first)


def later(part, k, ahead):
    """The row that is asked for while that at place k is at work."""
    return part.order[min(k + ahead, part.order.size - 1)]


def side_by_side(part, first, last):
    """The rows of a mini-batch, copied together."""
    for k in range(first, last):
        prefetch(part.fields, later(part, k, last - first))
        put(part.row_buffers, k - first, part.fields, part.order[k])
    return first_rows(part.row_buffers, last - first)


def clear(g):
    for i in range(SIZE or g.size):
        g[i] = real(0.0)


def divide(g, count):
    share = real(1.0) / real(count)
    for i in range(SIZE or g.size):
        g[i] *= share


BY_ROWS = {"derived": derived, "written": written, "added": added}
