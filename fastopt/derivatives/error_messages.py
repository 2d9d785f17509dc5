"""Messages that say why Numba could not compile a function into the loop."""

import inspect
import re
from typing import Any

import numba
import numpy as np
from numba import NumbaError, types

from fastopt._sentences import counted
from fastopt.arrays import arguments, data_rows
from fastopt.derivatives.error_reasons import is_of_compiling, lacks_derivative, reason  # noqa: F401
from fastopt.derivatives.forward.duals.dual_number import Dual, DualArray


def explain(error, objective, x):
    """Translate a Numba error from compiling the loop into an error about the user's functions."""
    args, method = objective.data[0], objective.method
    try:
        _check_schedule(objective)
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


def _check_schedule(objective):
    """Raise a TypeError if the learning rate cannot be compiled, or is not a number."""
    schedule = objective.bindings.get("schedule_function")
    if schedule is not None:
        result = _compiled(schedule, "learning_rate", (types.float64,))
        if not isinstance(result, types.Number) or isinstance(result, types.Complex):
            raise TypeError(f"learning_rate must return a number; compiled, it returns {result}")


def require_complex(fun, x, args):
    """Raise a TypeError if a compiled `fun` is real for complex x: its derivative would be 0."""
    z = np.empty(x.shape, np.result_type(x.dtype, np.complex64))
    try:
        kind = _compiled(fun, "fun", _signature(z, args))
    except TypeError as error:
        raise TypeError(f"jac='cs' calls fun with a complex x: {error}") from None
    problem = _wrong("fun", kind, "cs", x.ndim)
    if problem:
        raise TypeError(problem)


def _signature(x, args):
    return (numba.typeof(x), *(kind_of(f"args[{k}]", value) for k, value in enumerate(args)))


def kind_of(name, value):
    """Return the Numba type of an argument."""
    try:
        return numba.typeof(value)
    except (ValueError, NumbaError):
        kind = f" of {value.dtype}" if hasattr(value, "dtype") else ""
        article = "an" if type(value).__name__[0] in "aeiouAEIOU" else "a"
        raise TypeError(
            f"{name} is {article} {type(value).__name__}{kind}, which compiled functions cannot "
            "take; pass arrays, numbers and tuples of them"
        ) from None


def require_types(args):
    """Raise a TypeError for an argument that compiled functions cannot take."""
    for k, value in enumerate(args):
        if not any(map(arguments.is_elsewhere, data_rows.leaves(value))):
            kind_of(f"args[{k}]", value)


def _compiled(function, name, signature):
    """Return the type that `function` returns; raise a TypeError if it cannot be compiled."""
    wrong = _called_wrongly(function, name, len(signature))
    if wrong:
        raise wrong
    try:
        return types.unliteral(_result(function, signature))
    except Exception as own:
        kinds = ", ".join(map(str, signature))
        said = _uncompiled(own, function)
        raise TypeError(f"Numba could not compile {name} for ({kinds}){said}") from None


def _called_wrongly(function, name, count):
    """Return an error if the function cannot be called with `count` arguments, or None."""
    signature = inspect.signature(function.py_func)
    for parameter in signature.parameters.values():
        required = parameter.default is parameter.empty
        if parameter.kind == parameter.VAR_KEYWORD or (
            parameter.kind == parameter.KEYWORD_ONLY and required
        ):
            return TypeError(
                f"{name} has the keyword argument {parameter}, which compiled code cannot be "
                "given; make it a positional one, and pass it in args"
            )
    try:
        signature.bind(*range(count))
    except TypeError:
        names = re.sub(r"_[0-9a-f]{16}$", "", function.py_func.__name__)
        if name == "learning_rate":
            return TypeError(f"{name} is {names}{signature}; it is called with the step t alone")
        return TypeError(
            f"{name} is {names}{signature}, and is called with {counted(count, 'argument')}: x"
            f"{f' and {count - 1} more (data and args)' if count > 1 else ', and no args'}"
        )
    return None


def _result(function, signature) -> Any:
    """Return the result type of `function` for these argument types and its defaults."""
    kind: Any = numba.typeof(function)
    return kind.get_call_type(function.typingctx, signature, {}).return_type


