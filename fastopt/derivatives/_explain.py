"""What is wrong with a function that Numba could not compile into the loop, in a sentence."""

from typing import Any

import numba
import numpy as np
from numba import types
from numba.core.errors import NumbaError


def explain(error, objective, x):
    """A Numba error from compiling the loop, put as what is wrong with the user's functions."""
    kinds = tuple(numba.typeof(a) for a in objective.data[0])
    for name in ("fun", "jac"):
        function = objective.bindings.get(name)
        if function is None:
            continue
        kind = numba.typeof(objective.data[3] if objective.method == "cs" else x)
        try:
            function.compile((kind, *kinds))
        except NumbaError as own:
            text = f"Numba could not compile {name} for x of type {kind}:\n{own}"
            return TypeError(text)
        result = function.overloads[(kind, *kinds)].signature.return_type
        problem = _wrong(name, result, objective.method)
        if problem:
            return TypeError(problem)
    return error


def require_complex(fun, x, args):
    """Raise where a compiled `fun` of complex x is real: Numba would take 0 for its derivative."""
    kind = numba.typeof(np.empty(x.shape, np.result_type(x.dtype, np.complex64)))
    signature = (kind, *(numba.typeof(a) for a in args))
    try:
        fun.compile(signature)
    except NumbaError as error:
        raise TypeError(f"Numba could not compile fun for complex x (jac='cs'):\n{error}") from None
    problem = _wrong("fun", fun.overloads[signature].signature.return_type, "cs")
    if problem:
        raise TypeError(problem)


def _wrong(name, result: Any, method):
    if name == "jac":
        dtype = getattr(result, "dtype", None)  # of an array, or of a tuple of one type
        if isinstance(dtype, types.Number) and not isinstance(dtype, types.Complex):
            return None
        return f"jac must return an array of real numbers; compiled, it returns {result}"
    if method == "fun":
        parts = getattr(result, "types", ())  # of a tuple
        if len(parts) == 2:
            return _wrong("fun", parts[0], "value") or _wrong("jac", parts[1], "value")
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
