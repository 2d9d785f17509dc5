"""`hessian`: second derivatives of a function."""

import numpy as np

from fastopt.arrays import arguments
from fastopt.compiling import compiler
from fastopt.drivers import hessians
from fastopt.inputs import wrong_keywords
from fastopt.inputs.start_and_bounds import start_point


@wrong_keywords.checked
def hessian(fun, x, args=(), *, jac=None, fast_math_functions=True):
    """Compute the matrix of second derivatives of a function at a point.

    Parameters
    ----------
    fun : callable ``fun(x, *args) -> float``
        An @njit function or a plain one. A plain one is compiled, with the plain functions it
        calls. If that is impossible, Python runs it.
    x : array_like of float64, float32 or integers, any shape
        The point. All is computed in float64.
    args : tuple, optional
        Further arguments of `fun` and `jac`.
    jac : {None, "autodiff", callable, True, "3-point"}
        None: exact derivatives. If something in `fun` has no derivative, they are differences of
        its values, and a warning names the line. "autodiff": that is an error. A gradient
        ``jac(x, *args)``, or True if `fun` returns (value, gradient): differences of gradients.
        "3-point": differences of values.
    fast_math_functions : bool
        As for `value_and_grad`.

    Returns
    -------
    ndarray of float64, shape ``x.shape + x.shape``
        The matrix (n, n) for a vector of n components. It is symmetric to the bit.

    Raises
    ------
    TypeError, ValueError
        For arguments that make no sense, or a `fun` without derivatives. Exceptions of `fun` pass
        through. Numerical trouble gives NaN or infinite elements.

    Notes
    -----
    The method is forward-mode differentiation twice. Numbers carry their partial derivatives, and
    those carry their derivatives in a direction. The error is that of rounding. There is a pass
    over `fun` for each component of x, and each 8 partials.

    Differences are central, extrapolated to steps of zero (Ridders 1982). Those of exact gradients
    have a relative error of about 1e-11, those of values one of about 1e-8. Functions that cannot
    be compiled are differentiated by the former.

    At a tie of ``max``, ``min`` or a comparison the derivative is that of the branch taken. Indices
    are not checked in compiled code.

    Examples
    --------
    >>> import fastopt
    >>> fastopt.hessian(lambda x: x[0] ** 2 * x[1] ** 3, [3.0, 1.0]).tolist()
    [[2.0, 18.0], [18.0, 54.0]]
    """
    x = start_point(x, "x").astype(np.float64)
    args = args if isinstance(args, tuple) else (args,)
    if compiler.is_compiled(fun) or compiler.is_compiled(jac):
        args = arguments.ready(args)
    source = hessians.source_of(fun, jac, x, args, bool(fast_math_functions))
    found = np.array(source.matrix(x, args))
    return found.reshape(x.shape + x.shape)
