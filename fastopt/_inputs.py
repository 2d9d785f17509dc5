"""What the user gives, checked and made ready: x0, bounds, callback."""

import inspect
import math

import numpy as np

from fastopt import _result


def start_point(x0):
    """x0 as a fresh float array of at least one dimension."""
    if np.ma.is_masked(x0):
        raise TypeError("x0 is masked; give every component a value")
    try:
        x = np.asarray(x0)
    except ValueError:
        raise ValueError("x0 has rows of unequal lengths; it must be an array") from None
    x = x.astype(np.float64 if x.dtype.kind in "iu" else x.dtype.newbyteorder("="))
    if x.dtype not in (np.float32, np.float64):
        raise TypeError(
            f"x0 has dtype {x.dtype}; float64, float32 and integers are accepted"
            + (" (minimise over real and imaginary parts)" if x.dtype.kind == "c" else "")
        )
    if x.size == 0:
        raise ValueError("x0 is empty; it needs at least one component")
    if not np.isfinite(x).all():
        raise ValueError(f"x0 is not finite at component {_first(~np.isfinite(x))}")
    return np.array(np.atleast_1d(x), order="C")


def box_of(bounds, x):
    """(low, high) as flat arrays in x's type, or None."""
    if bounds is None:
        return None
    try:
        if hasattr(bounds, "lb"):
            sides = [np.broadcast_to(np.asarray(b, float), x.shape) for b in (bounds.lb, bounds.ub)]
        else:
            sides = np.array([_pair(*pair) for pair in bounds], float).reshape(x.size, 2).T
    except (TypeError, ValueError):
        raise ValueError(
            f"bounds must be {x.size} pairs (low, high) of real numbers or None, one a component "
            f"of x0, or a scipy.optimize.Bounds of x0's shape; {_count(bounds)} were given: "
            f"{bounds!r}"
        ) from None
    low, high = (np.ascontiguousarray(side).reshape(-1) for side in sides)
    if (bad := ~(low <= high)).any():
        i = _first(bad)
        raise ValueError(
            f"bounds of component {i} are ({low[i]:g}, {high[i]:g}): low above high, or NaN"
        )
    flat = x.reshape(-1)
    low, high = _inward(low, flat, np.inf), _inward(high, flat, -np.inf)
    if (bad := (flat < low) | (flat > high)).any():
        i = _first(bad)
        raise ValueError(
            f"x0[{i}] = {flat[i]:g} lies outside its bounds ({low[i]:g}, {high[i]:g}); "
            "numpy.clip(x0, low, high) moves it inside"
        )
    return low, high


def _count(bounds):
    sides = getattr(bounds, "lb", bounds)
    return len(sides) if hasattr(sides, "__len__") else "others"


def _pair(low, high):
    return -math.inf if low is None else low, math.inf if high is None else high


def _inward(side, x, inside):
    """Bounds in x's type, rounded into the box; but x may lie on the bound as x's type has it."""
    with np.errstate(over="ignore"):
        rounded = side.astype(x.dtype)
    out = (rounded < side if inside > 0 else rounded > side) & (rounded != x)
    return np.where(out, np.nextafter(rounded, x.dtype.type(inside)), rounded)


def _first(flags):
    return int(np.flatnonzero(flags)[0])


def callback_of(callback, shape):
    """The user's callback as a function of (x, run), true where it asks to stop."""
    if callback is None:
        return None
    if not callable(callback):
        raise TypeError(f"callback must be a function, not {type(callback).__name__}")
    try:
        names = set(inspect.signature(callback).parameters)
    except ValueError:  # some builtins have no signature
        names = set()

    def call(x, run):
        x = x.reshape(shape).copy()
        try:
            if names == {"intermediate_result"}:
                callback(
                    intermediate_result=_result.intermediate(
                        x=x, fun=run.f, nit=int(run.nit), nfev=int(run.nfev)
                    )
                )
            else:
                callback(x)
        except StopIteration:
            return True
        return False

    return call
