"""Stand-ins in plain Python for what `thread_layout` and `row_access` make for the compiler.

For Numba's CUDA simulator, which runs a kernel's text thread by thread.
"""

import math
from typing import Any

import numpy as np

from fastopt.targets.cuda.thread_layout import WRONG_LENGTH


def bindings(layout, shape):
    """For `batch_kernel_source.solve_many`."""
    size = math.prod(shape)
    return {
        "arrays": lambda room, point, t: layout.plain()(plain(room), point, t),
        "local": lambda real, _: np.zeros(size, real),
        "shaped_as": lambda point: point.reshape(shape),
        "cast": cast,
        "require_length": require_length,
        "named": named,
        "rows": rows,
    }


def cast(cls, real, values):
    return cls(*(real(values[i]) for i in range(len(cls._fields))))


def require_length(items, count):
    if not isinstance(items, tuple) or len(items) != count:
        raise ValueError(WRONG_LENGTH)


def named(template, table, row):
    kinds = map(type, template)
    return type(template)(*(kind(table[row, k]) for k, kind in enumerate(kinds)))


def rows(fields, row_buffers, b):
    return tuple(_row(field, b) for field in fields)


def _row(field, b):
    if isinstance(field, tuple):
        flat, starts, lengths = field
        shape = tuple(int(axis[b]) for axis in lengths)
        return plain(flat)[starts[b] : starts[b] + math.prod(shape)].reshape(shape)
    return plain(field)[b]


def plain(array) -> Any:
    """The simulator's arrays wrap NumPy's, which users' functions get."""
    if isinstance(array, tuple):
        items = map(plain, array)
        return type(array)(*items) if hasattr(array, "_fields") else tuple(items)
    array = getattr(array, "_item", array)
    return getattr(array, "_ary", array)


def with_numpy(function):
    """A user's function that gets NumPy's arrays."""
    return lambda *args: function(*map(plain, args))
