"""`value_and_grad` and `compare_grad`: derivatives by themselves."""

import numba
import numpy as np
from numba.core import types
from numba.core.errors import TypingError
from numba.extending import overload

from fastopt import _compile
from fastopt._open import CHUNK, DUAL, SIZE, fun
from fastopt.derivatives import _duals, _names
from fastopt.derivatives._seeds import seeded, value_of, write_partials


def value_and_grad(fun, *, size=None, fast_math_functions=True):
    """Make a compiled function that returns the value of `fun` and its exact gradient.

    Parameters
    ----------
    fun : callable ``fun(x, *args) -> float``
        An @njit function, or a plain one, which is compiled, with the plain functions it calls.
    size : int, optional
        The number of components of x, where it is known: what is compiled then carries just so
        many partial derivatives, up to 8. Without it every 4 components take a pass over `fun`.
    fast_math_functions : bool
        Whether exp, log, sin and so on are fastopt's vectorisable ones (within 2 units in the last
        place) or Numba's.

    Returns
    -------
    callable ``(x, *args) -> (f, g)``
        An @njit function, to be called from Python or from other @njit functions. `x` is an array
        of float64 or float32 of any shape (integers become float64), `f` a float, and `g` an array
        in x's shape and dtype.

    Raises
    ------
    TypeError
        When it is first called, where `fun` cannot be compiled or differentiated; the message
        names the line.

    Notes
    -----
    Forward-mode automatic differentiation: numbers carry their partial derivatives along. At a
    tie of ``max``, ``min`` or a comparison the derivative is that of the branch taken.

    Examples
    --------
    >>> import fastopt, numpy as np
    >>> slope = fastopt.value_and_grad(lambda x: x[0] ** 2 * np.sin(x[1]))
    >>> f, g = slope(np.array([3.0, 0.0]))
    >>> f, g.tolist()
    (0.0, [0.0, 9.0])
    """
    fun = _compile.as_compiled(fun, "fun")

    def both(x, args):
        raise TypeError("this function is for compiled code")

    @overload(both, jit_options=dict(_compile.COUNTED), strict=False, inline="always")
    def typed(x, args):
        if isinstance(x, types.BaseTuple | types.List) or _is_integer(x):
            return lambda x, args: both(np.asarray(x) * 1.0, args)
        if not isinstance(x, types.Array) or not isinstance(x.dtype, types.Float):
            raise TypingError(f"x must be an array of float64 or float32; compiled: {x}")
        # Fits have few parameters; without knowing how many, four at a time.
        one = _linked(fun, _duals.of(x.dtype, size or 4, fast_math_functions))
        return lambda x, args: one(x, args)

    @numba.njit(**_compile.COUNTED)
    def value_and_grad(x, *args):
        return both(x, args)

    return value_and_grad


def _is_integer(x):
    return isinstance(x, types.Array) and isinstance(x.dtype, types.Integer)


def evaluate(x, args):
    """Value and gradient at x in new arrays."""
    x = np.ascontiguousarray(x)
    g, scratch = np.empty(x.shape, x.dtype), np.empty((CHUNK + 1) * x.size, x.dtype)
    f = 0.0
    for first in range(0, x.size, CHUNK):
        dual = fun(seeded(DUAL, x, scratch, first, SIZE), *args)
        f = value_of(dual)
        write_partials(dual, g.reshape(x.size), first, SIZE)
    return f, g


def _linked(fun, dual):
    """`evaluate` around `fun` with this kind of dual."""
    user, _ = _compile.user(fun, _names.meanings(dual, dual.fast), str(dual))
    bindings = {
        "DUAL": dual,
        "CHUNK": dual.size,
        "SIZE": 0,
        "fun": user,
    }
    wrap = _compile.inline_counted
    return _compile.link(evaluate, bindings, wrap, top=_njit)


def _njit(function, _original):
    return numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_compile.COUNTED)(function)
