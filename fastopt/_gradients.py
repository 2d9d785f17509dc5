"""`value_and_grad` and `compare_grad`: derivatives by themselves."""

import numpy as np

from fastopt import _arguments
from fastopt._compile import is_compiled
from fastopt._inputs import start_point
from fastopt._minimize import minimize
from fastopt.derivatives import _plain


def value_and_grad(fun, *, size=None, fast_math_functions=True):
    """Make a compiled function that returns the value of `fun` and its exact gradient.

    Parameters
    ----------
    fun : callable ``fun(x, *args) -> float``
        An @njit function, or a plain one, which is compiled, with the plain functions it calls.
    size : int, optional
        The number of components of x, where it is known: what is compiled then carries just so
        many partial derivatives, up to 16, and 8 for more (an x of another size is right as well).
        Without it every 4 components take a pass over `fun`.
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
        Where `fun` is no function.
    numba.TypingError
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
    from fastopt.derivatives import _standalone

    whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
    if size is not None and not (whole and size > 0):
        raise ValueError(f"size = {size!r}; it must be the number of components of x, or None")
    return _standalone.value_and_grad(fun, size, bool(fast_math_functions))


def compare_grad(fun, x0, args=(), *, jac=None):
    """Compare a gradient with central differences, and point at the worst component.

    Parameters
    ----------
    fun : callable ``fun(x, *args) -> float``
        The objective; with ``jac=True`` it returns (value, gradient).
    x0 : array_like of float64, float32 or integers, any shape
        Where to compare. Differences are taken in float64.
    args : tuple, optional
        Further arguments of `fun` and `jac`.
    jac : {None, True, callable}
        The gradient to judge: None for the one that fastopt derives, or your own.

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``jac`` the gradient, ``differences`` the central differences, ``error`` the largest
        difference between them, relative to the largest component or 1, ``worst`` its index in x,
        ``success`` whether `error` is within what differences can tell (1e-6), and a ``message``.

    Examples
    --------
    >>> import fastopt
    >>> res = fastopt.compare_grad(lambda x: x[0] ** 3, [2.0], jac=lambda x: 2 * x)
    >>> res.success, res.worst
    (False, (0,))
    >>> print(res.message)
    The gradient is 4 at x[0], where central differences give 12.
    """
    from fastopt._result import intermediate

    x = start_point(x0)
    args = args if isinstance(args, tuple) else (args,)
    if is_compiled(fun) or is_compiled(jac):
        args = _arguments.ready(args)
    g = np.asarray(_gradient(fun, x, args, jac))
    if g.size != x.size:
        raise ValueError(f"the gradient has shape {g.shape}; x0 has shape {x.shape}")
    value = (lambda *a: fun(*a)[0]) if jac is True else fun
    wide, steps = x.astype(np.float64), np.finfo(float).eps ** (1 / 3) * np.maximum(1.0, np.abs(x))
    differences = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        above, below = wide.copy(), wide.copy()
        above[index] += steps[index]
        below[index] -= steps[index]
        rise = _plain.scalar(value(above, *args)) - _plain.scalar(value(below, *args))
        differences[index] = rise / (above[index] - below[index])
    gap = np.abs(g.reshape(x.shape) - differences)
    gap = np.where(np.isnan(gap), np.inf, gap)
    worst = tuple(map(int, np.unravel_index(np.argmax(gap), x.shape)))
    error = float(gap[worst] / max(1.0, np.nanmax(np.abs(differences))))
    good = error <= (1e-6 if x.dtype == np.float64 else 1e-3)
    place = f"x[{', '.join(map(str, worst))}]"
    found, wanted = g.reshape(x.shape)[worst], differences[worst]
    message = (
        f"The gradient agrees with central differences to {error:.1g}; worst at {place}."
        if good
        else f"The gradient is {found:g} at {place}, where central differences give {wanted:g}."
    )
    return intermediate(
        jac=g.reshape(x.shape),
        differences=differences,
        error=error,
        worst=worst,
        success=good,
        message=message,
    )


def _gradient(fun, x, args, jac):
    if jac is True:
        return fun(x.copy(), *args)[1]
    if callable(jac):
        return jac(x.copy(), *args)
    if jac is not None:
        raise ValueError(f"jac = {jac!r}; it must be a function, True or None")
    return minimize(fun, x, args, jac="autodiff", options={"maxiter": 0}).jac
