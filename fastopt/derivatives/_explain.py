"""What is wrong with a function that Numba could not compile into the loop, in a sentence."""

import numba
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


def _wrong(name, result, method):
    if name == "jac":
        if isinstance(result, types.Array) and not isinstance(result.dtype, types.Complex):
            return None
        return f"jac must return an array of real numbers; compiled, it returns {result}"
    if method == "fun":
        if isinstance(result, types.BaseTuple) and len(result) == 2:
            return _wrong("fun", result[0], "value") or _wrong("jac", result[1], "value")
        return f"with jac=True fun must return (value, gradient); compiled, it returns {result}"
    if method == "cs" and not isinstance(result, types.Complex):
        return f"jac='cs' needs a function that stays complex; compiled, it returns {result}"
    if isinstance(result, types.Number | types.Boolean) and (
        method == "cs" or not isinstance(result, types.Complex)
    ):
        return None
    return f"fun must return one real number; compiled, it returns {result}"
