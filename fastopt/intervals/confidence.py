"""`confidence`: intervals of a fit's parameters by profiles of the misfit."""

import math

import numpy as np
from numpy.typing import ArrayLike

from fastopt.inputs import fit_inputs, run_options, wrong_keywords
from fastopt.intervals import profiles
from fastopt.intervals.refits import Refits, indices_of, levels_of, quiet
from fastopt.results import scipy_result
from fastopt.results.intervals import NO_FIT, ConfidenceInterval, Profile, summary

BETTER = 5  # times that a better fit, found on a profile, is taken for the fit


@wrong_keywords.checked
def confidence(
    f,
    xdata=None,
    ydata=None,
    p0=None,
    sigma=None,
    absolute_sigma=False,
    *,
    parameters=None,
    confidence_level: ArrayLike = 0.95,
    args=(),
    bounds=None,
    method="adamax",
    nan_policy=None,
    loss="linear",
    f_scale=1.0,
    tol=None,
    options=None,
    workers=None,
):
    """Find intervals of a fit's parameters, by its profile: fits with one parameter fixed.

    The call is that of `curve_fit`. An interval holds the values of a parameter with which the
    other parameters can still fit the data. It need not be symmetric.

    Parameters
    ----------
    f, xdata, ydata, p0, sigma, absolute_sigma, bounds, nan_policy
        As for `curve_fit`, with an `f` that can be compiled and a `sigma` of one dimension. The
        start `p0` may be the fit.
    parameters : int, str or list of them, optional
        Those whose intervals are wanted, by index or by name in f's signature. The default is all.
    confidence_level : float or array_like
        The level of the intervals, or several.
    args : tuple
        Without `xdata` and `ydata`, `f` is a function ``f(p, *args)`` that returns residuals, as
        for `least_squares`. Then `absolute_sigma` says that they are in units of their errors.
    method, loss, f_scale, tol, options, workers
        As for `curve_fit_batch`.

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``confidence_interval.low`` and ``.high`` have a value for each of `parameters`, and a row
        for each level if there are several. ``status[0]`` and ``status[1]`` say of each low and
        high end how it was found:

        - 0: found.
        - 1: the parameter's bound. There the data do not yet contradict the value.
        - 2: infinite, as no value far away contradicts the data.
        - 3: found, but the profile turns back beyond it or before it.
        - 4: the residuals beyond are not finite.
        - -1: NaN, as the fit failed or has no degrees of freedom.
        - -2: approximate, as a refit did not converge.

        ``success`` is whether no status is negative. ``profiles`` has a `Profile` for each of
        `parameters`: ``values, tau, x``. The fit is in ``x, stderr, cov, cost, dof,
        reduced_chi2``, and ``message`` counts the statuses.

    Raises
    ------
    ValueError, TypeError
        For arguments that make no sense, or an `f` that cannot be compiled.

    Notes
    -----
    An end is where ``tau**2`` reaches a threshold. It is the increase of the squared residuals
    over the square of their scale. If `sigma` is absolute, or `loss` is "poisson", the scale is 1,
    and the threshold is that of chi-square with one degree of freedom. Else `reduced_chi2` is the
    square of the scale, and the threshold is that of F with 1 and `dof` degrees of freedom. That is
    the interval of Bates and Watts (1988), of R's ``confint`` and of lmfit's ``conf_interval``.

    All ends are searched at once: a round of refits is one batch. If ``tau`` over ``values`` is a
    straight line, `stderr` says as much as the profile.

    Examples
    --------
    >>> import fastopt, numpy as np
    >>> def decay(t, height, rate, base):
    ...     return height * np.exp(-rate * t) + base
    >>> t = np.linspace(0, 4, 9)
    >>> y = [3.1, 2.2, 1.7, 1.3, 1.0, 0.7, 0.6, 0.4, 0.3]
    >>> res = fastopt.confidence(decay, t, y, parameters="rate")
    >>> low, high = res.confidence_interval
    >>> print(f"{low[0]:.4f} < {res.x[1]:.4f} < {high[0]:.4f}; {res.message}")
    0.5042 < 0.5997 < 0.7002; 2 of 2 ends found.
    """
    run_options.find_rule(method)
    loss, f_scale = fit_inputs.loss_of(loss, f_scale, counts=ydata is not None)
    levels = levels_of(confidence_level)
    how = {"method": method, "loss": loss, "f_scale": f_scale, "tol": tol}
    how |= {"options": quiet(options), "workers": workers}
    refits = Refits(f, xdata, ydata, p0, sigma, absolute_sigma, bounds, nan_policy, args, **how)
    ks = indices_of(parameters, f, refits.start.size)
    best = refits.start
    for _ in range(BETTER):
        fit = refits.fit(best)
        cov, stderr = refits.errors(fit)
        scale = 1.0 if refits.absolute else float(fit.reduced_chi2[0])
        sound = fit.success[0] and scale > 0.0
        thresholds = _thresholds(levels, None if refits.absolute else int(fit.dof[0]))
        if not sound:
            break
        wanted = sorted(set(thresholds.ravel().tolist()))
        sides, ends, best = profiles.trace(refits, fit, ks, wanted, stderr, cov, scale)
        if best is None:
            break
    low, high, status = _ends(levels, thresholds, len(ks), ends if sound and best is None else None)
    return scipy_result.build(
        x=fit.x[0],
        stderr=stderr,
        cov=cov,
        cost=float(fit.cost[0]),
        dof=int(fit.dof[0]),
        reduced_chi2=float(fit.reduced_chi2[0]),
        parameters=ks,
        confidence_level=levels[()],
        confidence_interval=ConfidenceInterval(low, high),
        status=status,
        success=bool((status >= 0).all()),
        message=summary(status),
        profiles=[_joined(*sides[2 * i : 2 * i + 2]) for i in range(len(ks))] if sound else [],
        nfev=refits.nfev,
    )


def _thresholds(levels, dof):
    """Return tau at the ends of intervals of these levels; `dof` is None for a known scale."""
    from scipy.special import ndtri, stdtrit  # late: slow to import

    if dof is None:
        return ndtri(0.5 + 0.5 * levels)
    return stdtrit(dof, 0.5 + 0.5 * levels) if dof > 0 else np.full(levels.shape, math.nan)


def _ends(levels, thresholds, count, ends):
    """Return arrays (low, high, status) of `count` parameters; `ends` is None without a fit."""
    values = np.full((2, *levels.shape, count), math.nan)
    status = np.full(values.shape, NO_FIT)
    if ends is not None:
        for at in np.ndindex(status.shape):
            side, *level, i = at
            values[at], status[at] = ends[2 * i + side][float(thresholds[tuple(level)])]
    return values[0], values[1], status


def _joined(below, above):
    """Return the profile of two sides."""
    parts = []
    for side, order in ((below, slice(None, 0, -1)), (above, slice(None))):
        x = np.array(side.x)
        parts.append((x[order, side.k], (side.sign * np.array(side.tau))[order], x[order]))
    return Profile(*(np.concatenate(pair) for pair in zip(*parts, strict=True)))
