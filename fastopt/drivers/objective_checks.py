"""What is looked at before a solve: indices outside of arrays, and whether complex steps work."""

import numpy as np

from fastopt.compiling import compiler
from fastopt.compiling.index_proof import proved
from fastopt.derivatives import gradient_methods
from fastopt.derivatives.python_duals import python_objective

MOST = 10_000  # known things of each kind
_proved: dict = {}  # functions and shapes -> whether no index lies outside, whatever arrays hold
_evaluated: dict = {}  # the same, and the contents of integer arrays -> True


def check_indices(fun, objective, x, args, where="", strict=False, written=()):
    """Evaluate `fun` once where indices are checked: what lies outside x or a row is not zero.

    Numba reads on beyond an array, so that a problem with too few parameters or data would converge
    to something. Once for integers and shapes such as these: nothing where a proof is found, else
    an evaluation for each content of integer arrays, and a second or less to compile it. It changes
    nothing: a function that writes to its arguments is left alone. What `fun` raises, for shapes
    that do not fit, say, passes through where the check is `strict`: on a device nothing can be
    raised. Before args come those that `fun` writes to.
    """
    shapes = objective.key, x.shape, x.dtype, _each(np.shape, _kind, args), strict
    known = _proved.get(shapes)
    if objective.refcounted or known:
        return
    contents = shapes, _each(_whole_numbers, _nothing, args)
    if contents in _evaluated:
        return
    fun = compiler.ensure_njit(fun, "fun")
    if known is None:
        known = not strict and proved(fun, x, (*written, *args))
        _remember(_proved, shapes, known)
        if known:
            return
    method = objective.method
    checked, _ = compiler.user(fun, checked=True)
    value = gradient_methods.METHODS["fun" if method == "fun" else "2-point"][0]
    write = gradient_methods.write_flat if x.ndim == 1 else gradient_methods.write_shaped
    bindings = {"fun": checked, "write": write}
    once = compiler.jit(value, bindings, refcounted=True)
    try:
        given = *written, *_each(_read_only, _itself, args)
        once(x.copy(), np.empty(x.size, x.dtype), (given,))
    except IndexError:
        raise IndexError(
            f"fun indexes outside x, of shape {x.shape}, or outside its other arguments, of shapes "
            f"{', '.join(str(np.shape(a)) for a in args) or 'none'}{where}"
        ) from None
    except Exception as error:  # it writes to them, or the solve meets the same
        if strict and not type(error).__module__.startswith("numba"):
            raise
    _remember(_evaluated, contents, True)


def _remember(known, key, value):
    if len(known) >= MOST:
        known.clear()
    known[key] = value


def _each(array, other, value):
    """`array` of each array in nested tuples, `other` of the rest."""
    if isinstance(value, tuple):
        return tuple(_each(array, other, item) for item in value)
    return array(value) if isinstance(value, np.ndarray) else other(value)


def _itself(value):
    return value


def _nothing(_):
    return None


def _kind(value):
    """The type, and with it an integer itself, since it may be an index."""
    whole = isinstance(value, int | np.integer | np.bool_)
    return (type(value), int(value)) if whole else type(value)


def _whole_numbers(array):
    """What an array says of its contents if these may be indices."""
    return hash(array.tobytes()) if array.dtype.kind in "biu" else None


def _read_only(array):
    view = array.view()
    view.flags.writeable = False
    return view


def check_complex_step(fun, args, x, box):
    """Compare the complex step with real differences along one direction; evaluations spent.

    abs, min, max and .real lose the derivative without a word: a wrong gradient must be an error.
    The step is relative to x. It is widened where f does not change by more than its rounding.
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
    # At a minimum the slope is next to nothing, and what is left of it is curvature.
    bend = abs(above - at + below - at)
    if abs(wanted - slope) > 0.01 * max(abs(wanted), abs(slope)) + noise + bend:
        raise ValueError(
            f"jac='cs' gives the slope {slope:.3g} where differences give {wanted:.3g}: fun is not "
            "complex-safe (abs, min, max and comparisons lose the derivative); use '3-point'"
        )
    return spent + 1
