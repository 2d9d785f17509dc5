"""`value_and_grad` and `compare_grad`: derivatives without a minimisation."""

import math

import numpy as np

from fastopt.algorithms.status_codes import INTERRUPTED
from fastopt.api.minimize import minimize
from fastopt.arrays import arguments
from fastopt.compiling import compiler
from fastopt.compiling.compiler import is_compiled, numba_config
from fastopt.derivatives.differences import SINGLE, is_single
from fastopt.derivatives.gradient_methods import MODES
from fastopt.derivatives.plain_python import python_objective
from fastopt.inputs import wrong_keywords
from fastopt.inputs.start_and_bounds import start_point
from fastopt.results.optimize_result import intermediate


@wrong_keywords.checked
def value_and_grad(fun, *, size=None, jac=None, fast_math_functions=True):
    """Make a compiled function that returns the value of `fun` and its exact gradient.

    Parameters
    ----------
    fun : callable ``fun(x, *args) -> float``
        An @njit function or a plain one. A plain one is compiled, with the plain functions it
        calls.
    size : int, optional
        The number of components of x, if it is known. Up to 8, the compiled code then carries
        this number of partial derivatives; for more, it uses reverse mode. An x of another size is
        right as well. Without it, compiled callers get code for both.
    jac : {None, "autodiff", "forward", "reverse"}
        The mode of the derivatives. With None and "autodiff", it is forward mode for up to 8
        components of x, and reverse mode for more. If a function has no derivative in that mode,
        the other one is used. "forward" and "reverse" force a mode.
    fast_math_functions : bool
        If True, exp, log, sin and so on are fastopt's vectorisable ones (within 2 units in the
        last place), else Numba's.

    Returns
    -------
    callable ``(x, *args) -> (f, g)``
        An @njit function, to be called from Python or from other @njit functions. `x` is an array
        of float64 or float32 of any shape; integers become float64. `f` is a float, and `g` an
        array in x's shape and dtype.

    Raises
    ------
    TypeError
        If `fun` is no function.
    ValueError
        If `size` or `jac` is none of these.
    numba.TypingError
        At the first call, if `fun` cannot be compiled or differentiated; the message names the
        line.

    Notes
    -----
    This is automatic differentiation (Griewank and Walther 2008). In forward mode numbers carry
    their partial derivatives. In reverse mode a second sweep goes backwards through the operations
    of the first. At a tie of ``max``, ``min`` or a comparison the derivative is that of the branch
    taken. Equal arguments of ``np.maximum`` and ``np.minimum`` have half of it each. Indices are
    not checked, as in any compiled code: an x or a row that is too short is read beyond its end.

    Examples
    --------
    >>> import fastopt, numpy as np
    >>> slope = fastopt.value_and_grad(lambda x: x[0] ** 2 * np.sin(x[1]))
    >>> f, g = slope(np.array([3.0, 0.0]))
    >>> f, g.tolist()
    (0.0, [0.0, 9.0])
    """
    whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
    if size is not None and not (whole and size > 0):
        raise ValueError(f"size = {size!r}; it must be the number of components of x, or None")
    mode = "autodiff" if jac is None else jac
    if not isinstance(mode, str) or mode not in MODES:
        raise ValueError(f"jac = {jac!r}; it must be {', '.join(map(repr, MODES))} or None")
    if numba_config.DISABLE_JIT:
        return _in_python(fun, mode)
    from fastopt.derivatives import value_and_gradient

    return value_and_gradient.derived(fun, size, bool(fast_math_functions), mode)


def _in_python(fun, mode):
    """Return the same function for NUMBA_DISABLE_JIT, without compiling."""

    def value_and_grad(x, *args):
        found = minimize(fun, x, args, jac=mode, options={"maxiter": 0})
        return found.fun, found.jac

    return value_and_grad


