"""Mean value and gradient of a mini-batch, for `_epochs`: row by row, or of all rows at once.

Every way is ``(x, shaped, g, shaped_g, own, part, first, last, data) -> f``: `part` holds the rows
and the order that they are taken in, from place `first` to `last`; g gets the gradient; `own` is
room for that of one row.
"""

from fastopt._epochs import AHEAD
from fastopt._open import (
    CHUNK,
    DUAL,
    SIZE,
    fun,
    gradient,
    leading,
    prefetch,
    put,
    real,
    rows,
    seeded,
    value,
    value_of,
    write_partials,
)
from fastopt.derivatives import number


def written(x, shaped, g, shaped_g, own, part, first, last, data):
    """Of gradients that are written for each row: given ones, and differences."""
    f = 0.0
    g[:] = real(0.0)
    for k in range(first, last):
        prefetch(part.fields, later(part, k))
        row = (rows(part.fields, part.rooms, part.order[k]) + data[0], *data[1:])
        of_row = value(shaped, own, row)
        gradient(x, shaped, own, of_row, x, x, row)
        for i in range(SIZE or g.size):
            g[i] += own[i]
        f += of_row
    divide(g, last - first)
    return f / (last - first)


def added(x, shaped, g, shaped_g, own, part, first, last, data):
    """Of a `fun` that adds its gradient to what is there."""
    f = 0.0
    g[:] = real(0.0)
    for k in range(first, last):
        prefetch(part.fields, later(part, k))
        row = rows(part.fields, part.rooms, part.order[k]) + data[0]
        f += number(fun(shaped, shaped_g, *row))
    divide(g, last - first)
    return f / (last - first)


def derived(x, shaped, g, shaped_g, own, part, first, last, data):
    """Of duals: every chunk of parameters is seeded once, and goes through all rows."""
    f = 0.0
    for chunk in range(0, x.size, CHUNK):
        point, dual = seeded(DUAL, shaped, data[1], chunk, SIZE), 0.0
        for k in range(first, last):
            if chunk == 0:
                prefetch(part.fields, later(part, k))
            row = rows(part.fields, part.rooms, part.order[k]) + data[0]
            dual = dual + fun(point, *row)
        write_partials(dual, g, chunk, SIZE)
        f = float(value_of(dual))
    divide(g, last - first)
    return f / (last - first)


def later(part, k, ahead=AHEAD):
    """The row that is asked for while that at place k is at work."""
    return part.order[min(k + ahead, part.order.size - 1)]


def divide(g, count):
    share = real(1.0) / real(count)
    for i in range(SIZE or g.size):
        g[i] *= share


def together(x, shaped, g, shaped_g, own, part, first, last, data):
    """Of a `fun` of all rows of the mini-batch."""
    batch = (gathered(part, first, last) + data[0], *data[1:])
    f = value(shaped, g, batch)
    gradient(x, shaped, g, f, x, x, batch)
    return f


def added_together(x, shaped, g, shaped_g, own, part, first, last, data):
    """Of a `fun` of all rows that adds their mean gradient to what is there."""
    g[:] = real(0.0)
    return number(fun(shaped, shaped_g, *(gathered(part, first, last) + data[0])))


def gathered(part, first, last):
    """The rows of a mini-batch, copied side by side."""
    for k in range(first, last):
        prefetch(part.fields, later(part, k, last - first))
        put(part.rooms, k - first, part.fields, part.order[k])
    return leading(part.rooms, last - first)


def value_of_rows(shaped, shaped_g, own, part, first, last, data):
    """The sum of `fun` over rows."""
    f = 0.0
    for k in range(first, last):
        prefetch(part.fields, later(part, k))
        f += value(shaped, own, (rows(part.fields, part.rooms, part.order[k]) + data[0],))
    return f


def value_of_added(shaped, shaped_g, own, part, first, last, data):
    f = 0.0
    for k in range(first, last):
        prefetch(part.fields, later(part, k))
        row = rows(part.fields, part.rooms, part.order[k]) + data[0]
        f += number(fun(shaped, shaped_g, *row))
    return f


def value_together(shaped, shaped_g, own, part, first, last, data):
    return value(shaped, own, (gathered(part, first, last) + data[0],)) * (last - first)


def value_of_added_together(shaped, shaped_g, own, part, first, last, data):
    f = number(fun(shaped, shaped_g, *(gathered(part, first, last) + data[0])))
    return f * (last - first)


# (way, whether rows are given together) -> (mean and gradient, sum of values)
WAYS = {
    ("derived", False): (derived, value_of_rows),
    ("written", False): (written, value_of_rows),
    ("added", False): (added, value_of_added),
    ("derived", True): (together, value_together),
    ("written", True): (together, value_together),
    ("added", True): (added_together, value_of_added_together),
}
