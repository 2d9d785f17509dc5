"""Adjoints of sums, products, extremes and moments."""

import numpy as np

from fastopt.derivatives.reverse.array_adjoints.adjoint import adjoint, helper


@helper
def spread(bar, out_bar, axis):
    """Add what each sum along an axis has to all elements that it was the sum of."""
    if bar is not None:
        if axis is None or bar.ndim == 1:
            bar += out_bar
        else:
            bar += np.expand_dims(out_bar, axis % bar.ndim)


def _sum(out, out_bar, args, bars):
    spread(bars[0], out_bar, args[1])
    return ()


@helper
def _count(a, axis):
    if axis is None:
        return max(a.size, 1)
    return max(a.shape[axis], 1)


def _mean(out, out_bar, args, bars):
    spread(bars[0], out_bar / _count(args[0], args[1]), args[1])
    return ()


@helper
def _spread_known(bar, out_bar, a, mean):
    """Add to the elements that are not NaN."""
    if bar is not None:
        known = a == a
        share = out_bar / max(np.sum(known), 1) if mean else out_bar * 1.0
        bar += known * share


def _nansum(out, out_bar, args, bars):
    _spread_known(bars[0], out_bar, args[0], False)
    return ()


def _nanmean(out, out_bar, args, bars):
    _spread_known(bars[0], out_bar, args[0], True)
    return ()


@helper
def _times_others(bar, out_bar, a):
    """Add the product of all other elements, without division: elements may be zero."""
    if bar is not None:
        items, before = a.flatten(), 1.0
        n = items.size
        after = np.ones(n + 1, items.dtype)
        for i in range(n - 1, 0, -1):
            after[i - 1] = after[i] * items[i]
        for i in range(n):
            bar.flat[i] += out_bar * (before * after[i])
            before = before * items[i]


def _prod(out, out_bar, args, bars):
    _times_others(bars[0], out_bar, args[0])
    return ()


@helper
def _to_largest(bar, out_bar, a, sign, axis):
    """Add to the first largest element of sign * a; the first NaN is the largest."""
    if bar is not None:
        if axis is None:
            at = np.argmax(a) if sign > 0.0 else np.argmin(a)
            bar.flat[at] += out_bar
        else:
            at = np.argmax(a, axis) if sign > 0.0 else np.argmin(a, axis)
            at = np.expand_dims(at, axis)
            old = np.take_along_axis(bar, at, axis)
            np.put_along_axis(bar, at, old + np.expand_dims(out_bar, axis), axis)


def _max(out, out_bar, args, bars):
    _to_largest(bars[0], out_bar, args[0], 1.0, args[1])
    return ()


def _min(out, out_bar, args, bars):
    _to_largest(bars[0], out_bar, args[0], -1.0, args[1])
    return ()


def _ptp(out, out_bar, args, bars):
    _to_largest(bars[0], out_bar, args[0], 1.0, args[1])
    _to_largest(bars[0], -out_bar, args[0], -1.0, args[1])
    return ()


@helper
def _to_known_largest(bar, out_bar, a, sign):
    """Add to the first largest element of sign * a that is not NaN."""
    if bar is not None:
        best, at = a.flat[0], 0
        for i in range(a.size):
            v = a.flat[i]
            if best != best or sign * v > sign * best:
                best, at = v, i
        bar.flat[at] += out_bar


def _nanmax(out, out_bar, args, bars):
    _to_known_largest(bars[0], out_bar, args[0], 1.0)
    return ()


def _nanmin(out, out_bar, args, bars):
    _to_known_largest(bars[0], out_bar, args[0], -1.0)
    return ()


@helper
def _deviations(bar, out_bar, a, axis, count):
    if bar is not None:
        if axis is None:
            bar += (2.0 / count * out_bar) * (a - np.mean(a))
        else:
            share = np.expand_dims(2.0 / count * out_bar, axis)
            bar += share * (a - np.mean(a, axis=axis, keepdims=True))


@helper
def _over_root(out_bar, root, axis):
    """Divide by twice the root; where the root is 0 its argument is at a minimum."""
    if axis is None:
        return out_bar / (2.0 * root) if root != 0.0 else 0.0 * out_bar
    return np.where(root != 0.0, out_bar / np.where(root != 0.0, 2.0 * root, 1.0), 0.0)


def _var(out, out_bar, args, bars):
    _deviations(bars[0], out_bar, args[0], args[1], _count(args[0], args[1]) - args[2])
    return ()


def _std(out, out_bar, args, bars):
    count = _count(args[0], args[1]) - args[2]
    _deviations(bars[0], _over_root(out_bar, out, args[1]), args[0], args[1], count)
    return ()


@helper
def _to_middle(bar, out_bar, a):
    if bar is not None and a.size > 0:
        order = np.argsort(a.flatten(), kind="mergesort")
        half = a.size // 2
        missing = np.flatnonzero(np.isnan(a))
        if missing.size > 0:
            bar.flat[missing[0]] += out_bar
        elif a.size % 2 == 1:
            bar.flat[order[half]] += out_bar
        else:
            bar.flat[order[half - 1]] += 0.5 * out_bar
            bar.flat[order[half]] += 0.5 * out_bar


def _median(out, out_bar, args, bars):
    _to_middle(bars[0], out_bar, args[0])
    return ()


ADJOINTS = {
    np.sum: adjoint(_sum, "a axis=None"),
    np.mean: adjoint(_mean, "a axis=None"),
    np.nansum: adjoint(_nansum, "a", needs=(0,)),
    np.nanmean: adjoint(_nanmean, "a", needs=(0,)),
    np.prod: adjoint(_prod, "a", needs=(0,)),
    np.max: adjoint(_max, "a axis=None", needs=(0,)),
    np.min: adjoint(_min, "a axis=None", needs=(0,)),
    np.ptp: adjoint(_ptp, "a axis=None", needs=(0,)),
    np.nanmax: adjoint(_nanmax, "a", needs=(0,)),
    np.nanmin: adjoint(_nanmin, "a", needs=(0,)),
    np.var: adjoint(_var, "a axis=None ddof=0", needs=(0,)),
    np.std: adjoint(_std, "a axis=None ddof=0", needs_result=True, needs=(0,)),
    np.median: adjoint(_median, "a", needs=(0,)),
}
ADJOINTS |= {np.amax: ADJOINTS[np.max], np.amin: ADJOINTS[np.min]}
