"""NumPy's functions for tracked numbers and arrays: rules, adjoints, views, and plain ones."""

import inspect
from typing import Any

import numpy as np

from fastopt.derivatives.reverse.array_adjoints.curves import trapezoid
from fastopt.derivatives.reverse.array_adjoints.table import ADJOINTS
from fastopt.derivatives.reverse.python_tape import elementwise
from fastopt.derivatives.reverse.python_tape.elementwise import new_array
from fastopt.derivatives.reverse.python_tape.tape import Refused, Tracked, later, tape_of
from fastopt.derivatives.reverse.python_tape.tracked_arrays import Array
from fastopt.derivatives.reverse.python_tape.tracked_numbers import Number, plain
from fastopt.derivatives.rules import derivative_rules, numpy_only_rules

RULES = {
    getattr(np, name): rule for name, rule in numpy_only_rules.NUMPY.items() if hasattr(np, name)
}
# Functions whose results do not change with x, or do so in steps.
STEPS = {getattr(np, name) for name in derivative_rules.STEPS if hasattr(np, name)}
_PLAIN = "less less_equal greater greater_equal equal not_equal logical_and logical_or logical_not"
_PLAIN += " logical_xor signbit argmax argmin argsort searchsorted any all count_nonzero nonzero"
_PLAIN += " flatnonzero argwhere array_equal allclose isclose shape size ndim iscomplexobj"
STEPS |= {getattr(np, name) for name in _PLAIN.split()}
_VIEWS = "transpose swapaxes moveaxis squeeze expand_dims atleast_1d atleast_2d flipud fliplr rot90"
_VIEWS += " diagonal"
VIEWS = {getattr(np, name) for name in _VIEWS.split()}
WITH_KEEPDIMS = {np.sum, np.mean, np.max, np.min, np.amax, np.amin, np.var, np.std}
# NumPy's default of arguments that were not given.
NOT_GIVEN = inspect.signature(np.sum).parameters["keepdims"].default
HANDLERS: dict = {}  # other functions -> what does their work


def rule_of(function):
    """Return the rule of an elementwise function of NumPy or SciPy, or None."""
    if function in RULES:
        return RULES[function]
    known = numpy_only_rules.special().get(function) if isinstance(function, np.ufunc) else None
    return known and derivative_rules.MATH[known.__name__]


def has_tracked(a):
    """Return True for a tracked number or array, and for what contains one."""
    if isinstance(a, list | tuple):
        return any(map(has_tracked, a))
    return isinstance(a, Tracked) or (type(a) is np.ndarray and a.dtype == object)


def refuse(function):
    """Raise the error that says that a function has no known derivative."""
    name = getattr(function, "__name__", str(function))
    raise Refused(f"{name} of numbers that depend on x has no known derivative")


def as_tracked(a) -> Any:
    """Return a list with tracked numbers, or an array of such objects, as one tracked array."""
    if not has_tracked(a) or isinstance(a, Tracked):
        return a
    items = [as_tracked(item) for item in (a if isinstance(a, list | tuple) else list(a))]
    tape = tape_of([item for item in items if isinstance(item, Tracked)])
    values = np.array([plain(item) for item in items])
    if values.dtype.kind != "f":
        raise Refused("an array of objects depends on x")
    made: Any = new_array(values, tape)

    def step():
        for item, bar in zip(items, made.bar, strict=True):
            if isinstance(item, Tracked):
                elementwise.add(item, bar)

    tape.steps.append(step)
    return made


def of_ufunc(ufunc, method, inputs, kws):
    """Return the result of a ufunc, and record its reverse."""
    (out,) = kws.pop("out", (None,)) if len(kws.get("out", (None,))) == 1 else (kws,)
    if method != "__call__" or kws:
        raise Refused(f"{ufunc.__name__}.{method} with {', '.join(kws) or 'numbers'} that depend")
    made = dispatch(ufunc, inputs, {})
    if out is None:
        return made
    if type(out) is not Array or np.shape(made) != out.shape:
        raise Refused("a result that depends on x is written to an array of plain numbers")
    out[...] = made
    return out


