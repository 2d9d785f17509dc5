"""Compiled helpers of the reverse sweep for elements that positions or a mask choose."""

import numba
import numpy as np

from fastopt.derivatives.reverse.runtime.array_helpers import JIT


@numba.njit(**JIT)
def gather_back(bar, index, out_bar):
    """Add the adjoint of ``a[index]`` for an array of positions along the first axis."""
    for k in range(index.size):
        bar[index[k]] += out_bar[k]


@numba.njit(**JIT)
def gather_rows_back(bar, index, out_bar):
    for k in range(index.size):
        at = index[k]
        for j in range(bar.shape[1]):
            bar[at, j] += out_bar[k, j]


@numba.njit(**JIT)
def mask_back(bar, mask, out_bar):
    """Add the adjoint of ``a[mask]``."""
    k = 0
    for i in range(mask.size):
        if mask[i]:
            bar[i] += out_bar[k]
            k += 1


@numba.njit(**JIT)
def gather_any_back(bar, index, out_bar):
    """Add the adjoint of ``a[index]`` for an index with an array and slices or whole numbers."""
    places = np.arange(bar.size).reshape(bar.shape)[index]
    for k in range(places.size):
        bar.flat[places.flat[k]] += out_bar.flat[k]


@numba.njit(**JIT)
def taken(bar, index):
    """Return the adjoint of what ``a[index] = ...`` wrote last; the shadow there becomes zero."""
    moved = np.empty(index.size, bar.dtype)
    for k in range(index.size - 1, -1, -1):  # of equal positions the last one was written last
        moved[k] = bar[index[k]]
        bar[index[k]] = 0.0
    return moved


@numba.njit(**JIT)
def taken_rows(bar, index):
    moved = np.empty((index.size, *bar.shape[1:]), bar.dtype)
    for k in range(index.size - 1, -1, -1):
        moved[k] = bar[index[k]]
        bar[index[k]] = 0.0
    return moved


@numba.njit(**JIT)
def taken_by_mask(bar, mask):
    moved = bar[mask]
    for k in range(mask.size):
        if mask[k]:
            bar[k] = 0.0
    return moved


@numba.njit(**JIT)
def taken_any(bar, index):
    places = np.arange(bar.size).reshape(bar.shape)[index]
    moved = np.empty(places.shape, bar.dtype)
    for k in range(places.size - 1, -1, -1):
        moved.flat[k] = bar.flat[places.flat[k]]
        bar.flat[places.flat[k]] = 0.0
    return moved
