"""Adjoints of functions of samples: interpolation, areas, polynomials and equal steps."""

import numpy as np
from numba.extending import overload

from fastopt.derivatives.reverse.array_adjoints.adjoint import adjoint, helper


@helper
def _segment(x, xp):
    """Return the place of the sample before x, and whether x is between two samples."""
    last = xp.size - 1
    if last == 0 or x < xp[0]:
        return 0, False
    if x >= xp[last]:
        return last, False
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if xp[middle] <= x:
            low = middle
        else:
            high = middle
    return low, True


@helper
def _at(bar, k, term):
    if bar is not None:
        bar[k] += term


@helper
def _to_samples(x, out_bar, xp, fp, xp_bar, fp_bar):
    """Add to the samples around x; return what x itself has."""
    k, inside = _segment(x, xp)
    if not inside:
        _at(fp_bar, k, out_bar)
        return 0.0 * out_bar
    width = xp[k + 1] - xp[k]
    slope, share = (fp[k + 1] - fp[k]) / width, (x - xp[k]) / width
    _at(fp_bar, k, out_bar * (1.0 - share))
    _at(fp_bar, k + 1, out_bar * share)
    _at(xp_bar, k, out_bar * slope * (share - 1.0))
    _at(xp_bar, k + 1, -out_bar * slope * share)
    return out_bar * slope


@helper
def _flat_at(bar, k, term):
    if bar is not None:
        bar.flat[k] += term


@helper
def _to_points(out_bar, args, bars):
    x = args[0]
    for k in range(x.size):
        term = _to_samples(x.flat[k], out_bar.flat[k], args[1], args[2], bars[1], bars[2])
        _flat_at(bars[0], k, term)
    return ()


@helper
def _to_point(out_bar, args, bars):
    return (_to_samples(args[0], out_bar, args[1], args[2], bars[1], bars[2]),)


def _by_kind(x, out_bar, args, bars):
    return (_to_points if np.ndim(x) else _to_point)(out_bar, args, bars)


@overload(_by_kind)
def _typed_by_kind(x, out_bar, args, bars):
    if hasattr(x, "ndim"):
        return lambda x, out_bar, args, bars: _to_points(out_bar, args, bars)
    return lambda x, out_bar, args, bars: _to_point(out_bar, args, bars)


def _interp(out, out_bar, args, bars):
    return _by_kind(args[0], out_bar, args, bars)


@helper
def _to_heights(bar, out_bar, x, dx):
    if bar is not None:
        for i in range(bar.size - 1):
            width = dx if x is None else x[i + 1] - x[i]
            bar[i] += 0.5 * width * out_bar
            bar[i + 1] += 0.5 * width * out_bar


@helper
def _to_places(bar, out_bar, y):
    if bar is not None:
        for i in range(bar.size - 1):
            term = 0.5 * (y[i] + y[i + 1]) * out_bar
            bar[i] -= term
            bar[i + 1] += term


@helper
def _to_step(y, out_bar, x):
    if x is None:
        return (out_bar * np.sum(0.5 * (y[1:] + y[:-1])),)
    return (0.0 * out_bar,)


def _trapezoid(out, out_bar, args, bars):
    """Reverse the area under a vector of heights."""
    _to_heights(bars[0], out_bar, args[1], args[2])
    _to_places(bars[1], out_bar, args[0])
    return _to_step(args[0], out_bar, args[1])


def _linspace(out, out_bar, args, bars):
    num = out_bar.size
    share = np.arange(num) / max(num - 1, 1)
    return np.sum(out_bar * (1.0 - share)), np.sum(out_bar * share)


# Its name before NumPy 2 was `trapz`.
trapezoid = getattr(np, "trapezoid" if hasattr(np, "trapezoid") else "trapz")
ADJOINTS = {
    np.interp: adjoint(_interp, "x xp fp", needs=(0, 1, 2), scalars=(0,)),
    trapezoid: adjoint(_trapezoid, "y x=None dx=1.0", needs=(0, 1, 2), scalars=(2,), axes=(1,)),
    np.linspace: adjoint(_linspace, "start stop num=50", scalars=(0, 1)),
}
