"""Checks and conversion of the arguments of fits."""

import inspect
import math
import types

import numpy as np

from fastopt._sentences import counted
from fastopt.algorithms.fits.losses import LOSSES
from fastopt.arrays import arguments
from fastopt.inputs import run_options, single_values
from fastopt.inputs.start_and_bounds import checked_bounds, floats

# Default tolerances; see the options of `least_squares`.
DEFAULTS = {"gtol": 1e-12, "ftol": 1e-13, "xtol": 1e-10, "maxfev": 1000}
FOREIGN = "learning_rate", "maxcor"


def options_of(rule, options, tol):
    """Return the checked options of a fit."""
    if tol is not None:
        tol = single_values.number("tol", tol, 0.0)
    return run_options.parse(rule, with_defaults(options, tol), None, np.dtype(np.float64))


def with_defaults(options, tol):
    """Return the options of a fit with its defaults; `tol` sets all three tolerances."""
    given = run_options.given_options(options)
    for name in FOREIGN:
        if name in given:
            raise ValueError(f"options[{name!r}] has no meaning in a least-squares fit")
    tolerances = {} if tol is None else dict.fromkeys(("gtol", "ftol", "xtol"), tol)
    return {**DEFAULTS, **tolerances, **given}


def start_of(x0, name="x0"):
    """Return x0 as a new vector of float64."""
    x = np.array(floats(x0, name), dtype=np.float64)
    x = x.reshape(1) if x.ndim == 0 else x
    if x.ndim != 1 or x.size == 0:
        raise ValueError(f"{name} has shape {x.shape}; it must be a vector of the parameters")
    if not np.isfinite(x).all():
        at = int(np.flatnonzero(~np.isfinite(x))[0])
        raise ValueError(f"{name} is not finite at component {at}")
    return x


def sides_of(bounds, n):
    """Return the bounds (low, high) of n parameters, or None if there are none.

    They are a `scipy.optimize.Bounds`, or a pair of numbers or vectors, as SciPy's fits take them.
    """
    if bounds is None:
        return None
    pair = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
    try:
        low, high = (np.array(np.broadcast_to(np.asarray(s, float), (n,))) for s in pair)
    except (TypeError, ValueError):
        raise ValueError(
            f"bounds {given_sides(bounds, pair)}; they must be (low, high), each a number or one "
            f"for each of {counted(n, 'parameter')}, or a scipy.optimize.Bounds"
        ) from None
    if (low == -math.inf).all() and (high == math.inf).all():
        return None
    return low, high


def given_sides(bounds, pair):
    """Return what was given in the place of `pair`, (low, high), for an error."""
    try:
        shapes = [np.shape(side) for side in pair]
    except (TypeError, ValueError):
        return f"= {bounds!r}"
    if len(shapes) == 2 and all(map(len, shapes)):
        return f"have arrays of shapes {shapes[0]} and {shapes[1]}"
    if set(shapes) == {(2,)}:
        return "are pairs, one for each parameter, as fastopt.minimize takes them"
    return f"= {bounds!r}"


def box_of(bounds, x):
    """Return the bounds (low, high) around the start, or None if there are none."""
    sides = sides_of(bounds, x.size)
    return sides and checked_bounds(*sides, x)


def loss_of(loss, f_scale, counts=False):
    """Return the checked loss, and its scale; `counts` says that it may be "poisson"."""
    known = *LOSSES, *(["poisson"] if counts else [])
    if loss == "poisson" and not counts:
        raise ValueError("loss='poisson' needs the model and its data: use fastopt.curve_fit")
    if not isinstance(loss, str) or loss not in known:
        names = ", ".join(map(repr, known))
        raise ValueError(f"loss = {loss!r}; it must be one of {names}")
    f_scale = single_values.number("f_scale", f_scale, 0.0)
    if f_scale == 0.0:
        raise ValueError("f_scale = 0; it must be positive")
    return loss, f_scale


def require_counts(sigma, y=None):
    """Raise an error for a sigma, or for negative counts."""
    if sigma is not None:
        raise ValueError("with loss='poisson' the counts have their own errors: leave sigma out")
    if y is not None and (y < 0.0).any():
        raise ValueError("ydata has negative values; with loss='poisson' it must be counts")


def parameter_count(f):
    """Return the number of parameters of the model, from its signature."""
    names = parameter_names(f)
    if not names:
        raise ValueError("the number of parameters is not known from f's signature: give p0")
    return len(names)


def parameter_names(f):
    """Return the names of the model's parameters; none if its signature does not tell them all."""
    try:
        known = inspect.signature(getattr(f, "py_func", f)).parameters.values()
    except (TypeError, ValueError):
        return []
    if any(p.kind == inspect.Parameter.VAR_POSITIONAL for p in known):
        return []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in known if p.kind in positional][1:]


def feasible_start(sides, n):
    """Return SciPy's start inside the bounds: ones, or near a bound, or between two."""
    if sides is None:
        return np.ones(n)
    low, high = sides
    below, above = np.isfinite(low), np.isfinite(high)
    with np.errstate(invalid="ignore"):
        middle = 0.5 * low + 0.5 * high
    return np.where(
        below & above, middle, np.where(below, low + 1.0, np.where(above, high - 1.0, 1.0))
    )


def start_and_sides(f, p0, bounds):
    """Return the start of a curve's fit, SciPy's if `p0` is None, and its bounds or None."""
    if p0 is None:
        n = parameter_count(f)
        sides = sides_of(bounds, n)
        return feasible_start(sides, n), sides
    p = start_of(p0, "p0")
    return p, sides_of(bounds, p.size)


