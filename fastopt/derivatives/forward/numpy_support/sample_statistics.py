"""NumPy's functions of samples and polynomials, for numbers and arrays that depend on x."""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import numba
import numpy as np
from numba import TypingError, types

from fastopt.derivatives.forward.duals.dual_number import JIT
from fastopt.derivatives.forward.numpy_support.array_joining import by_types
from fastopt.derivatives.forward.numpy_support.sums_products_extremes import STAND_INS as WHOLE
from fastopt.derivatives.forward.operators.stand_ins import is_none, new, stand_in_for

SUM = WHOLE[np.sum]


@numba.njit(**JIT)
def _between(x, xp, fp):
    """Return the value at x of the polyline through (xp, fp), as NumPy computes it."""
    last = xp.size - 1
    if last == 0 or x < xp[0]:
        return fp[0] + 0.0 * x
    if x >= xp[last]:
        return fp[last] + 0.0 * x
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if xp[middle] <= x:
            low = middle
        else:
            high = middle
    slope = (fp[low + 1] - fp[low]) / (xp[low + 1] - xp[low])
    return slope * (x - xp[low]) + fp[low]


def _interpolated(x, xp, fp):
    if xp.ndim != 1 or fp.ndim != 1:
        raise TypingError("interp is known for points in vectors only")

    def check(xp, fp):
        if xp.size == 0:
            raise ValueError("array of sample points is empty")
        if xp.size != fp.size:
            raise ValueError("fp and xp are not of the same size.")

    check = numba.njit(**JIT)(check)
    if not isinstance(x, types.Array):

        def number(x, xp, fp):
            check(xp, fp)
            return _between(x, xp, fp)

        return number

    def array(x, xp, fp):
        check(xp, fp)
        made = new((x, xp, fp), x.shape)
        for i in range(x.size):
            made.flat[i] = _between(x.flat[i], xp, fp)
        return made

    return array


INTERP = by_types(_interpolated)


def _interp(x, xp, fp):
    return INTERP(x, xp, fp)


@numba.njit(**JIT)
def _before(a, v, right):
    """Count the elements of a sorted vector that precede v; `right` includes those equal to v."""
    low, high = 0, a.size
    while low < high:
        middle = (low + high) // 2
        if a[middle] == a[middle] and not (v < a[middle] if right else v <= a[middle]):
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(**JIT)
def _is_right(side):
    if side is None:  # then Numba compiles no comparison of texts, as for `_convolve`
        return False
    if side != "left" and side != "right":
        raise ValueError("side must be 'left' or 'right'")
    return side == "right"


def _sought(a, v, side):
    if getattr(a, "ndim", 0) != 1:
        raise TypingError("searchsorted is known for a vector only")
    if not isinstance(v, types.Array):
        return lambda a, v, side: _before(a, v, _is_right(side))

    def array(a, v, side):
        found, right = np.empty(v.shape, np.intp), _is_right(side)
        for i in range(v.size):
            found.flat[i] = _before(a, v.flat[i], right)
        return found

    return array


SOUGHT = by_types(_sought)


def _searchsorted(a, v, side=None):
    return SOUGHT(a, v, side)


def _area(y, x, dx):
    if y.ndim != 1 or getattr(x, "ndim", 1) != 1 or getattr(dx, "ndim", 0):
        raise TypingError("trapezoid is known for vectors only")
    if is_none(x):
        return lambda y, x, dx: SUM(dx * (y[1:] + y[:-1]) / 2.0)
    return lambda y, x, dx: SUM((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2.0)


AREA = by_types(_area)


def _trapezoid(y, x=None, dx=1.0):
    return AREA(y, x, dx)


def _at(p, x):
    if getattr(p, "ndim", 1) != 1:
        raise TypingError("polyval is known for coefficients in a vector only")

    def horner(p, x):
        y = 0.0 * x
        for k in range(len(p)):
            y = y * x + p[k]
        return y

    return horner


POLYVAL = by_types(_at)


def _polyval(p, x):
    return POLYVAL(p, x)


def _linspace(start, stop, num=50):
    made = new((start, stop), num)
    step = (stop - start) / max(num - 1, 1)
    for i in range(num):
        made[i] = start + i * step
    if num > 1:
        made[num - 1] = stop
    return made


def _nansum(a):
    total = 0.0
    for v in a.flat:
        if v == v:
            total = total + v
    return total


def _nanmean(a):
    total, count = 0.0, 0
    for v in a.flat:
        if v == v:
            total, count = total + v, count + 1
    return total / count


def _nanmax(a):
    return _beyond(a, 1.0)


def _nanmin(a):
    return _beyond(a, -1.0)


@numba.njit(**JIT)
def _beyond(a, sign):
    if a.size == 0:
        raise ValueError("an empty array has neither a largest nor a smallest element")
    best = a.flat[0]
    for v in a.flat:
        if best != best or sign * v > sign * best:
            best = v
    return best


def _median(a):
    if a.size == 0:
        return np.nan * SUM(a)
    for v in a.flat:
        if v != v:
            return v
    order = (a * 1.0).reshape(-1)
    order.sort()
    half = a.size // 2
    return order[half] + 0.0 if a.size % 2 else (order[half - 1] + order[half]) / 2.0


def _convolve(a, v, mode=None):
    n, m = a.size, v.size
    if n == 0 or m == 0:
        raise ValueError("arrays to be convolved cannot be empty")
    short, long = min(n, m), max(n, m)
    first, size = 0, n + m - 1
    if mode is not None:  # if not given, numba-cuda compiles no comparison of texts
        if mode == "same":
            first, size = (short - 1) // 2, long
        elif mode == "valid":
            first, size = short - 1, long - short + 1
        elif mode != "full":
            raise ValueError("mode must be 'full', 'same' or 'valid'")
    made = new((a, v), size)
    for k in range(size):
        at, total = first + k, 0.0
        for i in range(max(0, at - m + 1), min(n, at + 1)):
            total = total + a[i] * v[at - i]
        made[k] = total
    return made


_FUNCTIONS = {
    "interp": _interp,
    "searchsorted": _searchsorted,
    "trapezoid": _trapezoid,
    "trapz": _trapezoid,  # its name before NumPy 2
    "linspace": _linspace,
    "nansum": _nansum,
    "nanmean": _nanmean,
    "nanmax": _nanmax,
    "nanmin": _nanmin,
    "median": _median,
    "convolve": _convolve,
}
STAND_INS = {
    getattr(np, name): stand_in_for(getattr(np, name), ours)
    for name, ours in _FUNCTIONS.items()
    if hasattr(np, name)
}
# Numba has no polyval, so ours is also used for numbers that do not depend on x.
STAND_INS[np.polyval] = stand_in_for(np.polyval, _polyval, needs_stand_in=lambda kinds: True)
