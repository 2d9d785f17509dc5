"""The Hessian of a user's function in the way that suits it: exact, or by differences."""

from typing import Any, NamedTuple

import numpy as np

from fastopt._sentences import warn
from fastopt.arrays import arguments
from fastopt.compiling import compiler
from fastopt.derivatives import second_differences
from fastopt.derivatives.plain_python import python_objective
from fastopt.drivers import objective_bindings


class Source(NamedTuple):
    """How a Hessian is computed."""

    matrix: Any  # (x, args) -> matrix; x is an array of float64 in C order
    method: str  # "autodiff", "jac" or "3-point"
    noise: float  # relative error of the matrix, beyond rounding


def source_of(fun, jac, x, args, fast):
    """Return the `Source` for points like x and arguments like `args`; `fun` is called there."""
    if not callable(fun):
        raise TypeError(f"fun must be a function, not {type(fun).__name__}")
    method = objective_bindings.method_of(jac, fun)
    if method == "cs":
        raise ValueError("jac='cs' gives no second derivatives; leave jac out, or say '3-point'")
    if method in ("fun", "callable"):
        return _of_own_gradient(fun, jac)
    if jac in ("2-point", "3-point"):
        return _of_values(fun)
    reason: Any
    exact, reason = _compiled(fun, x, args, fast)
    if exact:
        return Source(exact, "autodiff", 0.0)
    if not compiler.is_compiled(fun):
        source = _of_duals(fun)
        try:
            source.matrix(x, args)
            return source
        except TypeError as error:
            if not str(error).startswith("fun cannot be differentiated"):
                raise
            reason = error
    if jac is not None:
        raise reason
    try:
        python_objective.scalar(compiler.called(fun)(x.copy(), *args))
    except TypeError:
        raise reason from None  # it says what is wrong with the call, too
    said = f"{reason} Differences of its values are used instead (jac='3-point')."
    warn(said)
    return _of_values(fun)


def _compiled(fun, x, args, fast):
    """Return the compiled Hessian or None, and the reason why there is none."""
    if not objective_bindings.can_be_compiled(fun):
        return None, None
    if not compiler.is_compiled(fun):  # Python accepts more arguments
        reason = arguments.why_unready(args)
        if reason is not None:
            return None, reason
    from fastopt.derivatives.second_derivatives import CompiledHessian  # late: slow to import

    found = None
    try:
        found = CompiledHessian(compiler.ensure_njit(fun, "fun"), x.shape, fast)
        found(x, args)
    except Exception as error:
        if not found or found.refused is None:
            raise
        return None, error
    return found, None


def _of_own_gradient(fun, jac):
    """Return differences of the user's gradient."""
    called = compiler.called(fun if jac is True else jac)

    def gradient(x, args):
        g = called(x.copy(), *args)
        g = np.asarray(g[1] if jac is True else g, dtype=np.float64)
        if g.size != x.size:
            raise ValueError(f"the gradient has shape {g.shape}; x has shape {x.shape}")
        return g.reshape(-1)

    return _of_gradient(gradient, "jac")


def _of_duals(fun):
    """Return differences of the exact gradient of a function that Python runs."""
    from fastopt.derivatives.forward import python_dual

    on_duals = python_dual.function(fun)

    def gradient(x, args):
        g = np.zeros(x.size)
        python_dual.write_partials(
            on_duals(python_dual.seeded(x.size, x, None, 0, 0), *args), g, 0, 0
        )
        return g

    return _of_gradient(gradient, "autodiff")


def _of_gradient(gradient, method):
    def matrix(x, args):
        def flat(point):
            return gradient(point.reshape(x.shape), args)

        return second_differences.of_gradient(flat, x.reshape(-1))

    return Source(matrix, method, 1e-10)


def _of_values(fun):
    called = compiler.called(fun)

    def matrix(x, args):
        def value(point):
            return python_objective.scalar(called(point.reshape(x.shape), *args))

        return second_differences.of_values(value, x.reshape(-1))

    return Source(matrix, "3-point", 1e-7)
