"""`curve_fit`: SciPy's call, SciPy's result."""

import numpy as np

from fastopt._sentences import counted, warn
from fastopt.algorithms.status_codes import FTOL, GTOL, MAXFEV, MAXITER, XTOL
from fastopt.drivers import resumable
from fastopt.drivers.fits import curve, one_fit
from fastopt.inputs import fit_inputs, run_options, wrong_keywords
from fastopt.inputs.start_and_bounds import checked_bounds

# Status -> MINPACK's number, which SciPy returns as `ier`.
IER = {FTOL: 1, XTOL: 2, GTOL: 4, MAXFEV: 5, MAXITER: 5}


@wrong_keywords.checked
def curve_fit(
    f,
    xdata,
    ydata,
    p0=None,
    sigma=None,
    absolute_sigma=False,
    check_finite=None,
    bounds=(-np.inf, np.inf),
    method="adamax",
    jac=None,
    *,
    full_output=False,
    nan_policy=None,
    loss="linear",
    f_scale=1.0,
    tol=None,
    options=None,
):
    """Fit the parameters of a curve to data by least squares; SciPy's call and result.

    Parameters
    ----------
    f : callable ``f(xdata, *parameters) -> array``
        The model. With `numba.njit` the whole run is compiled. If its value at a point depends on
        that point alone, which is checked, it is called with numbers, point by point. So a compiled
        model may use `math` and branches.
    xdata : array_like, shape (m,) or (k, m), or any object
        The coordinates of the points, the first argument of `f`.
    ydata : array_like, shape (m,)
        The data.
    p0 : array_like, optional
        The start. By default it is SciPy's: ones, or a point inside the bounds.
    sigma : array_like, shape (m,) or (m, m), optional
        Errors of `ydata`: standard deviations, or a matrix of covariances.
    absolute_sigma : bool
        Whether `sigma` has the units of `ydata`. If False, only its relative sizes matter: the
        errors are scaled to a reduced chi-square of 1.
    check_finite : bool, optional
        Whether NaN and infinity in the data are errors. The default is True without `nan_policy`.
    bounds, method, f_scale, tol, options
        As for `least_squares`.
    loss : {"linear", "soft_l1", "huber", "cauchy", "arctan", "poisson"}
        As for `least_squares`. "poisson" is for counts: maximum likelihood, with errors from the
        information (Laurence and Chromy 2010). A model must not be negative: bounds help. `f` is
        compiled, plain functions too.
    jac : {None, "autodiff", callable, "2-point", "3-point", "cs"}
        As for `least_squares`. A function ``jac(xdata, *parameters)`` returns an array (m, n).
    full_output : bool
        Whether to return `infodict`, `mesg` and `ier` too.
    nan_policy : {None, "raise", "omit"}
        Points that are NaN: errors, or left out. By default they are not looked for, see above.

    Returns
    -------
    popt : ndarray (n,)
        The parameters.
    pcov : ndarray (n, n)
        Their covariances; ``np.sqrt(np.diag(pcov))`` are the standard errors. At a bound they are
        those of `least_squares`.
    infodict, mesg, ier
        With `full_output` only: ``nfev, njev`` and the residuals ``fvec``; a message; and
        MINPACK's number, 1 to 4 for success.

    Raises
    ------
    RuntimeError
        If the fit fails.
    ValueError, TypeError
        For arguments that make no sense, or residuals that are not finite at `p0`.

    Warns
    -----
    scipy.optimize.OptimizeWarning
        If the data do not determine all parameters. Their variances are infinite.

    Examples
    --------
    >>> import fastopt, numba, numpy as np
    >>> @numba.njit
    ... def decay(t, height, rate):
    ...     return height * np.exp(-rate * t)
    >>> t = np.linspace(0, 4, 9)
    >>> y = [3.1, 2.2, 1.7, 1.3, 1.0, 0.7, 0.6, 0.4, 0.3]
    >>> popt, pcov = fastopt.curve_fit(decay, t, y)
    >>> popt.round(3).tolist(), np.sqrt(np.diag(pcov)).round(3).tolist()
    ([3.047, 0.575], [0.04, 0.013])
    """
    rule = run_options.find_rule(method)
    if not callable(f):
        raise TypeError(f"f must be a function, not {type(f).__name__}")
    x, y, sigma = fit_inputs.data_of(xdata, ydata, sigma, nan_policy, check_finite)
    p, sides = fit_inputs.start_and_sides(f, p0, bounds)
    fit_inputs.require_arguments("f", f, 1 + p.size, f"xdata and {counted(p.size, 'parameter')}")
    box = sides and checked_bounds(*sides, p, "p0")
    settings = fit_inputs.options_of(rule, options, tol)
    loss, f_scale = fit_inputs.loss_of(loss, f_scale, counts=True)
    given = {"f": f, "jac": jac, "p0": p, "bounds": box, "xdata": x, "ydata": y, "sigma": sigma}
    given |= {"loss": loss, "f_scale": f_scale}
    checkpoint = resumable.checkpoint_of("curve_fit", rule, settings, **given)
    weights = curve.weights_of(sigma)
    setup = one_fit.Setup(rule, p, box, settings, loss, f_scale)
    if loss == "poisson":
        fit_inputs.require_counts(sigma, y)
        if jac not in (None, "autodiff"):
            raise ValueError("with loss='poisson' f is compiled: leave jac out")
        absolute_sigma, jac = True, "autodiff"
    kind = one_fit.method_of(jac, f, p.size)
    fit = None
    if kind == "autodiff":
        fit = curve.compiled_fit(f, x, y, weights, setup, jac)
        kind = "autodiff" if fit.objective else "2-point"
    if fit is None or not fit.objective:
        fit, kind = curve.fit_of(f, x, y, weights, p, kind)
    result = one_fit.solve(fit, setup, kind, scale=not absolute_sigma, checkpoint=checkpoint)
    if not result.njev or not np.isfinite(result.cost):
        raise ValueError("the residuals are not finite at p0")
    if not result.success:
        raise RuntimeError(f"Optimal parameters not found: {result.message}")
    if np.isinf(result.cov).any():
        from scipy.optimize import OptimizeWarning  # late: slow to import

        warn("Covariance of the parameters could not be estimated", OptimizeWarning)
    if not full_output:
        return result.x, result.cov
    told = {"nfev": result.nfev, "njev": result.njev, "fvec": result.fun}
    return result.x, result.cov, told, result.message, IER[result.status]