def data_of(xdata, ydata, sigma, nan_policy, check_finite):
    """Return the data of a curve as arrays, without the points that are left out."""
    if nan_policy not in (None, "raise", "omit"):
        raise ValueError(f"nan_policy = {nan_policy!r}; it must be None, 'raise' or 'omit'")
    check = nan_policy is None if check_finite is None else bool(check_finite)
    y = _real("ydata", ydata)
    if y.ndim != 1 or y.size == 0:
        many = "; curve_fit_batch fits many data sets" * (y.ndim > 1)
        raise ValueError(f"ydata has shape {y.shape}; it must be a vector that is not empty{many}")
    x = xdata
    if isinstance(xdata, list | tuple | np.ndarray) or hasattr(xdata, "__array__"):
        x = _real("xdata", xdata)
    if check:
        for name, value in (("xdata", x), ("ydata", y)):
            if isinstance(value, np.ndarray) and not np.isfinite(value).all():
                raise ValueError(
                    f"{name} has NaN or infinite values; nan_policy='omit' leaves out the points "
                    "that are NaN"
                )
    if sigma is not None:
        sigma = _sigma_of(sigma, y)
    if nan_policy is None:
        return x, y, sigma
    missing = np.isnan(y)
    if isinstance(x, np.ndarray) and x.shape[-1:] == y.shape:
        missing = missing | np.isnan(x).reshape(-1, y.size).any(axis=0)
    if missing.any():
        if nan_policy == "raise":
            raise ValueError("the data have NaN values")
        if not isinstance(x, np.ndarray) or x.shape[-1:] != y.shape:
            raise ValueError(
                "nan_policy='omit' needs an xdata whose last axis has the length of ydata"
            )
        kept = ~missing
        if not kept.any():
            raise ValueError("all points of the data are NaN")
        x, y = x[..., kept], y[kept]
        if sigma is not None:
            sigma = sigma[kept] if sigma.ndim == 1 else sigma[np.ix_(kept, kept)]
    return x, y, sigma


def _real(name, value):
    array = arguments.plain(name, value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} has dtype {array.dtype}; real numbers are accepted")
    return np.ascontiguousarray(array, np.float64).reshape(array.shape)


def _sigma_of(sigma, y):
    """Return sigma, checked: a vector, or a matrix of covariances; a number is one for all."""
    sigma = _real("sigma", sigma)
    if sigma.ndim == 0 or sigma.shape == (1,):
        sigma = np.full(y.shape, float(sigma.reshape(())))
    if sigma.shape not in (y.shape, (y.size, y.size)):
        raise ValueError(
            f"sigma has shape {sigma.shape}; it must have shape {y.shape}, that of ydata, or "
            f"{(y.size, y.size)} for covariances"
        )
    if sigma.ndim == 1 and not (sigma[np.isfinite(y)] > 0.0).all():
        raise ValueError("sigma must be positive: standard deviations of ydata")
    if sigma.ndim == 2:
        kept = ~np.isnan(y)
        require_covariances(sigma[np.ix_(kept, kept)])
    return sigma


def require_covariances(matrices):
    """Raise an error if matrices of covariances, along the last two axes, cannot be some."""
    sizes = np.sqrt(np.abs(np.diagonal(matrices, axis1=-2, axis2=-1)))
    with np.errstate(invalid="ignore"):
        off = np.abs(matrices - np.swapaxes(matrices, -1, -2))
        symmetric = off <= 1e-8 * sizes[..., :, None] * sizes[..., None, :]
    if not np.isfinite(matrices).all() or not symmetric.all():
        raise ValueError("sigma, a matrix of covariances, must be finite and symmetric")


def root_of(matrices):
    """Return the lower triangular roots of matrices of covariances."""
    try:
        return np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        raise ValueError("sigma, a matrix of covariances, must be positive definite") from None


def require_arguments(name, function, given, first):
    """Raise an error if a function does not take this number of arguments.

    `first` says in words what they are.
    """
    called = getattr(function, "py_func", function)
    if isinstance(called, types.FunctionType):
        code = called.__code__
        if code.co_argcount == given and not code.co_kwonlyargcount:
            return  # without `inspect`, which is slow
    try:
        signature = inspect.signature(called, follow_wrapped=False)
    except (TypeError, ValueError):
        return  # a function of a compiled library: its call tells
    try:
        signature.bind(*range(given))
    except TypeError as error:
        raise TypeError(f"{name}{signature} was to be called with {first}: {error}") from None


def require_real(name, found, given):
    """Return what a function has returned as an array; complex numbers are for complex steps."""
    found = np.asarray(arguments.unmasked(f"what {name} returned", found))
    if found.dtype.kind == "c" and not np.iscomplexobj(given):
        raise TypeError(
            f"{name} returned complex numbers; return real and imaginary parts side by side"
        )
    return found


def require_vector(found, x=()):
    """Return residuals at x as a vector."""
    r = require_real("fun", found, x)
    r = r.reshape(1) if r.ndim == 0 else r
    if r.ndim != 1 or r.size == 0 or r.dtype.kind not in "fiubc":
        raise ValueError(
            f"fun must return a vector of residuals, not an array of shape {r.shape} and dtype "
            f"{r.dtype}"
        )
    return r if r.dtype.kind == "c" else r.astype(np.float64, copy=False)
