"""Adjoints of functions that join, repeat and rearrange arrays."""

import numpy as np
from numba.extending import overload

from fastopt.derivatives.reverse.array_adjoints.adjoint import add, adjoint, helper


@helper
def _piece(a, axis, first, last):
    """Return a part of an array, between two places along an axis."""
    if a.ndim == 1:
        return a[first:last]
    if a.ndim == 2:
        return a[first:last] if axis == 0 else a[:, first:last]
    if axis == 0:
        return a[first:last]
    if axis == 1:
        return a[:, first:last]
    if a.ndim > 3:
        raise ValueError("arrays of more than three dimensions are joined along the first two only")
    return a[:, :, first:last]


@helper
def _add_part(bar, out_bar, axis, first, last):
    if bar is not None:
        bar += _piece(out_bar, axis, first, last)


@helper
def _add_line(bar, out_bar, axis, first):
    """Add a row or a column to an array with an axis less."""
    if bar is not None:
        if axis == 0:
            bar += out_bar[first]
        elif axis == 1:
            bar += out_bar[:, first]
        elif out_bar.ndim == 3:
            bar += out_bar[..., first]
        else:
            raise ValueError("arrays are stacked along one of the first three axes only")


def _shared_out(bars, arrays, out_bar, axis, first):
    """Give the arrays of a tuple their parts of `out_bar`, in order along an axis.

    An array with an axis less than `out_bar` was one row or column of it.
    """
    for bar, a in zip(bars, arrays, strict=True):
        last = first + (a.shape[axis] if a.ndim == out_bar.ndim else 1)
        if bar is not None:
            at = [slice(None)] * out_bar.ndim
            at[axis] = slice(first, last) if a.ndim == out_bar.ndim else first
            bar += out_bar[tuple(at)]
        first = last


@overload(_shared_out)
def _typed_shared_out(bars, arrays, out_bar, axis, first):
    if len(arrays) == 0:
        return lambda bars, arrays, out_bar, axis, first: None

    def parts(bars, arrays, out_bar, axis, first):
        last = first + arrays[0].shape[axis]
        _add_part(bars[0], out_bar, axis, first, last)
        _shared_out(bars[1:], arrays[1:], out_bar, axis, last)

    def lines(bars, arrays, out_bar, axis, first):
        _add_line(bars[0], out_bar, axis, first)
        _shared_out(bars[1:], arrays[1:], out_bar, axis, first + 1)

    return parts if arrays.types[0].ndim == out_bar.ndim else lines


def _concatenate(out, out_bar, args, bars):
    _shared_out(bars[0], args[0], out_bar, args[1] % out_bar.ndim, 0)
    return ()


def _stack(out, out_bar, args, bars):
    _shared_out(bars[0], args[0], out_bar, args[1] % out_bar.ndim, 0)
    return ()


def _vstack(out, out_bar, args, bars):
    _shared_out(bars[0], args[0], out_bar, 0, 0)
    return ()


def _hstack(out, out_bar, args, bars):
    _shared_out(bars[0], args[0], out_bar, min(1, out_bar.ndim - 1), 0)
    return ()


def _column_stack(out, out_bar, args, bars):
    _shared_out(bars[0], args[0], out_bar, 1, 0)
    return ()


@helper
def _flat_part(bar, out_bar, first):
    if bar is not None:
        for i in range(bar.size):
            bar.flat[i] += out_bar[first + i]


def _ends(values, out_bar):
    """Return what an appended number has, in a tuple; nothing for an array."""
    return () if np.ndim(values) else (out_bar[-1],)


@overload(_ends)
def _typed_ends(values, out_bar):
    if hasattr(values, "ndim"):
        return lambda values, out_bar: ()
    return lambda values, out_bar: (out_bar[-1],)


def _append(out, out_bar, args, bars):
    _flat_part(bars[0], out_bar, 0)
    _flat_part(bars[1], out_bar, args[0].size)
    return _ends(args[1], out_bar)


def _added_up(bar, out_bar, repeats):
    """Add the repetitions of each element."""
    if bar is not None:
        owners = np.repeat(np.arange(bar.size), repeats)
        flat = bar.flat
        for k in range(owners.size):
            flat[owners[k]] += out_bar[k]


@overload(_added_up)
def _typed_added_up(bar, out_bar, repeats):
    def added_up(bar, out_bar, repeats):
        if bar is not None:
            owners = np.repeat(np.arange(bar.size), repeats)
            for k in range(owners.size):
                bar.flat[owners[k]] += out_bar[k]

    return added_up


def _total(a, out_bar):
    """Return what a repeated number has, in a tuple; nothing for an array."""
    return () if np.ndim(a) else (np.sum(out_bar),)


@overload(_total)
def _typed_total(a, out_bar):
    if hasattr(a, "ndim"):
        return lambda a, out_bar: ()
    return lambda a, out_bar: (np.sum(out_bar),)


def _repeat(out, out_bar, args, bars):
    _added_up(bars[0], out_bar, args[1])
    return _total(args[0], out_bar)


def _full(out, out_bar, args, bars):
    return (np.sum(out_bar),)


def _roll(out, out_bar, args, bars):
    add(bars[0], np.roll(out_bar, -args[1]))
    return ()


def _flip(out, out_bar, args, bars):
    add(bars[0], np.flip(out_bar))
    return ()


@helper
def _scattered(bar, out_bar, indices):
    if bar is not None:
        for k in range(indices.size):
            bar.flat[indices.flat[k]] += out_bar.flat[k]


def _take(out, out_bar, args, bars):
    """Reverse the choice of elements by an array of indices."""
    _scattered(bars[0], out_bar, args[1])
    return ()


def _itself(out, out_bar, args, bars):
    add(bars[0], out_bar)
    return ()


ADJOINTS = {
    np.concatenate: adjoint(_concatenate, "arrays axis=0"),
    np.stack: adjoint(_stack, "arrays axis=0"),
    np.vstack: adjoint(_vstack, "tup"),
    np.hstack: adjoint(_hstack, "tup"),
    np.column_stack: adjoint(_column_stack, "tup"),
    np.append: adjoint(_append, "arr values", scalars=(1,)),
    np.repeat: adjoint(_repeat, "a repeats", needs=(1,), scalars=(0,)),
    np.full: adjoint(_full, "shape fill_value", scalars=(1,)),
    np.full_like: adjoint(_full, "a fill_value", scalars=(1,)),
    np.roll: adjoint(_roll, "a shift", needs=(1,)),
    np.flip: adjoint(_flip, "m"),
    np.take: adjoint(_take, "a indices", needs=(1,)),
    np.copy: adjoint(_itself, "a"),
}
