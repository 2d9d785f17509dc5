"""Checks before a solve: indices outside of arrays, and functions unsafe for complex steps."""

import re

import numpy as np

from fastopt.arrays import data_rows
from fastopt.compiling import compiler
from fastopt.compiling.index_proof import proved
from fastopt.derivatives import gradient_methods
from fastopt.derivatives.plain_python import python_objective

# How the messages of Numba, and of fastopt's array expressions, begin.
MISFITS = (
    "arrays of these shapes cannot be combined",
    "unable to broadcast argument",
    "cannot assign slice",
    "incompatible array sizes",
)
MOST = 10_000  # entries of each cache; it bounds the memory
_proved: dict = {}  # functions and shapes -> True if all indices are inside for any contents
_evaluated: dict = {}  # (functions and shapes, contents of integer arrays) -> True


def check_indices(fun, objective, x, args, where="", strict=False, written=()):
    """Evaluate `fun` once with checked indices; raise if one is outside x or an argument.

    Numba reads beyond the end of an array, so a problem with too few parameters or data would
    converge to something. The check is done once for each combination of integers and shapes. If
    a proof is found, nothing is evaluated. Otherwise there is one evaluation for each content of
    integer arrays, and compiling it takes a second or less. The check changes nothing: a function
    that writes to its arguments is not checked. If the check is `strict`, other exceptions of
    `fun` pass through, since on a device nothing can be raised. Arguments that `fun` writes to
    are `written`, before args.

    Return True if other whole numbers in the arguments may be indices outside.
    """
    shapes = objective.key, x.shape, x.dtype, _each(np.shape, _kind, args), strict
    known = _proved.get(shapes)
    if objective.refcounted:
        return False
    if known:
        return _has_whole_numbers(args)
    contents = shapes, _each(_whole_numbers, _nothing, args)
    if contents in _evaluated:
        return True
    fun = compiler.ensure_njit(fun, "fun")
    if known is None:
        known = not strict and proved(fun, x, (*written, *args))
        _remember(_proved, shapes, known)
        if known:
            return _has_whole_numbers(args)
    method = objective.method
    checked, _ = compiler.user(fun, checked=True)
    value = gradient_methods.METHODS["fun" if method == "fun" else "2-point"][0]
    write = gradient_methods.write_flat if x.ndim == 1 else gradient_methods.write_shaped
    bindings = {"fun": checked, "write": write}
    once = compiler.jit(value, bindings, refcounted=True)
    try:
        given = *written, *_each(_read_only, _itself, args)
        once(x.copy(), np.empty(x.size, x.dtype), (given,))
    except Exception as error:
        misfit = shapes_misfit(error, x, args, where)
        if misfit is not None:
            raise misfit from None
        # Else fun writes to its arguments, or the solve will raise the same.
        if strict and not type(error).__module__.startswith("numba"):
            raise
    _remember(_evaluated, contents, True)
    return True


def shapes_misfit(error, x, args, where="", name="fun"):
    """Return the sentence for an error of compiled code about indices or shapes, or None."""
    shapes = ", ".join(str(np.shape(a)) for a in args) or "none"
    if isinstance(error, IndexError) and re.search("out of (bounds|range)", str(error)):
        return IndexError(
            f"{name} indexes outside x, of shape {np.shape(x)}, or outside its other arguments, of "
            f"shapes {shapes}, or outside an array that it makes{where}"
        )
    if isinstance(error, ValueError) and str(error).startswith(MISFITS):
        return ValueError(
            f"{name} combines arrays whose shapes do not fit together: x has shape {np.shape(x)}, "
            f"its other arguments {shapes}{where}"
        )
    return None


def _has_whole_numbers(args):
    """Return True if a number among the arguments may be an index: proofs are for its value."""
    return any(isinstance(a, int | np.integer | np.bool_) for a in data_rows.leaves(tuple(args)))


def _remember(known, key, value):
    if len(known) >= MOST:
        known.clear()
    known[key] = value


def _each(array, other, value):
    """Return nested tuples with ``array(a)`` for each array a, and ``other(v)`` for the rest."""
    if isinstance(value, tuple):
        return tuple(_each(array, other, item) for item in value)
    return array(value) if isinstance(value, np.ndarray) else other(value)


def _itself(value):
    return value


def _nothing(_):
    return None


def _kind(value):
    """Return the type; for an integer also the value, since it may be an index."""
    whole = isinstance(value, int | np.integer | np.bool_)
    return (type(value), int(value)) if whole else type(value)


def _whole_numbers(array):
    """Return a hash of an array's contents if these may be indices, else None."""
    return hash(array.tobytes()) if array.dtype.kind in "biu" else None


def _read_only(array):
    view = array.view()
    view.flags.writeable = False
    return view


def check_complex_step(fun, args, x, box):
    """Compare the complex step with real differences along one direction.

    Return the number of evaluations. abs, min, max and .real lose the derivative silently: a wrong
    gradient must be an error. The step is relative to x. It is widened until f changes by more
    than its rounding.
    """
    fun = compiler.called(fun)
    eps, size = np.finfo(x.dtype).eps, float(np.max(np.abs(x)))
    widest = eps**0.5 * max(1.0, size) * (1.0 + np.zeros(x.shape))
    step = eps**0.5 * np.where(x == 0.0, min(1.0, size) or 1.0, np.abs(x))
    at, spent = python_objective.scalar(fun(x.copy(), *args)), 1
    while True:
        ahead, behind = x + step, x - step
        if box is not None:
            low, high = (side.reshape(x.shape) for side in box)
            ahead, behind = np.clip(ahead, low, high), np.clip(behind, low, high)
        ahead, behind = ahead.astype(x.dtype), behind.astype(x.dtype)
        above, below = (
            python_objective.scalar(fun(point.copy(), *args)) for point in (ahead, behind)
        )
        spent += 2
        noise = 1e3 * eps * max(abs(at), abs(above), abs(below))
        if max(abs(above - at), abs(below - at)) > noise or (step >= widest).all():
            break
        step = np.minimum(8.0 * step, np.maximum(step, widest))
    direction = (ahead - behind).astype(float)
    slope = np.imag(python_objective.complex_function(fun)(x + 1e-10j * direction, *args)) / 1e-10
    wanted = above - below
    # At a minimum the slope is almost zero, and the difference is due to curvature.
    two_loop_recursion = abs(above - at + below - at)
    if abs(wanted - slope) > 0.01 * max(abs(wanted), abs(slope)) + noise + two_loop_recursion:
        raise ValueError(
            f"jac='cs' gives the slope {slope:.3g} where differences give {wanted:.3g}: fun is not "
            "complex-safe (abs, min, max and comparisons lose the derivative); use '3-point'"
        )
    return spent + 1
