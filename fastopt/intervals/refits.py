"""One data set that is fitted again and again, many fits in a batch."""

import inspect

import numpy as np

from fastopt.api.curve_fit_batch import curve_fit_batch
from fastopt.api.least_squares_batch import least_squares_batch
from fastopt.inputs import fit_inputs, run_options
from fastopt.inputs.start_and_bounds import checked_bounds

FAR = np.finfo(float).max


class Refits:
    """A model or residuals, their data, and how they are fitted.

    Parameters
    ----------
    f, xdata, ydata, p0, sigma, absolute_sigma, nan_policy, args
        As for `fastopt.confidence`.
    bounds : (low, high) or `scipy.optimize.Bounds` or None
        Those of all fits.
    how : dict
        Further arguments of `curve_fit_batch`.
    """

    def __init__(self, f, xdata, ydata, p0, sigma, absolute_sigma, bounds, nan_policy, args, **how):
        if not callable(f):
            raise TypeError(f"f must be a function, not {type(f).__name__}")
        self.f, self.how = f, how
        self.absolute = bool(absolute_sigma) or how["loss"] == "poisson"
        self.is_curve = xdata is not None or ydata is not None
        if self.is_curve:
            self._read_curve(xdata, ydata, sigma, nan_policy, args)
        else:
            if p0 is None:
                raise ValueError("give xdata and ydata, or p0 and args if f returns residuals")
            if sigma is not None or nan_policy is not None:
                raise ValueError("sigma and nan_policy need xdata and ydata; f returns residuals")
            self.args = args if isinstance(args, tuple) else (args,)
        p, sides = fit_inputs.start_and_sides(f, p0, bounds)
        # Loops with and without bounds are two compilations; bounds beyond all numbers need one.
        low, high = sides or (np.full(p.size, -np.inf), np.full(p.size, np.inf))
        self.low, self.high = np.maximum(low, -FAR), np.minimum(high, FAR)
        checked_bounds(self.low, self.high, p, "p0")
        self.start = p
        self.nfev = 0  # of all fits

    def _read_curve(self, xdata, ydata, sigma, nan_policy, args):
        """Read the data of a curve."""
        if xdata is None or ydata is None:
            raise ValueError("give both xdata and ydata, or neither if f returns residuals")
        if not isinstance(args, tuple) or args:
            raise ValueError("args are those of residuals; leave them out for a curve")
        x, self.y, self.sigma = fit_inputs.data_of(xdata, ydata, sigma, nan_policy, None)
        if not isinstance(x, np.ndarray) or x.shape[-1:] != self.y.shape or x.ndim > 2:
            raise ValueError("xdata must be an array of shape (m,) or (k, m), with ydata's length")
        self.x = x
        if self.how["loss"] == "poisson":
            fit_inputs.require_counts(self.sigma, self.y)
        if self.sigma is not None and self.sigma.ndim == 2:
            raise ValueError(
                "sigma must have one dimension here; to use covariances, let f return residuals "
                "that are multiplied by the inverse of their Cholesky factor"
            )

    def fit(self, start=None):
        """Return the result of the fit, a batch of one."""
        return self.again(np.atleast_2d(self.start if start is None else start))

    def again(self, starts, low=None, high=None, *, y=None, sigma=None, x=None, **how):
        """Return the results of fits, one for each row of `starts`.

        `low` and `high` are rows of bounds. `y`, `sigma` and `x` are rows of data in place of the
        own ones; `x` is a tuple with rows of each coordinate.
        """
        low = np.broadcast_to(self.low if low is None else low, starts.shape)
        high = np.broadcast_to(self.high if high is None else high, starts.shape)
        how = {**self.how, "bounds": (low, high), **how}
        res = self._solved(starts, how, y, sigma, x)
        self.nfev += int(res.nfev.sum())
        return res

    def _solved(self, starts, how, y, sigma, x):
        """Return the results of a batch."""
        if not self.is_curve:
            return least_squares_batch(self.f, starts, (), self.args, **how)
        y = np.broadcast_to(self.y, (len(starts), self.y.size)) if y is None else y
        # Vectors in a tuple are coordinates of all problems, whatever the shape of the batch.
        x = tuple(np.atleast_2d(self.x)) if x is None else x
        sigma = self.sigma if sigma is None else sigma
        return curve_fit_batch(self.f, x, y, starts, sigma, self.absolute, **how)

    def errors(self, fit):
        """Return the covariances of a fit's parameters, and their roots."""
        cov, stderr = fit.cov[0], fit.stderr[0]
        if self.absolute and not self.is_curve:
            with np.errstate(invalid="ignore", divide="ignore"):
                cov = cov / fit.reduced_chi2[0]
                stderr = stderr / np.sqrt(fit.reduced_chi2[0])
        return cov, stderr


def indices_of(parameters, f, n):
    """Return the indices of parameters that are given by index or name; None means all."""
    if parameters is None:
        return tuple(range(n))
    names = []
    if any(isinstance(p, str) for p in np.atleast_1d(np.asarray(parameters, dtype=object))):
        names = list(inspect.signature(getattr(f, "py_func", f)).parameters)[1:]
    found = []
    for p in np.atleast_1d(np.asarray(parameters, dtype=object)):
        if isinstance(p, str):
            if p not in names or len(names) != n:
                raise ValueError(f"f has no parameter {p!r}; they are {', '.join(names)}")
            found.append(names.index(p))
        elif isinstance(p, int | np.integer) and not isinstance(p, bool) and -n <= p < n:
            found.append(int(p) % n)
        else:
            raise ValueError(f"parameters has {p!r}; it must be a name or an index below {n}")
    if not found or len(set(found)) < len(found):
        raise ValueError("parameters must name at least one parameter, and each of them once")
    return tuple(found)


def quiet(options):
    """Return options without messages: they would come from each batch."""
    given = run_options.given_options(options)
    if "checkpoint" in given:
        raise ValueError("options['checkpoint'] is for one batch of fits; leave it out here")
    return {**given, "disp": False}


def levels_of(confidence_level):
    """Return levels as an array, checked."""
    try:
        levels = np.asarray(confidence_level, dtype=float)
    except (TypeError, ValueError):
        levels = np.array(np.nan)
    if levels.ndim > 1 or levels.size == 0 or not ((levels > 0.0) & (levels < 1.0)).all():
        raise ValueError(
            f"confidence_level = {confidence_level!r}; it must be a number between 0 and 1, or a "
            "list of such numbers"
        )
    return levels
