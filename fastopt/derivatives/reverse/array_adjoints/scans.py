"""Adjoints of cumulative sums and products, sorting, differences and convolution."""

import numpy as np

from fastopt.derivatives.reverse.array_adjoints.adjoint import adjoint, helper


@helper
def _from_the_end(bar, out_bar):
    if bar is not None:
        total = 0.0
        for i in range(out_bar.size - 1, -1, -1):
            total = total + out_bar[i]
            bar.flat[i] += total


def _cumsum(out, out_bar, args, bars):
    _from_the_end(bars[0], out_bar)
    return ()


@helper
def _products_from_the_end(bar, out_bar, a):
    """Divide by no element, since elements may be zero."""
    if bar is not None:
        items = a.flatten()
        n = items.size
        before, total = np.ones(n, items.dtype), 0.0
        for i in range(1, n):
            before[i] = before[i - 1] * items[i - 1]
        for i in range(n - 1, -1, -1):
            total = out_bar[i] + (items[i + 1] * total if i + 1 < n else 0.0)
            bar.flat[i] += before[i] * total


def _cumprod(out, out_bar, args, bars):
    _products_from_the_end(bars[0], out_bar, args[0])
    return ()


@helper
def _to_origins(bar, out_bar, a):
    if bar is not None:
        order = np.argsort(a, kind="mergesort")
        for i in range(a.size):
            bar[order[i]] += out_bar[i]


def _sort(out, out_bar, args, bars):
    """Reverse the sort of a vector."""
    _to_origins(bars[0], out_bar, args[0])
    return ()


@helper
def _to_neighbours(bar, out_bar):
    if bar is not None and bar.shape[-1] > 0:
        bar[..., 1:] += out_bar
        bar[..., :-1] -= out_bar


def _diff(out, out_bar, args, bars):
    _to_neighbours(bars[0], out_bar)
    return ()


@helper
def _in_full(out_bar, n, m, mode):
    """Return the adjoint of the full convolution, of which `mode` keeps a part."""
    full, first = np.zeros(n + m - 1, out_bar.dtype), 0
    if mode == "same":
        first = (min(n, m) - 1) // 2
    elif mode == "valid":
        first = min(n, m) - 1
    full[first : first + out_bar.size] = out_bar
    return full


@helper
def _correlate(bar, full, other):
    if bar is not None:
        for i in range(bar.size):
            total = 0.0
            for k in range(other.size):
                total += full[i + k] * other[k]
            bar[i] += total


def _convolve(out, out_bar, args, bars):
    full = _in_full(out_bar, args[0].size, args[1].size, args[2])
    _correlate(bars[0], full, args[1])
    _correlate(bars[1], full, args[0])
    return ()


ADJOINTS = {
    np.cumsum: adjoint(_cumsum, "a"),
    np.cumprod: adjoint(_cumprod, "a", needs=(0,)),
    np.sort: adjoint(_sort, "a", needs=(0,), axes=(1,)),
    np.diff: adjoint(_diff, "a"),
    np.convolve: adjoint(_convolve, "a v mode='full'", needs=(0, 1), axes=(1,)),
}
