"""Replacements in plain Python for the intrinsics of `thread_layout` and `row_access`.

Numba's CUDA simulator, which runs a kernel's Python code thread by thread, needs them.
"""

import math
from typing import Any

import numpy as np

from fastopt.algorithms.run_state import load_run, store_run
from fastopt.compiling.numba_internals import simulated_array
from fastopt.targets.cuda.thread_layout import WRONG_LENGTH


def bindings(layout, shape):
    """Return the bindings for `batch_kernel_source.solve_many`."""
    size = math.prod(shape)
    return {
        "arrays": lambda state_block, point, t: layout.plain()(plain(state_block), point, t),
        "local": lambda real, _: np.zeros(size, real),
        "shaped_as": lambda point: point.reshape(shape),
        "cast": cast,
        "load_run": load_run,
        "store_run": store_run,
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
    """Return the NumPy arrays inside the simulator's arrays, for users' functions."""
    if isinstance(array, tuple):
        items = map(plain, array)
        return type(array)(*items) if hasattr(array, "_fields") else tuple(items)
    return simulated_array(array)


def with_numpy(function):
    """Return a user's function that converts its arguments to NumPy's arrays."""
    return lambda *args: function(*map(plain, args))
