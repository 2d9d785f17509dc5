"""Value and gradient of a function as one compiled function, which can be called anywhere."""

import functools
from typing import Any

import numba
import numpy as np
from numba import TypingError, types
from numba.extending import overload

from fastopt.arrays import arguments
from fastopt.compiling import compiler
from fastopt.compiling.numba_internals import CPUDispatcher
from fastopt.derivatives import error_messages, substitutions
from fastopt.derivatives.duals import dual_choice
from fastopt.derivatives.duals.dual_number import Dual, DualArray
from fastopt.solver.compile_hints import separate_refcounted
from fastopt.solver.placeholders import CHUNK, DUAL, SIZE, fun, seeded, value_of, write_partials

_OPTIONS: Any = compiler.REFCOUNTED
_HIDDEN: Any = {**compiler.REFCOUNTED, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def derived(fun, size, fast):
    """Return the function that `fastopt.value_and_grad` documents."""
    relink = functools.partial(derived, fun, size, fast)
    fun, said = compiler.ensure_njit(fun, "fun"), []

    def both(x, args):
        raise TypeError("this function is for compiled code")

    @overload(both, jit_options=_OPTIONS, strict=False, inline="always")
    def typed(x, args):
        if isinstance(x, types.BaseTuple | types.List) or _is_integer(x):
            return lambda x, args: both(np.asarray(x) * 1.0, args)
        if not isinstance(x, types.Array) or not isinstance(x.dtype, types.Float):
            said[:] = [_no_array(x)]
            raise TypingError(said[0])
        dual = _dual(x.dtype, size, fast)
        user, _ = compiler.user(fun, substitutions.meanings(dual, fast))
        problem = error_messages.undifferentiable(user, dual, x.ndim, tuple(args))
        if problem:
            said[:] = [str(problem)]
            raise TypingError(str(problem))
        bindings, wrap = _bindings(user, dual), compiler.inline_refcounted
        one = compiler.link(evaluate, bindings, wrap, top=_njit)
        return lambda x, args: one(x, args)

    @numba.njit(**compiler.REFCOUNTED)
    def value_and_grad(x, *args):
        return both(x, args)

    compiler.with_ordered_reductions(value_and_grad)
    checked: Any = value_and_grad
    checked.__class__, checked.how, checked.made = Checked, (fun, size, fast), {}
    checked.relink = relink  # called when code around it is compiled, to use its current globals
    return checked


NESTED = (
    "a number that depends on x goes into value_and_grad, whose gradient has no derivative; for "
    "derivatives of derivatives call fastopt.hessian(fun, x, args)"
)


class Checked(CPUDispatcher):
    """A compiled function that checks its arguments when Python calls it.

    Calls from Python have code of their own, which is kept on disk.
    """

    how: tuple  # fun, size, fast
    made: dict  # element type -> (compiled `fill`, scratch for each component)

    def __call__(self, *args):
        try:
            args = arguments.ready(args, "arguments")
        except TypeError:
            if getattr(getattr(args[0], "dtype", None), "kind", "") == "O":  # Python's duals
                raise TypeError(NESTED) from None
            raise
        x, args = args[0] if args else (), args[1:]
        if type(x) is not np.ndarray or not x.flags.c_contiguous or x.dtype not in self.made:
            x = self.prepare(x)
        fill, size = self.made[x.dtype]
        g, scratch = np.empty(x.shape, x.dtype), np.empty(size * x.size, x.dtype)
        try:
            return fill(x, g, scratch, args), g
        except SystemError as error:  # Ctrl-C in Python code that Numba calls to make an array
            if isinstance(error.__cause__, KeyboardInterrupt):
                raise error.__cause__ from None
            raise
        except Exception as error:
            if not error_messages.is_of_compiling(error):
                raise
            raise self.explained(error, x, args) from None

    def prepare(self, x) -> Any:
        """Return x in the form that compiled code accepts; compile that code if necessary."""
        if isinstance(x, tuple | list) or (isinstance(x, np.ndarray) and x.dtype.kind in "iu"):
            x = np.asarray(x) * 1.0
        if not isinstance(x, np.ndarray) or x.dtype not in (np.float64, np.float32):
            raise TypingError(_no_array(error_messages.kind_of("x", x)))
        if x.dtype not in self.made:
            fun, size, fast = self.how
            dual = _dual(x.dtype, size, fast)
            user, _ = compiler.user(fun, substitutions.meanings(dual, fast))
            compiled = compiler.jit(fill, _bindings(user, dual), refcounted=True)
            self.made[x.dtype] = compiled, dual.size + 1
        return np.ascontiguousarray(x).reshape(x.shape)

    def explained(self, error, x, args):
        """Return the error that says why `fun` has no derivative for such arguments."""
        fun, size, fast = self.how
        dual = _dual(x.dtype, size, fast)
        user, _ = compiler.user(fun, substitutions.meanings(dual, fast))
        kinds = [error_messages.kind_of(f"args[{k}]", value) for k, value in enumerate(args)]
        problem = error_messages.undifferentiable(user, dual, x.ndim, tuple(kinds))
        return TypingError(str(problem)) if problem else error


def _no_array(kind):
    if isinstance(kind, DualArray | Dual):
        return NESTED
    return f"x must be an array of float64 or float32, but in compiled code it is {kind}"


def _is_integer(x):
    return isinstance(x, types.Array) and isinstance(x.dtype, types.Integer)


def _dual(real, size, fast):
    # Four partials at a time if the size is unknown: fits have few parameters.
    return dual_choice.of(real, size or 4, fast)


def _bindings(user, dual):
    return {**dual_choice.SEEDS, "fun": user, "DUAL": dual, "CHUNK": dual.size, "SIZE": 0}


def evaluate(x, args):
    """Return value and gradient at x in new arrays."""
    x = np.ascontiguousarray(x)
    g, scratch = np.empty(x.shape, x.dtype), np.empty((CHUNK + 1) * x.size, x.dtype)
    return fill(x, g, scratch, args), g


@separate_refcounted
def fill(x, g, scratch, args):
    """Write the gradient at x; return the value."""
    if x.size == 0:
        raise ValueError("x is empty; it needs at least one component")
    f = 0.0
    for first in range(0, x.size, CHUNK):
        dual = fun(seeded(DUAL, x, scratch, first, SIZE), *args)
        f = value_of(dual)
        write_partials(dual, g.reshape(x.size), first, SIZE)
    return f


def _njit(function, _original):
    return numba.njit(**_HIDDEN)(function)
