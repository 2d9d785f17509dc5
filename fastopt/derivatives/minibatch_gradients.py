"""Mean value and gradient of a mini-batch: row by row, or of all rows at once.

Every variant is a function ``(x, x_shaped, g, own, part, first, last, data) -> f``. `part` holds
the rows and their order, of which the places from `first` to `last` are used. The gradient is
written to g; `own` is a buffer for the gradient of one row.

`data` is ``(before, args, ...)``. The arguments of `fun` are x, the values `before`, the row and
args. The other items are as in `gradient_methods`.
"""

from fastopt.algorithms.compile_hints import separate_refcounted
from fastopt.algorithms.minibatch import PREFETCH_ROWS
from fastopt.algorithms.placeholders import (
    CHUNK,
    DUAL,
    SIZE,
    first_rows,
    fun,
    gradient,
    prefetch,
    put,
    real,
    reverse_gradient,
    rows,
    seeded,
    value,
    value_of,
    write_partials,
)


@separate_refcounted
def written(x, x_shaped, g, own, part, first, last, data):
    """Sum gradients that are written for each row: user-given ones, and differences."""
    f = 0.0
    clear(g)
    for k in range(first, last):
        prefetch(part.fields, later(part, k, PREFETCH_ROWS))
        row = (data[0] + rows(part.fields, part.row_buffers, part.order[k]) + data[1], *data[2:])
        of_row = value(x_shaped, own, row)
        gradient(x, x_shaped, own, of_row, x, x, row)
        for i in range(SIZE or g.size):
            g[i] += own[i]
        f += of_row
    divide(g, last - first)
    return f / (last - first)


@separate_refcounted
def added(x, x_shaped, g, own, part, first, last, data):
    """Call a `fun` that adds its gradient to g, an argument before the row."""
    clear(g)
    f = sum_of_rows(x_shaped, own, part, first, last, data)
    divide(g, last - first)
    return f / (last - first)


@separate_refcounted
def derived(x, x_shaped, g, own, part, first, last, data):
    """Differentiate with duals: every chunk of parameters is seeded once for all rows."""
    f = 0.0
    for chunk in range(0, SIZE or x.size, CHUNK):
        point, dual = seeded(DUAL, x_shaped, data[2], chunk, SIZE), 0.0
        for k in range(first, last):
            if chunk == 0:
                prefetch(part.fields, later(part, k, PREFETCH_ROWS))
            row = rows(part.fields, part.row_buffers, part.order[k]) + data[1]
            dual = dual + fun(point, *row)
        write_partials(dual, g, chunk, SIZE)
        f = float(value_of(dual))
    divide(g, last - first)
    return f / (last - first)


@separate_refcounted
def in_reverse(x, x_shaped, g, own, part, first, last, data):
    """Differentiate each row in reverse mode, which adds its gradient to g."""
    f, shaped = 0.0, g.reshape(x_shaped.shape)
    clear(g)
    for k in range(first, last):
        prefetch(part.fields, later(part, k, PREFETCH_ROWS))
        row = rows(part.fields, part.row_buffers, part.order[k]) + data[1]
        f += reverse_gradient(x_shaped, shaped, data[2], *row)
    divide(g, last - first)
    return f / (last - first)


@separate_refcounted
def together(x, x_shaped, g, own, part, first, last, data):
    """Call a `fun` of all rows of the mini-batch."""
    clear(g)  # in case fun adds to it
    batch = (data[0] + side_by_side(part, first, last) + data[1], *data[2:])
    f = value(x_shaped, g, batch)
    gradient(x, x_shaped, g, f, x, x, batch)
    return f


@separate_refcounted
def sum_of_rows(x_shaped, own, part, first, last, data):
    """Return the sum of `fun` over rows."""
    f = 0.0
    for k in range(first, last):
        prefetch(part.fields, later(part, k, PREFETCH_ROWS))
        row = data[0] + rows(part.fields, part.row_buffers, part.order[k]) + data[1]
        f += value(x_shaped, own, (row,))
    return f


@separate_refcounted
def sum_together(x_shaped, own, part, first, last, data):
    """Return the sum over rows, for a `fun` of all rows."""
    batch = data[0] + side_by_side(part, first, last) + data[1]
    return value(x_shaped, own, (batch,)) * (last - first)


@separate_refcounted
def later(part, k, ahead):
    """Return the row to prefetch while the row at place k is processed."""
    return part.order[min(k + ahead, part.order.size - 1)]


@separate_refcounted
def side_by_side(part, first, last):
    """Copy the rows of a mini-batch to contiguous buffers, and return these."""
    for k in range(first, last):
        prefetch(part.fields, later(part, k, last - first))
        put(part.row_buffers, k - first, part.fields, part.order[k])
    return first_rows(part.row_buffers, last - first)


@separate_refcounted
def clear(g):
    for i in range(SIZE or g.size):
        g[i] = real(0.0)


@separate_refcounted
def divide(g, count):
    share = real(1.0) / real(count)
    for i in range(SIZE or g.size):
        g[i] *= share


BY_ROWS = {"derived": derived, "in reverse": in_reverse, "written": written, "added": added}