def dispatch(function, args, kws):
    """Return the result of a function of NumPy, and record its reverse."""
    kws = {name: value for name, value in kws.items() if value is not NOT_GIVEN}
    if function in HANDLERS:
        return HANDLERS[function](*args, **kws)
    if function is np.stack and not any(np.ndim(plain(as_tracked(a))) for a in args[0]):
        return as_tracked(list(args[0]))
    if function in _JOINING:
        args = (_parts(args[0], function), *args[1:])
        return by_adjoint(function, ADJOINTS[function].bind(args, kws))
    args = tuple(as_tracked(a) for a in args)
    if function in STEPS:
        return function(*map(plain, args), **{name: plain(v) for name, v in kws.items()})
    rule = rule_of(function)
    if rule is not None:
        if kws:
            raise Refused(f"{function.__name__} is known without {', '.join(kws)} only")
        return elementwise.apply(rule, *args)
    if function in VIEWS and type(args[0]) is Array:
        return args[0].view_by(lambda a: function(a, *args[1:], **kws))
    if function not in ADJOINTS:
        refuse(function)
    kept = function in WITH_KEEPDIMS and kws.pop("keepdims", False)
    bound = ADJOINTS[function].bind(args, kws)
    made = by_adjoint(function, bound)
    if kept:
        kept_shape = np.sum(np.empty(np.shape(args[0])), axis=bound[1], keepdims=True).shape
        made = HANDLERS[np.reshape](made, kept_shape)
    return made


_JOINING = {np.concatenate, np.stack, np.vstack, np.hstack, np.column_stack}


def _parts(arrays, function):
    """Return arrays to be joined as a tuple; some functions take a number for a vector."""
    parts = [as_tracked(a) for a in arrays]
    if function is not np.concatenate:
        parts = [a if np.ndim(plain(a)) else as_tracked([a]) for a in parts]
    return tuple(a if isinstance(a, Tracked) else np.asarray(a) for a in parts)


def by_adjoint(function, args):
    """Compute a function of plain values, and record its reverse from the table."""
    known = ADJOINTS[function]
    tracked = _tracked_in(args)
    tape, plains = tape_of(tracked), tuple(_frozen(a) for a in args)
    _check_axes(function, known, args, plains)
    if function in (np.var, np.std):
        out = function(plains[0], axis=plains[1], ddof=plains[2])
    elif function is trapezoid:
        out = function(plains[0], plains[1], plains[2])
    else:
        out = function(*plains)
    several = isinstance(out, tuple)
    outs = tuple(new_array(_float(o), tape) for o in (out if several else (out,)))
    values = tuple(o.value for o in outs) if several else outs[0].value

    def step():
        out_bar = tuple(o.bar for o in outs) if several else outs[0].bar
        bars = tuple(map(_bar, args))
        numbers = iter(known.backward(values, out_bar, plains, bars))
        for position in known.scalars:
            if np.ndim(plains[position]) == 0 and plains[position] is not None:
                _add_number(args[position], next(numbers))

    tape.steps.append(step)
    return outs if several else outs[0]


def _add_number(a, term):
    if isinstance(a, Number):
        a.bar += term


def _float(a):
    if np.asarray(a).dtype.kind != "f":
        raise Refused("the result is not an array of floats")
    return np.array(a) if np.ndim(a) else a


def _tracked_in(args):
    found = []
    for a in args:
        if isinstance(a, tuple):
            found += _tracked_in(a)
        elif isinstance(a, Tracked):
            found.append(a)
    return found


def _frozen(a):
    """Return plain values; data are copied, since they may be overwritten."""
    if isinstance(a, tuple):
        return tuple(map(_frozen, a))
    if isinstance(a, Tracked):
        return a.value
    return np.array(a) if type(a) in (np.ndarray, list) else a


def _bar(a):
    if isinstance(a, tuple):
        return tuple(map(_bar, a))
    return a.bar if type(a) is Array else None


def _check_axes(function, known, args, plains):
    for position, a in enumerate(plains):
        if known.axes and isinstance(a, np.ndarray) and a.ndim not in known.axes:
            raise Refused(f"{function.__name__} is known for {known.axes} axes only")
        if isinstance(args[position], Number) and position not in known.scalars:
            raise Refused(f"{function.__name__} of a number has no known derivative")
    along_axis = len(plains) > 1 and known.parameters[1][0] == "axis"
    one = along_axis and isinstance(plains[1], int | np.integer)
    if along_axis and not one and (plains[1] is not None or function in _JOINING):
        raise Refused(f"{function.__name__} is known along one axis only")


later.of_ufunc, later.dispatch, later.as_tracked = of_ufunc, dispatch, as_tracked
