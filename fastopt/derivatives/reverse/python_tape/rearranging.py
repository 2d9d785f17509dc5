"""Functions of tracked arrays with work of their own: shapes, choices, copies, constructors."""

import numpy as np

from fastopt.derivatives.plain_python import sample_functions
from fastopt.derivatives.reverse.python_tape import elementwise, functions
from fastopt.derivatives.reverse.python_tape.elementwise import new_array
from fastopt.derivatives.reverse.python_tape.functions import as_tracked, has_tracked
from fastopt.derivatives.reverse.python_tape.tape import Refused, Tracked, current, tape_of
from fastopt.derivatives.reverse.python_tape.tracked_arrays import Array
from fastopt.derivatives.reverse.python_tape.tracked_numbers import Number, plain
from fastopt.derivatives.rules import derivative_rules
from fastopt.derivatives.rules.infinite_slopes import Chosen


def moved(a, value, back):
    """Return a copy with other places; `back` brings its bar to the shape of `a`."""
    tape, made = tape_of([a]), new_array(np.array(value), a.tape)
    tape.steps.append(lambda: elementwise.add(a, back(made.bar)))
    return made


def reshape(a, *shape, order="C", **kws):
    """Return a view if NumPy makes one, else a copy."""
    shape = kws.pop("shape", shape[0] if len(shape) == 1 else shape)
    a = as_tracked(a)
    if kws or order != "C":
        raise Refused("reshape is known in C order only")
    if isinstance(a, Number):
        a = as_tracked([a])
    value = np.reshape(a.value, shape)
    if not value.ndim:
        return a[(0,) * a.ndim]
    if np.may_share_memory(value, a.value) and a.value.strides == a.bar.strides:
        return Array(value, np.reshape(a.bar, shape), tape_of([a]))
    return moved(a, value, lambda bar: bar.reshape(a.bar.shape))


def ravel(a, order="C"):
    return reshape(a, -1, order=order)


def flatten(a, order="C"):
    return copy(reshape(a, -1, order=order))


def copy(a, order="K"):
    return elementwise.apply(derivative_rules.pos, as_tracked(a))


def broadcast_to(array, shape):
    array = as_tracked(array)
    return moved(array, np.broadcast_to(array.value, shape), lambda bar: bar)


def where(condition, *pair):
    if len(pair) != 2:
        return np.where(plain(as_tracked(condition)))
    mask = np.array(plain(as_tracked(condition)), dtype=bool)
    a, b = map(as_tracked, pair)
    if not has_tracked((a, b)):
        return np.where(mask, a, b)
    rule = _choice(mask if mask.ndim else bool(mask))
    return elementwise.apply(rule, a, b, arrays=bool(mask.ndim))


def _choice(condition):
    def rule(m, a, b):
        return m.where(condition, a, b), Chosen(condition), Chosen(np.logical_not(condition))

    return rule


def clip(a, a_min=None, a_max=None, out=None, *, min=None, max=None):
    if out is not None:
        raise Refused("clip is known without out only")
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    low, high = -np.inf if low is None else low, np.inf if high is None else high
    return elementwise.apply(derivative_rules.clip, *map(as_tracked, (a, low, high)))


def _require_float(a, dtype):
    if dtype is not None and np.dtype(dtype) != plain(a).dtype:
        raise Refused(f"a conversion to {np.dtype(dtype)} would lose the derivative")


def array(object, dtype=None, **kws):
    a = as_tracked(object)
    _require_float(a, getattr(dtype, "original", dtype))
    return copy(a) if kws.get("copy", True) else a


def asarray(a, dtype=None, **_kws):
    a = as_tracked(a)
    _require_float(a, getattr(dtype, "original", dtype))
    return a


def astype(a, dtype, **_kws):
    """Return a copy, or plain values if the type is not of floats."""
    kind = np.dtype(getattr(dtype, "original", dtype))
    if kind.kind != "f":
        return a.value.astype(kind)
    _require_float(a, kind)
    return copy(a)


