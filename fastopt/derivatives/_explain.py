"""What is wrong with a function that Numba could not compile into the loop, in a sentence."""

import inspect
import linecache
import os
import re
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core.errors import NumbaError

from fastopt.derivatives._dual import Dual, DualArray


def explain(error, objective, x):
    """A Numba error from compiling the loop, put as what is wrong with the user's functions."""
    args, method = objective.data[0], objective.method
    try:
        schedule = objective.bindings.get("schedule_function")
        if schedule is not None:
            result = _compiled(schedule, "learning_rate", (types.float64,))
            if not isinstance(result, types.Number) or isinstance(result, types.Complex):
                return TypeError(f"learning_rate must return a number; compiled: {result}")
        for name in ("fun", "jac"):
            function = objective.bindings.get(name)
            if function is not None:
                at = objective.data[3] if method == "cs" else x
                result = _compiled(function, name, _signature(at, args))
                problem = _wrong(name, result, method, x.ndim)
                if problem:
                    return TypeError(problem)
    except TypeError as own:
        return own
    return error


def require_complex(fun, x, args):
    """Raise where a compiled `fun` of complex x is real: Numba would take 0 for its derivative."""
    z = np.empty(x.shape, np.result_type(x.dtype, np.complex64))
    problem = _wrong("fun", _compiled(fun, "fun", _signature(z, args)), "cs", x.ndim)
    if problem:
        raise TypeError(problem)


def _signature(x, args):
    return (numba.typeof(x), *(kind_of(f"args[{k}]", value) for k, value in enumerate(args)))


def kind_of(name, value):
    """The Numba type of an argument."""
    try:
        return numba.typeof(value)
    except (ValueError, NumbaError):
        kind = f" of {value.dtype}" if hasattr(value, "dtype") else ""
        raise TypeError(
            f"{name} is a {type(value).__name__}{kind}, which compiled functions cannot take; "
            "pass arrays, numbers and tuples of them"
        ) from None


def _compiled(function, name, signature):
    """The type that `function` returns."""
    wrong = _called_wrongly(function, name, len(signature))
    if wrong:
        raise wrong
    try:
        return types.unliteral(_result(function, signature))
    except (NumbaError, TypeError) as own:
        kinds = ", ".join(map(str, signature))
        raise TypeError(f"Numba could not compile {name} for ({kinds}):\n{own}") from None


def _called_wrongly(function, name, count):
    """The error that says that it does not take so many arguments; else None."""
    signature = inspect.signature(function.py_func)
    try:
        signature.bind(*range(count))
    except TypeError:
        names = re.sub(r"_[0-9a-f]{16}$", "", function.py_func.__name__)
        return TypeError(
            f"{name} is {names}{signature}, and is called with {count} arguments: x"
            f"{f' and {count - 1} more (data and args)' if count > 1 else ', and no args'}"
        )
    return None


def _result(function, signature) -> Any:
    """The type that `function` returns, compiled for these types and its default arguments."""
    kind: Any = numba.typeof(function)
    return kind.get_call_type(function.typingctx, signature, {}).return_type


def _wrong(name, result: Any, method, ndim):
    if name == "jac":
        dtype = getattr(result, "dtype", None)  # of an array, or of a tuple of one type
        real = isinstance(dtype, types.Number) and not isinstance(dtype, types.Complex)
        if real and getattr(result, "ndim", 1) in (1, ndim):
            return None
        return f"jac must return an array of real numbers in x's shape; compiled: {result}"
    if method == "fun":
        parts = getattr(result, "types", ())  # of a tuple
        if len(parts) == 2:
            return _wrong("fun", parts[0], "", ndim) or _wrong("jac", parts[1], "", ndim)
        return f"with jac=True fun must return (value, gradient); compiled, it returns {result}"
    if method == "cs" and not isinstance(result, types.Complex):
        return (
            f"jac='cs' needs a function that stays complex; compiled, it returns {result}. "
            "abs, min, max and comparisons lose the derivative: use '3-point'"
        )
    if isinstance(result, types.Number | types.Boolean) and (
        method == "cs" or not isinstance(result, types.Complex)
    ):
        return None
    return f"fun must return one real number; compiled, it returns {result}"


