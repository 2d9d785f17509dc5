"""Checks and conversion of x0, bounds and callback."""

import inspect
import math

import numpy as np

from fastopt._sentences import counted
from fastopt.arrays import arguments
from fastopt.arrays.arguments import is_elsewhere
from fastopt.results import optimize_result

FLOAT64 = np.dtype(np.float64)
FEW = 8  # components


def start_point(x0, name="x0"):
    """Return x0 as a new float array of at least one dimension."""
    if type(x0) is np.ndarray and x0.dtype is FLOAT64 and x0.ndim == 1 and 0 < x0.size <= FEW:
        x = x0.copy()
        if all(map(math.isfinite, x.tolist())):  # for so few it is quicker than NumPy
            return x
    x = floats(x0, name)
    x = np.array(x if x.ndim else x.reshape(1), order="C")
    if x.size == 0:
        raise ValueError(f"{name} is empty; it needs at least one component")
    if not np.isfinite(x).all():
        raise ValueError(f"{name} is not finite at component {_first(~np.isfinite(x))}")
    return x


def floats(x0, name="x0"):
    """Return x0 as an array of float64 or float32, without a copy if it is one."""
    try:
        x = arguments.plain(name, x0)
    except ValueError:
        raise ValueError(f"{name} has rows of unequal lengths; it must be an array") from None
    dtype = np.dtype(np.float64) if x.dtype.kind in "iu" else x.dtype.newbyteorder("=")
    x = x.astype(dtype, copy=False)
    if x.dtype not in (np.float32, np.float64):
        raise TypeError(
            f"{name} has dtype {x.dtype}; float64, float32 and integers are accepted"
            + ("; minimise over real and imaginary parts" if x.dtype.kind == "c" else "")
            + ("; convert with .astype(float)" if x.dtype.kind in "fbOUS" else "")
        )
    return x


def box_of(bounds, x):
    """Return (low, high) as flat arrays in x's dtype, or None."""
    if bounds is None:
        return None
    low, high = sides_of(bounds, x.shape)
    return checked_bounds(low, high, x.reshape(-1))


def boxes_of(bounds, x, shape, name="x0"):
    """Return (low, high) with one row for each problem or for all, or None; x has such rows.

    `name` is that of x in errors.
    """
    if bounds is None:
        return None
    x, sides = x.copy_to_host() if is_elsewhere(x) else x, []
    if hasattr(bounds, "lb"):
        sides = [_real("bounds", side) for side in (bounds.lb, bounds.ub)]
    elif hasattr(bounds, "__array__") and np.ndim(bounds) == len(shape) + 2:
        pairs = _real("bounds", bounds)
        if pairs.shape[1:] != (*shape, 2):
            raise ValueError(
                f"bounds have shape {pairs.shape}; for each problem its own are (problems, "
                f"{', '.join(map(str, shape))}, 2)"
            )
        sides = [pairs[..., 0], pairs[..., 1]]
    if max((side.ndim for side in sides), default=0) <= len(shape):
        low, high = (side[None] for side in sides_of(bounds, shape))
        return checked_bounds(low, high, x, name)
    try:
        problems = max(len(side) for side in sides if side.ndim > len(shape))
        wanted = (problems, *shape)
        sides = [np.array(np.broadcast_to(side, wanted), order="C") for side in sides]
    except ValueError:
        raise ValueError(
            f"bounds of shapes {sides[0].shape} and {sides[1].shape} do not fit {shape}, the shape "
            "of a problem's x"
        ) from None
    if len(x) not in (1, problems):
        raise ValueError(
            f"the numbers of problems differ: {name} has {len(x):,}, bounds has {problems:,} "
            "(their leading axes)"
        )
    low, high = (side.reshape(problems, math.prod(shape)) for side in sides)
    return checked_bounds(low, high, x, name)


def _real(name, value):
    """Return an array of float64; raise if the value is not real."""
    try:
        array = arguments.unmasked(name, value)
        array = np.asarray(array)
        if array.dtype.kind not in "fiuO":
            raise TypeError
        return array.astype(float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be arrays of real numbers, not {value!r}") from None


def sides_of(bounds, shape):
    """Return (low, high) as flat arrays of float64 for an x of this shape."""
    size = math.prod(shape)
    try:
        if hasattr(bounds, "lb"):
            sides = [np.broadcast_to(_real("bounds", b), shape) for b in (bounds.lb, bounds.ub)]
        else:
            sides = _real("bounds", [_pair(*pair) for pair in bounds])
            if sides.shape != (size, 2):
                raise ValueError
            sides = sides.T
    except (TypeError, ValueError):
        raise ValueError(
            f"bounds must be {counted(size, 'pair')} (low, high) of real numbers or None, one a "
            f"component of x0, or a scipy.optimize.Bounds of x0's shape; given are "
            f"{_count(bounds)}: {bounds!r}"
        ) from None
    low, high = (np.ascontiguousarray(side).reshape(-1) for side in sides)
    return low, high


def checked_bounds(low, high, x, start="x0"):
    """Return the bounds in x's dtype, checked; their last axis is that of x's components.

    `start` is the name of x in errors.
    """
    if (bad := ~(low <= high)).any():
        i = _first(bad)
        name = f"bounds[{_place(bad)}]" if low.size > x.shape[-1] else f"bounds of component {i}"
        raise ValueError(f"{name} are ({low.flat[i]:g}, {high.flat[i]:g}): low above high, or NaN")
    low, high = _round_into_box(low, x, np.inf), _round_into_box(high, x, -np.inf)
    if (bad := ((x < low) | (x > high)) & np.isfinite(x)).any():
        i = _first(bad)
        at, under, over = (np.broadcast_to(a, bad.shape).flat[i] for a in (x, low, high))
        raise ValueError(
            f"{start}[{_place(bad)}] = {at:g} lies outside its bounds ({under:g}, {over:g}); "
            f"numpy.clip({start}, low, high) moves it inside"
        )
    return low, high


def _count(bounds):
    sides = getattr(bounds, "lb", bounds)
    return len(sides) if hasattr(sides, "__len__") else "others"


def _pair(low, high):
    return -math.inf if low is None else low, math.inf if high is None else high


def _round_into_box(side, x, towards):
    """Return bounds in x's dtype, rounded into the box, unless x is on the rounded bound."""
    if side.dtype == x.dtype:
        return side
    with np.errstate(over="ignore"):
        rounded = side.astype(x.dtype)
    out = (rounded < side if towards > 0 else rounded > side) & (rounded != x)
    return np.where(out, np.nextafter(rounded, x.dtype.type(towards)), rounded)


def _first(flags):
    return int(np.flatnonzero(flags)[0])


def _place(flags):
    """Return the index of the first True as a text: "2", or "7, 2" in problem 7."""
    return ", ".join(map(str, np.argwhere(flags)[0]))


def callback_of(callback):
    """Return the user's callback as a function of x and keywords that returns True to stop."""
    if callback is None:
        return None
    if not callable(callback):
        raise TypeError(f"callback must be a function, not {type(callback).__name__}")
    try:
        names = set(inspect.signature(callback).parameters)
    except ValueError:  # some builtins have no signature
        names = set()

    def call(x, **more):
        try:
            if names == {"intermediate_result"}:
                callback(intermediate_result=optimize_result.intermediate(x=x, **more))
            else:
                callback(x)
        except StopIteration:
            return True
        return False

    return call
