"""`bootstrap`: errors and intervals of a fit's parameters by fits of resampled data."""

import math

import numpy as np
from numpy.typing import ArrayLike

from fastopt._sentences import counted
from fastopt.algorithms.status_codes import NOT_RUN
from fastopt.inputs import batch_inputs, fit_inputs, single_values, wrong_keywords
from fastopt.intervals.refits import FAR, Refits, levels_of, quiet
from fastopt.intervals.resampling import KINDS, Sample, interval
from fastopt.results import scipy_result
from fastopt.results.intervals import ConfidenceInterval

METHODS = "BCa", "percentile", "basic"
MOST_NUMBERS = 2**23  # data in one batch, 64 MiB


@wrong_keywords.checked
def bootstrap(
    f,
    xdata,
    ydata,
    p0=None,
    sigma=None,
    absolute_sigma=False,
    *,
    kind=None,
    n_resamples=9999,
    confidence_level: ArrayLike = 0.95,
    method="BCa",
    rng=None,
    bounds=None,
    nan_policy=None,
    loss="linear",
    f_scale=1.0,
    tol=None,
    options=None,
    callback=None,
    workers=None,
):
    """Fit a curve to thousands of resampled data sets; return errors and intervals.

    The call is that of `curve_fit`, with the words of `scipy.stats.bootstrap`.

    Parameters
    ----------
    f, xdata, ydata, p0, sigma, absolute_sigma, bounds, nan_policy
        As for `curve_fit`, with an `f` that can be compiled and a `sigma` of one dimension. The
        start `p0` may be the fit.
    kind : {"residual", "case", "parametric", "poisson"}, optional
        How data are drawn:

        - "residual", the default: the curve of the fit, and residuals drawn with replacement.
          Their errors must be those of `sigma`, or equal.
        - "case": points drawn with replacement. Nothing is assumed about errors.
        - "parametric": the curve of the fit, and Gaussian noise of `sigma`. Its scale is that of
          the residuals, unless `absolute_sigma` is true.
        - "poisson": counts whose means are the curve of the fit. It is the default with
          ``loss="poisson"``.
    n_resamples : int
        The number of data sets that are drawn and fitted.
    confidence_level : float or array_like
        The level of the intervals, or several.
    method : {"BCa", "percentile", "basic"}
        The kind of interval. "BCa" corrects the percentiles for bias and skewness
        (Efron 1987).
    rng : {None, int, `numpy.random.Generator`}, optional
        The source of random numbers, or its seed.
    loss, f_scale, tol, options, workers
        As for `curve_fit_batch`. With ``options={"disp": True}`` there is a progress bar.
    callback : callable, optional
        ``callback(done, total)``, as for `curve_fit_batch`. If it raises StopIteration, the
        intervals are those of the fits that are done.

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``confidence_interval.low`` and ``.high`` have a value for each parameter, and a row for
        each level if there are several. ``bootstrap_distribution``, of shape ``(n, n_resamples)``,
        and ``standard_error`` are as from `scipy.stats.bootstrap`. ``bias`` is the mean of the
        distribution less the fit. A parameter that the data do not determine has the error
        infinity, and its bounds as interval. The fit is in ``x, stderr, cov, cost, dof,
        reduced_chi2``. ``status`` has one for each resample, as from `curve_fit_batch`. Fits that
        failed are NaN, and count for nothing. ``success`` is whether none failed.

    Raises
    ------
    ValueError, TypeError
        For arguments that make no sense, or an `f` that cannot be compiled.

    Examples
    --------
    >>> import fastopt, numpy as np
    >>> def decay(t, height, rate, base):
    ...     return height * np.exp(-rate * t) + base
    >>> t = np.linspace(0, 4, 9)
    >>> y = [3.1, 2.2, 1.7, 1.3, 1.0, 0.7, 0.6, 0.4, 0.3]
    >>> res = fastopt.bootstrap(decay, t, y, rng=1)
    >>> res.standard_error.round(2).tolist(), res.bootstrap_distribution.shape
    ([0.08, 0.04, 0.09], (3, 9999))
    >>> low, high = res.confidence_interval
    >>> print(f"{low[1]:.2f} < {res.x[1]:.2f} < {high[1]:.2f}; {res.message}")
    0.51 < 0.60 < 0.69; 9,999 of 9,999 resamples fitted.
    """
    loss, f_scale = fit_inputs.loss_of(loss, f_scale, counts=True)
    levels, callback = levels_of(confidence_level), batch_inputs.callback_of(callback)
    kind = _kind_of(kind, loss, method)
    n_resamples = single_values.whole_number("n_resamples", n_resamples)
    rng = single_values.generator("rng", rng)
    how = {"loss": loss, "f_scale": f_scale, "tol": tol, "workers": workers}
    how["options"] = quiet(options)
    given = f, xdata, ydata, p0, sigma, absolute_sigma, bounds, nan_policy, ()
    refits = Refits(*given, **how)
    fit = refits.fit()
    cov, stderr = refits.errors(fit)
    n, disp = refits.start.size, {"options": options}
    samples, status = np.full((n_resamples, n), math.nan), np.full(n_resamples, int(NOT_RUN))
    low, high = np.full((2, *levels.shape, n), math.nan)
    ready = fit.success[0] and (fit.dof[0] > 0 or refits.absolute)
    if ready:
        sample = Sample(refits, fit, stderr)
        if kind == "poisson" and not (sample.model >= 0.0).all():  # NaN included
            raise ValueError("kind='poisson' needs a curve that is not negative at the fit")
        again = _Batches(refits, fit.x[0], n_resamples, callback, disp)
        again.run(lambda count: sample.rows(kind, rng, count), samples, status)
        low, high = _intervals(method, kind, sample, _finite(samples), levels)
    known = _finite(samples)
    spread = known.std(axis=0, ddof=1) if len(known) > 1 else np.full(n, math.nan)
    bias = known.mean(axis=0) - fit.x[0] if len(known) else np.full(n, math.nan)
    failed = "" if ready else " The fit itself failed, or has no degrees of freedom."
    lost = np.isinf(stderr) & ready
    if lost.any():  # the refits stay near their start, whatever the data
        spread[lost], bias[lost] = math.inf, math.nan
        low[..., lost] = np.where(refits.low > -FAR, refits.low, -math.inf)[lost]
        high[..., lost] = np.where(refits.high < FAR, refits.high, math.inf)[lost]
        failed = f" The data do not determine {lost.sum()} of the {counted(n, 'parameter')}."
    return scipy_result.build(
        x=fit.x[0],
        stderr=stderr,
        cov=cov,
        cost=float(fit.cost[0]),
        dof=int(fit.dof[0]),
        reduced_chi2=float(fit.reduced_chi2[0]),
        confidence_level=levels[()],
        confidence_interval=ConfidenceInterval(low, high),
        bootstrap_distribution=np.ascontiguousarray(samples.T),
        standard_error=spread,
        bias=bias,
        status=status,
        success=len(known) == n_resamples,
        message=f"{len(known):,} of {counted(n_resamples, 'resample')} fitted.{failed}",
        kind=kind,
        nfev=refits.nfev,
    )


