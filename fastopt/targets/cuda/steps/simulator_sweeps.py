"""The functions of `sweep_intrinsics` for the simulator: plain Python over host addresses."""

import ctypes
import functools

import numpy as np

from fastopt.compiling import numba_internals

LINE = 16
_C = {np.dtype(np.float32): ctypes.c_float, np.dtype(np.float64): ctypes.c_double}


class Simulated:
    """The module `cuda` of the simulator's running kernel."""

    def __getattr__(self, name):
        return getattr(numba_internals.simulated_kernel(), name)


def cast(cls, real, c):
    return cls(*np.array(c, np.int64).view(real)[: len(cls._fields)])


def lead(arrays, n, real):
    first = arrays[0]
    if any((first ^ other) % LINE for other in arrays):
        return n
    return min(-first % LINE // np.dtype(real).itemsize, n)


def row(table, r, columns):
    count = len(columns)
    first, *rest = _at(table + 8 * count * r, ctypes.c_int64, count)
    return int(first), tuple(map(int, rest))


def put(table, k, value):
    _at(table + 8 * k, ctypes.c_double, 1)[0] = value


@functools.cache
def make_load_store(width, uses, unchanged=(1,)):
    used = [k for k, use in enumerate(uses) if use]

    def places(arrays, strides, at, dtype):
        strides = strides or (1,) * len(arrays)
        for address, stride in zip(arrays, strides, strict=True):
            place = address + at * stride * dtype.itemsize
            assert place % (width * dtype.itemsize) == 0, "not aligned"
            yield _at(place, _C[dtype], width)

    def fetch(arrays, strides, at, real):
        near = [place.copy() for place in places(arrays, strides, at, np.dtype(real))]
        found = dict(zip(used, near[2:], strict=True))
        return near[0], near[1], tuple(found.get(k, near[0]) for k in range(len(uses)))

    def bring_back(x, state, arrays, strides, at):
        near = [x, None, *(state[k] for k in used)]
        pairs = zip(near, places(arrays, strides, at, x.dtype), strict=True)
        for k, (value, place) in enumerate(pairs):
            if k not in unchanged:
                place[:] = value

    return fetch, bring_back


def _at(address, kind, count):
    return np.ctypeslib.as_array((kind * count).from_address(address))