def _wrong(name, result: Any, method, ndim):
    if name == "jac":
        dtype = getattr(result, "dtype", None)  # set for arrays, and tuples with items of one type
        real = isinstance(dtype, types.Number) and not isinstance(dtype, types.Complex)
        if real and getattr(result, "ndim", 1) in (1, ndim):
            return None
        return (
            f"jac must return an array of real numbers in x's shape; compiled, it returns {result}"
        )
    if method == "fun":
        parts = getattr(result, "types", ())  # set for tuples
        if len(parts) == 2:
            return _wrong("fun", parts[0], "", ndim) or _wrong("jac", parts[1], "", ndim)
        shown = _shown(result)
        return f"with jac=True fun must return (value, gradient); compiled, it returns {shown}"
    if method == "cs" and not isinstance(result, types.Complex):
        return (
            f"jac='cs' needs a function that stays complex; compiled, it returns {_shown(result)}. "
            "abs, min, max and comparisons lose the derivative: use '3-point'"
        )
    if isinstance(result, types.Number | types.Boolean) and (
        method == "cs" or not isinstance(result, types.Complex)
    ):
        return None
    return f"fun must return one real number; compiled, it returns {_shown(result)}"


def _shown(kind: Any):
    """Return a description of the values of this type."""
    if isinstance(kind, types.BaseTuple):
        return f"a tuple of {len(kind)}" + (
            " (if it returns its gradient too, say jac=True)" if len(kind) == 2 else ""
        )
    if isinstance(kind, types.Generator):
        return "a generator (it has a yield)"
    if isinstance(kind, types.Optional):
        return f"{_shown(kind.type)} or None"
    if isinstance(kind, types.NoneType):
        return "none (a return is missing)"
    if isinstance(kind, Dual):
        return "a number"
    if isinstance(kind, types.Array):
        return "an array of numbers" if isinstance(kind.dtype, Dual) else str(kind)
    if isinstance(kind, types.UnicodeType | types.StringLiteral):
        return f"a string ({kind})"
    return str(kind)


def why_not_differentiable(error, objective, x):
    """Return an error that says where `fun` has no exact derivative, and why.

    `error` is the exception raised while compiling it for duals.
    """
    fun, dual = objective.bindings["fun"], objective.bindings["DUAL"]
    try:
        kinds = _signature(x, objective.data[0])[1:]
        wrong = undifferentiable(fun, dual, x.ndim, kinds)
        if not wrong:
            _check_schedule(objective)
    except TypeError as own:
        return own
    return wrong or error


def undifferentiable(fun, dual, ndim, kinds):
    """Return an error that says why `fun` has no derivative for these types, or None."""
    wrong = _called_wrongly(fun, "fun", 1 + len(kinds))
    if wrong:
        return wrong
    try:
        result = _result(fun, (DualArray(dual, ndim, "C"), *kinds))
    except Exception as own:
        return TypeError(f"fun cannot be differentiated{_why(own, fun, dual, ndim, kinds)}")
    if isinstance(result, types.Number | types.Boolean):
        return TypeError(
            "fun cannot be differentiated: its result does not depend on x, or only in steps "
            "(int, round, floor, comparisons)."
        )
    if isinstance(result, types.Array):
        return TypeError("fun must return one real number; it returns an array (np.sum of it?)")
    if not isinstance(result, Dual):
        return TypeError(f"fun must return one real number; compiled, it returns {_shown(result)}")
    return None


def _why(error, fun, dual, ndim, kinds):
    """Return the part of a message with the place, the reason and the remedy.

    The reason may be that `fun` does not compile, even without derivatives.
    """
    try:
        _result(fun, (types.Array(dual.real, ndim, "C"), *kinds))
    except Exception as own:
        if "_forbidden" not in str(own) and not lacks_derivative(str(own)):
            return _uncompiled(own, fun)
    return (
        f"{reason(error, fun, derivative=True)}. Write it in terms of operators and functions of "
        "math and NumPy that have derivatives, or give jac a function, '2-point' or '3-point'."
    )


def _uncompiled(error, fun):
    """Return the part of a message that says where and why Numba cannot compile a function."""
    found = reason(error, fun)
    found += "" if found.endswith("?") else "."
    if "in args" in found:
        return found
    return (
        f"{found} Compiled code can use those parts of Python, math and NumPy that Numba "
        "supports; fastopt.minimize runs functions without @njit in Python."
    )