def matmul(a, b):
    a, b = as_tracked(a), as_tracked(b)
    left, right = plain(a), plain(b)
    if np.ndim(left) in (1, 2) and np.ndim(right) in (1, 2):
        return functions.by_adjoint(np.matmul, (a, b))
    if np.ndim(left) < 2 or np.ndim(right) < 2:
        raise Refused("matmul of a vector with a stack of matrices has no known derivative")
    return _stacked(a, b, np.array(left), np.array(right))


def _stacked(a, b, left, right):
    """Multiply stacks of matrices."""
    tape = tape_of([v for v in (a, b) if isinstance(v, Tracked)])
    made = new_array(left @ right, tape)

    def step():
        if isinstance(a, Tracked):
            elementwise.add(a, made.bar @ np.swapaxes(right, -1, -2))
        if isinstance(b, Tracked):
            elementwise.add(b, np.swapaxes(left, -1, -2) @ made.bar)

    tape.steps.append(step)
    return made


def kron(a, b):
    a, b = as_tracked(a), as_tracked(b)
    if np.ndim(plain(a)) != np.ndim(plain(b)):
        a, b = (v if np.ndim(plain(v)) == 2 else np.reshape(v, (1, -1)) for v in (a, b))
    return functions.by_adjoint(np.kron, (a, b))


def dot(a, b):
    a, b = as_tracked(a), as_tracked(b)
    if not np.ndim(plain(a)) or not np.ndim(plain(b)):
        return a * b
    return functions.by_adjoint(np.dot, (a, b))


def sort(a, axis=-1, **kws):
    a = as_tracked(a)
    if kws or axis not in (-1, a.ndim - 1):
        raise Refused("sort is known along the last axis only")
    if a.ndim == 1:
        return functions.by_adjoint(np.sort, (a,))
    order = np.argsort(a.value, axis=-1, kind="stable")

    def back(bar):
        found = np.zeros_like(bar)
        np.put_along_axis(found, order, bar, -1)
        return found

    return moved(a, np.take_along_axis(a.value, order, -1), back)


def full(shape, fill_value, dtype=None):
    if dtype is not None:
        raise Refused("full of a number that depends on x is known without dtype only")
    return functions.by_adjoint(np.full, (shape, fill_value))


def full_like(a, fill_value, dtype=None):
    return full(np.shape(plain(a)), fill_value, dtype)


def polyval(p, x):
    return sample_functions.polyval(p, as_tracked(x))


def constructor(original):
    """Wrap np.zeros or a similar function: arrays of floats may later hold what depends on x."""

    def make(*args, **kws):
        if has_tracked(args[1:]) or has_tracked(list(kws.values())):
            return HANDLERS[original](*args, **kws)
        dtype = kws.get("dtype")
        if dtype is not None:
            kws["dtype"] = getattr(dtype, "original", dtype)
        made = original(*map(plain, args), **kws)
        return new_array(made, current()) if made.dtype.kind == "f" else made

    return make


CONSTRUCTORS = {
    getattr(np, name): constructor(getattr(np, name))
    for name in "zeros ones empty full zeros_like ones_like empty_like full_like".split()
}
HANDLERS = {
    np.full: full,
    np.full_like: full_like,
    np.reshape: reshape,
    np.ravel: ravel,
    np.copy: copy,
    np.broadcast_to: broadcast_to,
    np.where: where,
    np.clip: clip,
    np.asarray: asarray,
    np.ascontiguousarray: asarray,
    np.asanyarray: asarray,
    np.array: array,
    np.matmul: matmul,
    np.dot: dot,
    np.kron: kron,
    np.sort: sort,
    np.polyval: polyval,
}
functions.HANDLERS |= HANDLERS
functions.HANDLERS |= {f: CONSTRUCTORS[f] for f in (np.zeros_like, np.ones_like, np.empty_like)}
