"""Methods of tracked arrays: those of NumPy's arrays that have derivatives or are steps."""

import functools

import numpy as np

from fastopt.derivatives.reverse.python_tape import functions, rearranging
from fastopt.derivatives.reverse.python_tape.tape import Refused, later
from fastopt.derivatives.reverse.python_tape.tracked_numbers import plain

_SAME = "sum mean prod max min var std cumsum cumprod dot repeat trace take ptp"
_SAME += " argmax argmin argsort searchsorted any all nonzero diagonal"
_SAME += " clip swapaxes squeeze"
FUNCTIONS = {name: getattr(np, name) for name in _SAME.split()}
METHODS = {
    "reshape": rearranging.reshape,
    "ravel": rearranging.ravel,
    "flatten": rearranging.flatten,
    "copy": rearranging.copy,
    "astype": rearranging.astype,
}


def bound(a, name):
    """Return a method or attribute of an array."""
    if name in METHODS:
        return functools.partial(METHODS[name], a)
    if name in FUNCTIONS:
        return lambda *args, **kws: functions.dispatch(FUNCTIONS[name], (a, *args), kws)
    if name in ATTRIBUTES:
        return ATTRIBUTES[name](a)
    raise AttributeError(f"Unknown attribute '{name}' of an array that depends on x")


def flat(a):
    """Return the elements in order: the array itself as a vector."""
    found = rearranging.ravel(a)
    if not np.may_share_memory(found.value, a.value):
        raise Refused("flat of an array that is not contiguous has no known derivative")
    return found


def transpose(a):
    return lambda *axes: a.view_by(lambda v: v.transpose(*axes))


def tolist(a):
    return lambda: [item if np.ndim(plain(item)) == 0 else item.tolist() for item in a]


def item(a):
    return lambda *index: rearranging.ravel(a)[index[0] if index else 0]


def fill(a):
    def write(new):
        a[...] = new

    return write


def sort(a):
    def write(axis=-1):
        a[...] = rearranging.sort(a, axis)

    return write


ATTRIBUTES = {f.__name__: f for f in (flat, transpose, tolist, item, fill, sort)}
later.bound = bound
