"""The value and the gradient of a function as one compiled function, to be called anywhere."""

import functools
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.core.errors import TypingError
from numba.core.registry import CPUDispatcher
from numba.extending import overload

from fastopt import _arguments, _compile
from fastopt._open import CHUNK, DUAL, SIZE, fun, seeded, value_of, write_partials
from fastopt.derivatives import _duals, _explain, _names

_OPTIONS: Any = _compile.COUNTED
_HIDDEN: Any = {**_compile.COUNTED, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def derived(fun, size, fast):
    """See `fastopt.value_and_grad`."""
    anew = functools.partial(derived, fun, size, fast)
    fun, said = _compile.as_compiled(fun, "fun"), []

    def both(x, args):
        raise TypeError("this function is for compiled code")

    @overload(both, jit_options=_OPTIONS, strict=False, inline="always")
    def typed(x, args):
        if isinstance(x, types.BaseTuple | types.List) or _is_integer(x):
            return lambda x, args: both(np.asarray(x) * 1.0, args)
        if not isinstance(x, types.Array) or not isinstance(x.dtype, types.Float):
            said[:] = [f"x must be an array of float64 or float32; compiled: {x}"]
            raise TypingError(said[0])
        # Fits have few parameters; without knowing how many, four at a time.
        dual = _duals.of(x.dtype, size or 4, fast)
        user, _ = _compile.user(fun, _names.meanings(dual, fast))
        problem = _explain.undifferentiable(user, dual, x.ndim, tuple(args))
        if problem:
            said[:] = [str(problem)]
            raise TypingError(str(problem))
        one = _linked(user, dual)
        return lambda x, args: one(x, args)

    @numba.njit(**_compile.COUNTED)
    def value_and_grad(x, *args):
        return both(x, args)

    _compile.in_order(value_and_grad)
    checked: Any = value_and_grad
    checked.__class__, checked.said = Checked, said
    checked.anew = anew  # for compiled code around it: today's globals
    return checked


class Checked(CPUDispatcher):
    """A compiled function whose arguments are checked where Python calls it."""

    said: list  # what was wrong when it was last compiled

    def __call__(self, *args):
        args = _arguments.ready(args, "arguments")
        self.said.clear()
        try:
            return super().__call__(*args)
        except TypingError:
            if not self.said:
                raise
            sentence = self.said[0]
        except SystemError as error:  # Ctrl-C in Python code that Numba calls to make an array
            if isinstance(error.__cause__, KeyboardInterrupt):
                raise error.__cause__ from None
            raise
        raise TypingError(sentence)


def _is_integer(x):
    return isinstance(x, types.Array) and isinstance(x.dtype, types.Integer)


def evaluate(x, args):
    """Value and gradient at x in new arrays."""
    if x.size == 0:
        raise ValueError("x is empty; it needs at least one component")
    x = np.ascontiguousarray(x)
    g, scratch = np.empty(x.shape, x.dtype), np.empty((CHUNK + 1) * x.size, x.dtype)
    f = 0.0
    for first in range(0, x.size, CHUNK):
        dual = fun(seeded(DUAL, x, scratch, first, SIZE), *args)
        f = value_of(dual)
        write_partials(dual, g.reshape(x.size), first, SIZE)
    return f, g


def _linked(user, dual):
    """`evaluate` around the user's function with this kind of dual."""
    bindings = {**_duals.SEEDS, "fun": user, "DUAL": dual, "CHUNK": dual.size, "SIZE": 0}
    wrap = _compile.inline_counted
    return _compile.link(evaluate, bindings, wrap, top=_njit)


def _njit(function, _original):
    return numba.njit(**_HIDDEN)(function)