def why_not_differentiable(error, objective, x):
    """What in `fun` has no exact derivative, and where, for an error of compiling it for duals."""
    fun, dual = objective.bindings["fun"], objective.bindings["DUAL"]
    kinds = _signature(x, objective.data[0])[1:]
    wrong = _called_wrongly(fun, "fun", 1 + len(kinds))
    return wrong or undifferentiable(fun, dual, x.ndim, kinds) or error


def undifferentiable(fun, dual, ndim, kinds):
    """The error that says why `fun` has no derivative for arguments of these types; else None."""
    signature = (DualArray(dual, ndim, "C"), *kinds)
    try:
        result = _result(fun, signature)
    except Exception as own:
        return TypeError(f"fun cannot be differentiated{_where(own, fun)}")
    if isinstance(result, types.Number | types.Boolean):
        return TypeError(
            "fun cannot be differentiated: its result does not depend on x, or only in steps "
            "(int, round, floor, comparisons)."
        )
    if isinstance(result, types.Array):
        return TypeError("fun must return one real number; it returns an array (np.sum of it?)")
    if not isinstance(result, Dual):
        return TypeError(f"fun must return one real number; compiled, it returns {result}")
    return None


def _where(error, fun):
    """The line of the user's that an error of Numba's is about, and what is wrong there."""
    text = str(error)
    own = fun.py_func.__code__.co_filename
    places = [
        (file, int(line))
        for pair in re.findall(r" at (\S[^\n]*?) \((\d+)\)|File \"([^\"]+)\", line (\d+)", text)
        for file, line in (pair[:2], pair[2:])
        if file and os.path.basename(file) == os.path.basename(own)
    ]
    where = ""
    if places:
        line = places[0][1]
        source = linecache.getline(own, line).strip()
        where = f": line {line} of {os.path.basename(own)}, {source!r}"
    kinds = "(?:built-in |intrinsic |class |function |ufunc )*"
    called = re.findall(rf"No implementation of function Function\(<{kinds}'?([\w.<>]+)", text)
    said = re.findall(r"(a number that depends on x [^\n]*|[\w ]+ known[\w ]* only)", text)
    what = said[:1] or [_unknown(called[0].rstrip(">"), text)] if said or called else []
    what = what or re.findall(r"(Unknown attribute '\w+')", text)
    what = what or _captured(fun) or ["Numba has no way to do this"]
    return (
        f"{where}: {what[0]}. Write it in terms of operators and functions of math and NumPy that "
        "have derivatives, or give jac a function, '2-point' or '3-point'."
    )


_OF_ARRAYS = set("sum mean dot prod max min amax amin var std cumsum median trapezoid".split())


def _unknown(name, text):
    """Return what is wrong with a call of a function, which Numba does not know for its types."""
    given = re.search(rf">>> {re.escape(name)}\((.*)\)\s*$", text, re.MULTILINE)
    if name in _OF_ARRAYS and given and not re.search("rray|Tuple|list|Expression", given[1]):
        return (
            f"{name} is given a number where it needs an array (in a batch, data have an axis of "
            "problems in front, and fun gets one row)"
        )
    return f"the derivative of {name} is not known"


def _captured(fun):
    """Return a sentence on a global or captured object that compiled code cannot read, if any."""
    used = inspect.getclosurevars(fun.py_func)
    for name, value in {**used.globals, **used.nonlocals}.items():
        if callable(value) or inspect.ismodule(value):
            continue
        try:
            numba.typeof(value)
        except (ValueError, NumbaError):
            known = False
        else:
            known = not isinstance(value, dict | list | set)
        if not known:
            return [
                f"{name!r} is a {type(value).__name__}, which compiled code cannot read; pass what "
                "is needed of it in args, as arrays and numbers"
            ]
    return []
