"""Checks of `shared`, and a batch of fits as one fit with shared parameters."""

import math
import operator
from typing import Any, NamedTuple

import numpy as np

from fastopt.inputs import batch_inputs, fit_inputs, start_and_bounds


class Sharing(NamedTuple):
    """The shared parameters of a fit."""

    places: Any  # their numbers
    x0: Any  # their start
    box: Any  # (low, high) or None
    settings: Any  # options of their search; those of the batch are for each curve


def places_of(shared, n, f=None):
    """Return the numbers of the shared parameters of n, in their order; an array.

    `f` is a model whose arguments have the names of the parameters. Residuals have no names.
    """
    items = () if shared is None else [shared] if isinstance(shared, str) else shared
    if isinstance(items, list | tuple | np.ndarray):
        items = [_number_of(item, f) if isinstance(item, str) else item for item in items]
    try:
        given = np.asarray(items)
        if given.dtype == bool and given.shape == (n,):
            return np.flatnonzero(given)
        if given.dtype == bool or given.ndim > 1:
            raise TypeError
        places = [operator.index(item) for item in given.reshape(-1).tolist()]
    except (TypeError, ValueError):
        raise TypeError(
            f"shared = {shared!r}; it must be the numbers of parameters, such as [0, 2], or "
            f"their names, or a True or False for each of the {n}"
        ) from None
    if bad := [item for item in places if not -n <= item < n]:
        raise ValueError(f"shared has {bad[0]}; parameters are numbered from 0 to {n - 1}")
    places = sorted(item % n for item in places)
    if len(set(places)) < len(places):
        raise ValueError(f"shared = {shared!r} names a parameter twice")
    return np.array(places, dtype=np.intp)


def _number_of(name, f):
    """Return the number of the parameter with this name."""
    names = fit_inputs.parameter_names(f) if f else []
    if not names:
        raise ValueError(
            f"shared has {name!r}, but the parameters have no names here: give their numbers, "
            "such as [0, 2]"
        )
    if name not in names:
        raise ValueError(f"shared has {name!r}; the parameters are {', '.join(names)}")
    return names.index(name)


def split(batch, shared, callback, where, f=None):
    """Return the batch, the `Sharing`, and the user's callback as a function for it.

    In the batch the shared parameters are fixed. If none is shared, `Sharing` is None. `f` is as in
    `places_of`.
    """
    places = places_of(shared, math.prod(batch.shape), f)
    if not places.size:
        return batch, None, batch_inputs.callback_of(callback)
    if where.target.NAME == "cuda" or where.executor is not None or batch.settings.checkpoint:
        raise ValueError(
            "with shared parameters, fits run on threads of this machine, without checkpoints: "
            "leave out device and options['checkpoint'], and let workers be a number"
        )
    return *_split(batch, places), start_and_bounds.callback_of(callback)


def _split(batch, places):
    given, settings = batch.problem_data, batch.settings
    if any(len(table) > 1 for _, table in (given.limits, given.options, given.schedule)):
        raise ValueError(
            "tol and options must be numbers if parameters are shared: the curves are one fit"
        )
    count, n = batch.problems, math.prod(batch.shape)
    starts = np.array(np.broadcast_to(given.x0, (count, n)), order="C")
    shared = np.array([_middle(column) for column in given.x0[:, places].T])
    starts[:, places] = shared
    box, low, high = None, np.full((1, n), -math.inf), np.full((1, n), math.inf)
    if batch.example is not None and batch.example.box is not None:
        low, high = np.array(given.low), np.array(given.high)
        for side in (low, high):
            if differ := [i for i in places if (side[:, i] != side[0, i]).any()]:
                raise ValueError(
                    f"bounds of parameter {differ[0]} differ from problem to problem, and it is "
                    "shared"
                )
        box = low[0, places], high[0, places]
    low[:, places] = high[:, places] = shared
    data = given._replace(x0=starts, low=low, high=high)
    own = settings._replace(limits=_limits_of_curves(settings.limits), disp=False)
    data = data._replace(limits=(own.limits, np.array([own.limits])))
    batch = batch._replace(problem_data=data, settings=own)
    if batch.example is not None:
        example = batch.example._replace(box=(low[0].copy(), high[0].copy()))
        batch = batch._replace(example=example)
    return batch, Sharing(places, shared, box, settings)


def _middle(values):
    """Return the median of the values that are finite; NaN if there are none."""
    sound = values[np.isfinite(values)]
    return np.median(sound) if sound.size else math.nan


def _limits_of_curves(limits):
    """Return the limits of each curve's fit: as exact as by default, at least."""
    exact = {
        name: min(getattr(limits, name), fit_inputs.DEFAULTS[name])
        for name in ("gtol", "ftol", "xtol")
    }
    most = max(limits.maxfev, fit_inputs.DEFAULTS["maxfev"])
    return limits._replace(**exact, maxfev=float(most), maxiter=math.inf)
