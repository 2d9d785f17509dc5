"""`least_squares`: parameters that make residuals small, with their errors."""

import numpy as np

from fastopt._sentences import counted
from fastopt.compiling import compiler
from fastopt.drivers import resumable
from fastopt.drivers.fits import compiled_residuals, one_fit
from fastopt.drivers.fits.one_fit import Fit, Setup
from fastopt.inputs import compiled_arguments, fit_inputs, run_options, wrong_keywords
from fastopt.inputs.start_and_bounds import callback_of


@wrong_keywords.checked
def least_squares(
    fun,
    x0,
    args=(),
    *,
    method="adamax",
    jac=None,
    bounds=None,
    loss="linear",
    f_scale=1.0,
    tol=None,
    options=None,
    callback=None,
):
    """Minimise half the sum of squared residuals, or of another loss, and estimate errors.

    Parameters
    ----------
    fun : callable ``fun(x, *args) -> residuals``
        It returns a vector, or a tuple of numbers. With `numba.njit` the whole run is compiled. A
        plain function is called from Python.
    x0 : array_like, shape (n,)
        The start. The fit is done in float64.
    args : tuple, optional
        Further arguments of `fun` and `jac`.
    method : str
        The update rule whose diagonal scales the damping, one of `fastopt.methods()`. "adamax" is
        the running maximum of the norms of the Jacobian's columns, as in MINPACK. "adagrad" is
        the root of their sum of squares, "rmsprop" that of an average. "sgd" keeps the first norms.
    jac : {None, "autodiff", callable, "2-point", "3-point", "cs"}
        The Jacobian. None: exact derivatives of an @njit `fun` of at most 64 parameters, else
        "2-point". "autodiff": exact derivatives, of plain functions too. A function
        ``jac(x, *args)`` returns an array (m, n). The others are kinds of differences.
    bounds : `scipy.optimize.Bounds` or (low, high), optional
        As in SciPy: each is a number, or has one for each parameter. Equal bounds fix a parameter.
    loss : {"linear", "soft_l1", "huber", "cauchy", "arctan"}
        The loss rho(z) of a squared residual z, as in SciPy.
    f_scale : float
        The residual beyond which the loss counts it as an outlier.
    tol : float, optional
        Sets all three tolerances.
    options : dict, optional
        - ``gtol`` (1e-12): the largest cosine of an angle between residuals and a column of the
          Jacobian, ``xtol`` (1e-10): the step, over x. Both are MINPACK's, without units.
        - ``ftol`` (1e-13): the relative reduction of the cost that further steps may reach, by
          the rate at which those before have shrunk.
        - ``maxfev`` (1000), ``maxiter``, ``maxtime`` (seconds): limits.
        - ``disp``, ``finite_diff_rel_step``, ``fast_math_functions``, ``checkpoint``: as for
          `minimize`.
        - the options of the rule, such as ``beta2``.
    callback : callable, optional
        ``callback(intermediate_result)`` or ``callback(xk)``, after each accepted step; may raise
        StopIteration.

    Returns
    -------
    scipy.optimize.OptimizeResult
        SciPy's ``x, cost, fun, jac, grad, optimality, active_mask, nfev, njev, nit, status,
        success, message``, and ``cov, stderr, dof, reduced_chi2``. The statuses are those of
        `minimize`. `dof` is the number of residuals less that of parameters that are not fixed.
        `reduced_chi2` is twice the cost over `dof`.

    Raises
    ------
    ValueError, TypeError
        For arguments that make no sense. Exceptions of `fun` pass through. Numerical trouble is a
        status, also residuals that are not finite at x0.

    Notes
    -----
    The step is that of Levenberg and Marquardt, with Moré's damping (1978). At a bound the
    parameters that it blocks are held. `cov` is the inverse of J'J times `reduced_chi2`: the unit
    of the residuals is estimated from themselves. A fixed parameter has error 0. One that a bound
    blocks (`active_mask`) has the error NaN, and the others' errors hold for that value of it. The
    error of a parameter that the data do not determine is infinite.

    Examples
    --------
    >>> import fastopt, numpy as np
    >>> t = np.linspace(0, 4, 9)
    >>> y = np.array([3.1, 2.2, 1.7, 1.3, 1.0, 0.7, 0.6, 0.4, 0.3])
    >>> res = fastopt.least_squares(lambda p: p[0] * np.exp(-p[1] * t) - y, [1.0, 1.0])
    >>> for value, error in zip(res.x, res.stderr):
    ...     print(f"{value:.3f} +- {error:.3f}")
    3.047 +- 0.040
    0.575 +- 0.013
    """
    rule = run_options.find_rule(method)
    x0, settings = fit_inputs.start_of(x0), fit_inputs.options_of(rule, options, tol)
    box, (loss, f_scale) = fit_inputs.box_of(bounds, x0), fit_inputs.loss_of(loss, f_scale)
    args = args if isinstance(args, tuple) else (args,)
    if not callable(fun):
        raise TypeError(f"fun must be a function, not {type(fun).__name__}")
    fit_inputs.require_arguments("fun", fun, 1 + len(args), f"x and the {len(args)} of args")
    given = {"fun": fun, "jac": jac, "x0": x0, "bounds": box, "args": args}
    given |= {"loss": loss, "f_scale": f_scale}
    checkpoint = resumable.checkpoint_of("least_squares", rule, settings, **given)
    setup = Setup(rule, x0, box, settings, loss, f_scale)
    kind, callback = one_fit.method_of(jac, fun, x0.size), callback_of(callback)
    objective, first = None, []
    if kind == "autodiff" or compiler.is_compiled(fun):
        args = compiled_arguments.checked(args)
    if kind == "autodiff":
        compiled = compiler.ensure_njit(fun, "fun")

        def build():
            found = compiled_residuals.probe(compiled, x0.copy(), args)
            first.append(fit_inputs.require_vector(found).size)
            how = settings.fast, loss, f_scale, compiled_residuals.of_residuals()
            objective = compiled_residuals.build(compiled, x0.size, args, *how)
            one_fit.compile(objective, setup)
            return objective

        objective = one_fit.compiled_or_none(fun, build, jac)
        kind = "autodiff" if objective else "2-point"
    called = compiler.called(fun)

    def values(x):
        return fit_inputs.require_vector(called(x, *args), x)

    if callable(kind):
        given = compiler.called(kind)
        count = values(x0.copy()).size
        kind = _shaped(lambda x: given(x, *args), (count, x0.size))
    fit = Fit(_of_one_length(values, first), objective)
    return one_fit.solve(fit, setup, kind, scale=True, callback=callback, checkpoint=checkpoint)


def _of_one_length(values, first):
    """Return `values`, checked: the number of residuals must not change.

    `first` is a list with that number, if it is known.
    """

    def checked(x):
        r = values(x)
        first[:] = first or [r.size]
        if r.size != first[0]:
            raise ValueError(
                f"fun returned {counted(first[0], 'residual')} at first, and {r.size} later; their "
                "number must not change"
            )
        return r

    return checked


def _shaped(jac, shape):
    """Return `jac`, checked: an array of this shape."""

    def checked(x):
        found = np.asarray(jac(x), dtype=np.float64)
        if found.shape != shape:
            raise ValueError(
                f"jac returned an array of shape {found.shape}; it must be {shape}, residuals by "
                "parameters"
            )
        return found

    return checked
