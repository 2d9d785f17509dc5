"""The data of a batch: fields with a row for each problem."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from fastopt.arrays import arguments
from fastopt.arrays.arguments import is_elsewhere

FEW_COLUMNS = 8


class Ragged(NamedTuple):
    """Rows of unequal lengths, in one contiguous array."""

    flat: Any
    starts: Any
    lengths: Any  # an array for each axis of the rows


def fields_of(data, adopt=None, name="data", unit="problem"):
    """Return `data` as a tuple of arrays and `Ragged`.

    A single array is one field. Inside a tuple, a list of arrays is a ragged field. ``adopt(name,
    array)`` converts an array on a device.
    """
    rows = "the rows along its first axis" if unit == "row" else f"a row for each {unit}"
    if isinstance(data, list):
        raise TypeError(
            f"{name} is a list; give an array with {rows}, or a tuple of such arrays (a list of "
            "arrays inside the tuple is a field of rows of unequal lengths)"
        )
    if isinstance(data, Mapping):
        raise TypeError(f"{name} is a {type(data).__name__}; give its arrays as a tuple")
    fields = () if data is None else data if isinstance(data, tuple) else (data,)
    return tuple(_field(f"{name}[{k}]", field, adopt, rows) for k, field in enumerate(fields))


def _field(name, value, adopt, rows):
    if isinstance(value, Ragged):
        return value
    if is_elsewhere(value):
        array = adopt(name, value)
        if array.ndim == 0:
            raise ValueError(f"{name} is one number; it must be an array with {rows}")
        return array
    if hasattr(value, "__array__") and not isinstance(value, np.ndarray):  # for example a Series
        value = arguments.converted(name, value)
    listed = isinstance(value, list) and (not value or any(hasattr(r, "__len__") for r in value))
    if listed or _holds_objects(value):
        return _ragged(name, list(value))
    array = _plain(name, value)
    if array.ndim == 0:
        raise ValueError(f"{name} is {value!r}; it must be an array with {rows}")
    return array


def _holds_objects(value):
    vector = isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1
    return vector and any(hasattr(row, "__len__") for row in value)


def _plain(name, value):
    """Return an array that Numba accepts, without a copy if possible."""
    try:
        array = arguments.plain(name, value)
    except ValueError:
        raise ValueError(
            f"{name} has rows of unequal lengths; give it as a list of arrays"
        ) from None
    arguments.require_numbers(name, array.dtype)
    return arguments.array(name, array)


def _ragged(name, items):
    if any(map(is_elsewhere, items)):
        raise TypeError(f"{name} is a list of arrays on a device; give host arrays, or one array")
    rows = [_plain(f"{name}[{b}]", item) for b, item in enumerate(items)]
    if not rows:
        return Ragged(np.empty(0), np.empty(0, np.int64), (np.empty(0, np.int64),))
    ndims = {row.ndim for row in rows}
    if len(ndims) > 1 or 0 in ndims:
        shapes = ", ".join(str(row.shape) for row in rows[:4])
        raise ValueError(f"the arrays of {name} must all have one number of axes; shapes: {shapes}")
    dtype = np.result_type(*{row.dtype for row in rows})
    flat = np.concatenate([row.reshape(-1) for row in rows], dtype=dtype)
    starts = np.cumsum([0] + [row.size for row in rows[:-1]], dtype=np.int64)
    shapes = np.array([row.shape for row in rows], np.int64)
    return Ragged(flat, starts, tuple(np.ascontiguousarray(axis) for axis in shapes.T))


def leaves(value):
    """Yield the items of nested tuples."""
    if isinstance(value, tuple):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def count(field):
    """Return the number of problems."""
    return len(field.starts) if isinstance(field, Ragged) else len(field)


def row(field, b):
    """Return problem b's row as `fun` gets it: a number or an array in C order."""
    if is_elsewhere(field):
        return field[b : b + 1].copy_to_host()[0]
    if not isinstance(field, Ragged):
        return field[b] if field.flags.c_contiguous else np.array(field[b], order="C")[()]
    shape = tuple(int(axis[b]) for axis in field.lengths)
    start = int(field.starts[b])
    return field.flat[start : start + int(np.prod(shape))].reshape(shape)


def slice_rows(field, first, last):
    """Return the rows of problems `first` to `last`."""
    if not isinstance(field, Ragged):
        return field[first:last]
    starts, lengths = field.starts[first:last], tuple(axis[first:last] for axis in field.lengths)
    sizes = np.prod(lengths, axis=0)
    begin, end = (int(starts[0]), int(starts[-1] + sizes[-1])) if len(starts) else (0, 0)
    return Ragged(field.flat[begin:end], starts - begin, lengths)


def longest(fields):
    """Return the number of the problem with the most data."""
    sizes = sum(np.prod(f.lengths, axis=0) for f in fields if isinstance(f, Ragged))
    return int(np.argmax(sizes)) if np.size(sizes) > 1 else 0


def extremes(fields):
    """Return the `longest` problem, the shortest, and those whose fields differ most in length."""
    axes = [axis for f in fields if isinstance(f, Ragged) for axis in f.lengths]
    pairs = [one - other for k, one in enumerate(axes) for other in axes[:k]]
    ends = {int(end(values)) for values in axes + pairs for end in (np.argmin, np.argmax)}
    first = longest(fields)
    return [first, *sorted(ends - {first})]


def whole_number_extremes(fields):
    """Return the problems with the least and the largest whole numbers, which may be indices.

    These are those of each field, and of each column where there are few.
    """
    return sorted({int(b) for field in fields for b in _whole_number_extremes(field)})


def _whole_number_extremes(field):
    ragged = isinstance(field, Ragged)
    array = field.flat if ragged else field
    if is_elsewhere(array) or array.dtype.kind not in "biu" or not array.size:
        return []
    if ragged:  # an empty row begins where the next one does
        ends = [int(array.argmin()), int(array.argmax())]
        return np.searchsorted(field.starts, ends, side="right") - 1
    rows = array.reshape(len(array), -1)
    if rows.shape[1] <= FEW_COLUMNS:
        return np.concatenate([rows.argmin(axis=0), rows.argmax(axis=0)])
    return [int(rows.argmin()) // rows.shape[1], int(rows.argmax()) // rows.shape[1]]


def row_buffer(field):
    """Return a buffer for a row of a field if its rows are not contiguous, else ()."""
    if isinstance(field, np.ndarray) and field.ndim > 1 and not field.flags.c_contiguous:
        return np.empty(field.shape[1:], field.dtype)
    return ()
