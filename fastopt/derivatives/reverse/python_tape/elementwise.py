"""Rules of elementwise functions (`derivative_rules`), applied to tracked numbers and arrays."""

import numpy as np

from fastopt.derivatives.forward.python_dual import Numbers
from fastopt.derivatives.reverse.python_tape.tape import Tracked, later, tape_of
from fastopt.derivatives.rules import digamma_function, infinite_slopes


class ArrayNumbers(Numbers):
    """The `m` of rules for arrays."""

    where = staticmethod(np.where)
    digamma = staticmethod(np.vectorize(digamma_function.digamma, otypes=[float]))


_NUMBERS, _ARRAYS = Numbers(), ArrayNumbers()


def apply(rule, *args, arrays=False):
    """Apply a rule to numbers and arrays, some of them tracked; record its reverse."""
    tracked = [a for a in args if isinstance(a, Tracked)]
    tape = tape_of(tracked)
    values = [a.value if isinstance(a, Tracked) else a for a in args]
    arrays = arrays or any(isinstance(v, np.ndarray) and v.ndim for v in values)
    values = _converted(values, args, arrays)
    with np.errstate(all="ignore"):
        v, *derivatives = rule(_ARRAYS if arrays else _NUMBERS, *values)
    pairs = [(a, d) for a, d in zip(args, derivatives, strict=True) if isinstance(a, Tracked)]
    if not arrays:
        out = later.number_type(values[0].dtype.type(v), 0.0, tape)
        tape.steps.append(lambda: _number_step(out, pairs))
        return out
    if any(v is value for value in values):
        v = v.copy()
    made = new_array(v, tape)
    tape.steps.append(lambda: _array_step(made, pairs))
    return made


def _converted(values, args, arrays):
    """Return the values as floats of one type; data are copied, since they may be overwritten."""
    kind = np.result_type(*values)
    if kind.kind != "f":
        raise TypeError(f"numbers of dtype {kind} have no derivative")
    if not arrays:
        return [kind.type(v if np.ndim(v) == 0 else np.reshape(v, ())) for v in values]
    return [
        v if v is not a and v.dtype == kind else np.array(v, kind)
        for v, a in zip(values, args, strict=True)
    ]


def new_array(value, tape):
    """Return a tracked array with a bar of zeros, or a number if there are no axes."""
    if not np.ndim(value):
        return later.number_type(value[()] if isinstance(value, np.ndarray) else value, 0.0, tape)
    if not (value.flags.c_contiguous or value.flags.f_contiguous) or not value.flags.writeable:
        value = value.copy()
    return later.array_type(value, np.zeros_like(value, subok=False), tape)


def _number_step(out, pairs):
    bar = out.bar
    if bar == 0.0:
        return
    for a, d in pairs:
        if isinstance(d, infinite_slopes.Chosen):
            a.bar += bar if d.condition else 0.0
            continue
        dead = False
        if isinstance(d, infinite_slopes.ZeroIfInactive):
            d, dead = d.derivative, d.dead is not None and bool(d.dead)
        if not dead and d != 0.0:
            a.bar += bar * d


def _array_step(out, pairs):
    for a, d in pairs:
        add(a, scaled(out.bar, d))


def scaled(bar, d):
    """Return the bar times a derivative; zero times infinity counts as zero."""
    if isinstance(d, infinite_slopes.Chosen):
        return np.where(d.condition, bar, 0.0)
    dead = None
    if isinstance(d, infinite_slopes.ZeroIfInactive):
        d, dead = d.derivative, d.dead
    term = bar * d
    if not np.all(np.isfinite(term)):
        still = (bar == 0.0) | (d == 0.0)
        term = np.where(still if dead is None else still | dead, 0.0, term)
    return term


def add(a, term):
    """Add a term to the bar of a number or an array that was broadcast to the term's shape."""
    if isinstance(a, later.number_type):
        a.bar += np.sum(term)
        return
    extra = np.ndim(term) - a.bar.ndim
    if extra > 0:
        term = np.sum(term, axis=tuple(range(extra)))
    elif extra < 0:
        term = np.reshape(term, (1,) * -extra + np.shape(term))
    stretched = tuple(k for k in range(a.bar.ndim) if a.bar.shape[k] == 1 != np.shape(term)[k])
    a.bar += np.sum(term, axis=stretched, keepdims=True) if stretched else term