def _kind_of(kind, loss, method):
    """Return how data are drawn; raise an error for words that are not known."""
    kind = kind or ("poisson" if loss == "poisson" else "residual")
    for name, value, known in (("kind", kind, KINDS), ("method", method, METHODS)):
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"{name} = {value!r}; it must be one of {', '.join(map(repr, known))}")
    if loss == "poisson" and kind in ("residual", "parametric"):
        raise ValueError(f"kind = {kind!r} draws no counts; with loss='poisson' leave kind out")
    return kind


def _finite(samples):
    """Return the samples without NaN or infinity."""
    return samples[np.isfinite(samples).all(axis=1)]


def _intervals(method, kind, sample, samples, levels):
    """Return the low and high ends of the intervals, from samples that are finite."""
    without = np.full((sample.model.size, sample.x.size), math.nan)
    if kind == "case" and method == "BCa":
        _leave_out(sample, without)
    if len(samples) < 2:
        return np.full((2, *levels.shape, sample.x.size), math.nan)
    acceleration = sample.acceleration(kind, without) if method == "BCa" else None
    return interval(method, sample.x, samples, levels, acceleration)


class _Batches:
    """Fits in batches that are not too large for the memory."""

    def __init__(self, refits, start, total, callback=None, how=None):
        self.refits, self.start, self.total = refits, start, total
        self.callback, self.how = callback, how or {}
        self.size = max(1, MOST_NUMBERS // refits.y.size)

    def run(self, rows, samples, status):
        """Fit the data that ``rows(count)`` gives; write the parameters and the statuses."""
        for begin in range(0, self.total, self.size):
            part = slice(begin, min(begin + self.size, self.total))
            count = part.stop - begin
            starts, how = np.tile(self.start, (count, 1)), dict(self.how)
            if self.callback is not None:
                how["callback"] = self._shifted(self.callback, begin)
            res = self.refits.again(starts, **rows(count), **how)
            samples[part] = np.where(res.success[:, None], res.x, math.nan)
            status[part] = res.status
            if (res.status == NOT_RUN).any():
                return

    def _shifted(self, callback, begin):
        """Return a callback that counts the fits of the batches before, too."""
        return lambda done, _: callback(begin + done, self.total)


def _leave_out(sample, found):
    """Write the fits that leave out each point in turn."""
    m, begun = len(found), [0]

    def rows(count):
        own = np.arange(begun[0], begun[0] + count)
        begun[0] += count
        others = np.arange(m - 1)
        return sample.picked(others + (others >= own[:, None]))

    _Batches(sample.refits, sample.x, m).run(rows, found, np.empty(m, int))
