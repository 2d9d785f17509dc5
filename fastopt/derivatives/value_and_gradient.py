"""Value and gradient of a function as one compiled function, which can be called anywhere."""

import functools
import threading
from typing import Any

import numba
import numpy as np
from numba import TypingError, types
from numba.extending import overload

from fastopt.algorithms.compile_hints import separate_refcounted
from fastopt.algorithms.placeholders import (
    CHUNK,
    DUAL,
    SIZE,
    fun,
    reverse_gradient,
    seeded,
    value_of,
    write_partials,
)
from fastopt.arrays import arguments
from fastopt.compiling import compiler
from fastopt.compiling.numba_internals import CPUDispatcher
from fastopt.derivatives import derived_mode, error_messages, substitutions
from fastopt.derivatives.forward.duals import dual_choice
from fastopt.derivatives.forward.duals.dual_number import Dual, DualArray
from fastopt.derivatives.reverse.runtime import own_stores

new: Any = None  # () -> a store for one evaluation; bound, as is the next
freeing: Any = None  # (function, x, g, store, args): call it and free the store
_OPTIONS: Any = compiler.REFCOUNTED
_HIDDEN: Any = {**compiler.REFCOUNTED, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


_here = threading.local()  # its attribute `store` is the memory of reverse sweeps in this thread


def derived(fun, size, fast, mode="autodiff"):
    """Return the function that `fastopt.value_and_grad` documents."""
    relink = functools.partial(derived, fun, size, fast, mode)
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
        try:
            few, many = _variants((fun, size, fast, mode), x, tuple(args))
        except TypeError as problem:
            said[:] = [str(problem)]
            raise TypingError(said[0]) from None
        if few is many:
            return lambda x, args: few(x, args)
        most = derived_mode.MOST_FORWARD
        return lambda x, args: few(x, args) if x.size <= most else many(x, args)

    @numba.njit(**compiler.REFCOUNTED)
    def value_and_grad(x, *args):
        return both(x, args)

    compiler.with_ordered_reductions(value_and_grad)
    checked: Any = value_and_grad
    checked.__class__, checked.how, checked.made = Checked, (fun, size, fast, mode), {}
    checked.relink = relink  # called when code around it is compiled, to use its current globals
    return checked


NESTED = (
    "a number that depends on x goes into value_and_grad, whose gradient has no derivative; for "
    "derivatives of derivatives call fastopt.hessian(fun, x, args)"
)


def _variants(how, x, kinds) -> Any:
    """Return the compiled functions for few and for many parameters of these types."""
    fun, size, fast, mode = how
    modes = derived_mode.candidates(mode, size)
    found, reasons = {}, []
    for one in modes:
        try:
            found[one] = (_forward if one == "forward" else _reverse)(fun, size, fast, x, kinds)
        except TypeError as problem:
            reasons.append(problem)
            continue
        if size or len(modes) == 1:  # the other mode is for functions that have not this one
            break
    if not found:
        raise reasons[modes.index("forward") if "forward" in modes else 0]
    few = found.get("forward") or found.get("reverse")
    return few, found.get("reverse") or few


def _forward(fun, size, fast, x, kinds):
    """Return the compiled function by forward mode; raise a TypeError if there is none."""
    dual = _dual(x.dtype, size, fast)
    user, _ = compiler.user(fun, substitutions.meanings(dual, fast))
    problem = error_messages.undifferentiable(user, dual, x.ndim, kinds)
    if problem:
        raise problem
    bindings, wrap = _bindings(user, dual), compiler.inline_refcounted
    return compiler.link(evaluate, bindings, wrap, top=_njit)


def _reverse(fun, _size, fast, x, kinds):
    """Return the compiled function by reverse mode; raise a TypeError if there is none."""
    x = types.Array(x.dtype, x.ndim, "C")
    bindings = {"reverse_gradient": derived_mode.reverse(fun, x, kinds, fast, True)}
    bindings |= {"new": own_stores.new, "freeing": own_stores.freeing}
    return compiler.link(evaluate_in_reverse, bindings, compiler.inline_refcounted, top=_njit)


class Checked(CPUDispatcher):
    """A compiled function that checks its arguments when Python calls it.

    Calls from Python have code of their own, which is kept on disk.
    """

    how: tuple  # fun, size, fast, mode
    made: dict  # (element type, if there are many parameters) -> a function that fills an array

    def __call__(self, *args):
        try:
            args = arguments.ready(args, "arguments")
        except TypeError:
            if getattr(getattr(args[0], "dtype", None), "kind", "") == "O":  # Python's duals
                raise TypeError(NESTED) from None
            raise
        x, args = args[0] if args else (), args[1:]
        if type(x) is not np.ndarray or not x.flags.c_contiguous or _key(x) not in self.made:
            x = self.prepare(x)
        key = _key(x)
        g = np.empty(x.shape, x.dtype)
        try:
            return self.made[key](x, g, args), g
        except SystemError as error:  # Ctrl-C in Python code that Numba calls to make an array
            if isinstance(error.__cause__, KeyboardInterrupt):
                raise error.__cause__ from None
            raise
        except Exception as error:
            if not error_messages.is_of_compiling(error):
                raise
            filled = self.in_other_mode(x, args)
            if filled is None:
                raise self.explained(error, x, args) from None
            self.made[key] = filled
            return filled(x, g, args), g

    def in_other_mode(self, x, args):
        """Return a function that fills an array by the other mode, or None if it has none."""
        fun, size, fast, mode = self.how
        if mode != "autodiff":
            return None
        if x.size > derived_mode.MOST_FORWARD:
            filled = _filled_forward(fun, x, size, fast)
        else:
            try:
                filled = _filled_in_reverse(derived_mode.select("reverse", fun, x, args, fast)[1])
            except (derived_mode.NoReverse, ValueError):
                return None
        try:
            filled(x, np.empty(x.shape, x.dtype), args)
        except Exception as error:
            if error_messages.is_of_compiling(error):
                return None
            raise
        return filled

    def prepare(self, x) -> Any:
        """Return x in the form that compiled code accepts; compile that code if necessary."""
        if isinstance(x, tuple | list) or (isinstance(x, np.ndarray) and x.dtype.kind in "iu"):
            x = np.asarray(x) * 1.0
        if not isinstance(x, np.ndarray) or x.dtype not in (np.float64, np.float32):
            raise TypingError(_no_array(error_messages.kind_of("x", x)))
        x = np.ascontiguousarray(x).reshape(x.shape)
        if _key(x) not in self.made:
            fun, size, fast, mode = self.how
            mode, reverse = derived_mode.preferred(mode, fun, x, fast)
            filled = _filled_in_reverse(reverse) if reverse else _filled_forward(fun, x, size, fast)
            self.made[_key(x)] = filled
        return x

    def explained(self, error, x, args):
        """Return the error that says why `fun` has no derivative for such arguments."""
        fun, size, fast, mode = self.how
        if mode == "reverse":
            gradient = derived_mode.preferred(mode, fun, x, fast)[1]
            problem = derived_mode.why_not(gradient, x, args)
            return TypingError(str(problem)) if problem else error
        dual = _dual(x.dtype, size, fast)
        user, _ = compiler.user(fun, substitutions.meanings(dual, fast))
        kinds = [error_messages.kind_of(f"args[{k}]", value) for k, value in enumerate(args)]
        problem = error_messages.undifferentiable(user, dual, x.ndim, tuple(kinds))
        return TypingError(str(problem)) if problem else error


def _key(x):
    return x.dtype, x.size > derived_mode.MOST_FORWARD


def _filled_forward(fun, x, size, fast):
    dual = _dual(x.dtype, size, fast)
    user, _ = compiler.user(fun, substitutions.meanings(dual, fast))
    compiled, size = compiler.jit(fill, _bindings(user, dual), refcounted=True), dual.size + 1
    return lambda x, g, args: compiled(x, g, np.empty(size * x.size, x.dtype), args)


def _filled_in_reverse(reverse):
    def filled(x, g, args):
        nonlocal reverse
        if x.size == 0:
            raise ValueError("x is empty; it needs at least one component")
        store = getattr(_here, "store", None)
        if store is None:
            store = _here.store = derived_mode.new_store()
        try:
            return reverse(x, g, store, *args)
        except MemoryError as error:
            other = derived_mode.keeping_less(reverse, error)
            if other is None:
                raise
        reverse = other
        return reverse(x, g, store, *args)

    return filled


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


def evaluate_in_reverse(x, args):
    """Return value and gradient at x in new arrays, by reverse mode."""
    x, store = np.ascontiguousarray(x), new()
    g = np.empty(x.shape, x.dtype)
    return freeing(fill_in_reverse, x, g, store, args), g


@separate_refcounted
def fill_in_reverse(x, g, store, args):
    """Write the gradient at x by reverse mode; return the value."""
    if x.size == 0:
        raise ValueError("x is empty; it needs at least one component")
    return reverse_gradient(x, g, store, *args)


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