@wrong_keywords.checked
def compare_grad(fun, x0, args=(), *, jac=None):
    """Compare a gradient with central differences, and point at the worst component.

    Parameters
    ----------
    fun : callable ``fun(x, *args) -> float``
        The objective; with ``jac=True`` it returns (value, gradient).
    x0 : array_like of float64, float32 or integers, any shape
        The point at which to compare. Differences are taken in float64.
    args : tuple, optional
        Further arguments of `fun` and `jac`.
    jac : {None, "autodiff", "forward", "reverse", True, callable}
        The gradient to check: your own, or the one that fastopt derives, in a mode as in
        `minimize`.

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``jac`` is the gradient, ``differences`` are the central differences. ``error`` is the
        largest relative error of a component, beyond the error of the differences themselves.
        ``worst`` is its index in x. ``success`` is True if `error` is at most 1e-6 (1e-3 for
        float32). There is a ``message``.

    Raises
    ------
    ValueError, TypeError
        For a gradient of another size than x0, and as from `minimize`. Exceptions of `fun` and
        `jac` pass through.

    Examples
    --------
    >>> import fastopt
    >>> res = fastopt.compare_grad(lambda x: x[0] ** 3, [2.0], jac=lambda x: 2 * x)
    >>> res.success, res.worst
    (False, (0,))
    >>> print(res.message)
    The gradient is 4 at x[0], where central differences give 12.
    """
    x = start_point(x0)
    judged, jac = fun, compiler.called(jac)
    fun = compiler.called(fun)
    args = args if isinstance(args, tuple) else (args,)
    if is_compiled(fun) or is_compiled(jac):
        args = arguments.ready(args)
    g = np.asarray(_gradient(fun if jac is True else judged, x, args, jac))
    if g.size != x.size:
        raise ValueError(f"the gradient has shape {g.shape}; x0 has shape {x.shape}")
    value = (lambda *a: fun(*a)[0]) if jac is True else fun
    differences, unsure = _central(
        lambda point: python_objective.scalar(value(point, *args)), x.astype(np.float64), x.dtype
    )
    g = g.reshape(x.shape).astype(float)
    gap = np.abs(g - differences)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = np.maximum(gap - 2.0 * unsure, 0.0) / np.maximum(np.abs(g), np.abs(differences))
    errors = np.where(np.isfinite(gap), np.nan_to_num(errors), np.inf)
    worst = tuple(map(int, np.unravel_index(np.argmax(errors), x.shape)))
    error = float(errors[worst])
    good = error <= (1e-6 if x.dtype == np.float64 else 1e-3)
    place = f"x[{', '.join(map(str, worst))}]"
    found, wanted = g[worst], differences[worst]
    if not good:
        message = (
            f"The gradient is {found:g} at {place}, where central differences give {wanted:g}."
        )
    elif error > 0.0:
        message = f"The gradient agrees with central differences to {error:.1g}; worst at {place}."
    else:
        message = "The gradient agrees with central differences within their own error."
    return intermediate(
        jac=g.reshape(x.shape),
        differences=differences,
        error=error,
        worst=worst,
        success=good,
        message=message,
    )


def _central(value, x, dtype):
    """Return central differences, and the uncertainty of each.

    Steps are relative to the component, and wider ones up to the size of the others. The step with
    the least uncertainty is used: half of it must give the same slope, and rounding must not
    matter. A gradient in `dtype` has rounding errors of its own.
    """
    largest = float(np.max(np.abs(x)))
    at = value(x.copy())
    differences, unsure = np.full(x.shape, np.nan), np.full(x.shape, np.inf)
    for index in np.ndindex(x.shape):
        own = abs(x[index]) or min(1.0, largest) or 1.0
        powers = math.ceil(math.log10(max(1.0, largest) / own))
        for size in (*(own * 10.0**power for power in range(max(1, powers + 1))), 100.0 * own):
            found, doubt = _slope(value, x, index, at, size)
            if doubt < unsure[index]:
                differences[index], unsure[index] = found, doubt
        if dtype != np.float64 and math.isfinite(unsure[index]):
            unsure[index] += 100.0 * np.finfo(dtype).eps * abs(at) / own
    return differences, np.where(np.isfinite(unsure), unsure, 0.0)


def _slope(value, x, index, at, size):
    """Return a central difference over a relative step of this size, and its uncertainty."""
    slopes, values, h = [], [at], np.finfo(float).eps ** (1 / 3) * size
    for step in (h, 0.5 * h):
        above, below = x.copy(), x.copy()
        above[index] += step
        below[index] -= step
        values += [value(above), value(below)]
        slopes.append((values[-2] - values[-1]) / (above[index] - below[index]))
    eps = SINGLE if all(map(is_single, values)) else np.finfo(float).eps
    # Rounding errors of f, and those of x at the two ends, which change f by slope times error.
    lost = max(map(abs, values)) + max(abs(v - at) for v in values) * abs(x[index]) / h
    doubt = abs(slopes[0] - slopes[1]) + 4.0 * eps * lost / h
    return slopes[0], doubt if math.isfinite(doubt) else np.inf


def _gradient(fun, x, args, jac):
    if jac is True:
        return fun(x.copy(), *args)[1]
    if callable(jac):
        return jac(x.copy(), *args)
    mode = "autodiff" if jac is None else jac
    if not isinstance(mode, str) or mode not in MODES:
        words = ", ".join(map(repr, MODES))
        raise ValueError(f"jac = {jac!r}; it must be a function, True, {words} or None")
    brief = {"maxiter": 0, "learning_rate": 1.0}  # a fixed rate compiles in half the time
    result = minimize(fun, x, args, method="sgd", jac=mode, options=brief)
    if result.status == INTERRUPTED:  # without a gradient, which would be called wrong
        raise KeyboardInterrupt
    return result.jac
