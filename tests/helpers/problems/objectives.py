"""Problems as functions that give value and gradient, the gradient derived by fastopt."""

import functools

import numba
import numpy as np

import fastopt

compiled = functools.cache(numba.njit)


def _called(fun):
    """The compiled function; one for all numbers that a partial gives it."""
    if isinstance(fun, functools.partial):
        return functools.partial(compiled(fun.func), **fun.keywords)
    return compiled(fun)


@functools.cache
def _derived(fun, n):
    return fastopt.value_and_grad(compiled(fun), size=n)


def with_gradient(problem):
    """A plain function of x that gives f and its gradient; only what it calls is compiled."""
    jac = getattr(problem, "jac", None)
    if jac is not None:
        fun, jac = _called(problem.fun), _called(jac)
        return lambda x: (fun(x), jac(x))
    derived = _derived(problem.fun, problem.x0.size)
    return lambda x: derived(np.ascontiguousarray(x))


def minimize_in_python(slope, x0, args=(), **given):
    """The loop in the interpreter, one text with the compiled one, which takes long to compile.

    `slope` is compiled, and gives f and its gradient.
    """
    return fastopt.minimize(lambda x, *args: slope(x, *args), x0, args, jac=True, **given)
