"""`multistart`: the best of many minimisations, and all minima they found."""

import inspect
import math
from typing import Any

import numpy as np

from fastopt._sentences import counted
from fastopt.api.minimize_batch import minimize_batch
from fastopt.inputs import wrong_keywords
from fastopt.inputs.single_values import generator, number, whole_number
from fastopt.inputs.start_and_bounds import checked_bounds, sides_of


@wrong_keywords.checked
def multistart(
    fun,
    bounds,
    n_starts=128,
    args=(),
    *,
    method="rmsprop",
    jac=None,
    tol=None,
    callback=None,
    options=None,
    device="auto",
    workers=None,
    rng=None,
    distance=1e-4,
):
    """Minimise from many starts spread over a box; return the best result and every minimum found.

    Parameters
    ----------
    fun : callable ``fun(x, *args) -> float``
        The objective, @njit or plain; it is compiled.
    bounds : `scipy.optimize.Bounds` or sequence of (low, high)
        The box, finite on all sides. Starts are inside it, and no iterate leaves it.
    n_starts : int
        The number of starts. They are a scrambled Sobol sequence (`scipy.stats.qmc.Sobol`), which
        is most even for a power of two.
    args, method, jac, tol, callback, options, device, workers
        As for `minimize_batch`.
    rng : int or `numpy.random.Generator`, optional
        The seed of the scrambling; by default the starts are the same in every call.
    distance : float
        Ends within this distance, in units of the box's sides, count as one minimum, if their
        values are within the same relative distance too.

    Returns
    -------
    scipy.optimize.OptimizeResult
        The best problem's result, as from `minimize`, with these fields in addition:

        - ``minima`` : array (k, n), the distinct minima, the best first;
        - ``minima_fun`` : array (k,), their values;
        - ``minima_count`` : array (k,), how many starts ended there;
        - ``starts`` : the whole `minimize_batch` result, for each start.

    Raises
    ------
    ValueError
        For a box without finite sides, and as from `minimize_batch`.

    Notes
    -----
    Only runs that converged count as minima. If there are none, the best point of all is returned.

    Examples
    --------
    >>> import fastopt
    >>> def camel(x):  # the six-hump camel function: two global minima of six
    ...     a, b = x[0] ** 2, x[1] ** 2
    ...     return (4 - 2.1 * a + a * a / 3) * a + x[0] * x[1] + (4 * b - 4) * b
    >>> res = fastopt.multistart(camel, [(-3, 3), (-2, 2)], 64)
    >>> round(res.fun, 6), len(res.minima)
    (-1.031628, 6)
    """
    count = whole_number("n_starts", n_starts, 1, 2**30)  # SciPy's largest number of Sobol points
    rng = generator("rng", 0 if rng is None else rng)
    distance = number("distance", distance, 0.0)
    low, high, shape = _box(bounds)
    starts = np.clip(low + _spread(count, low.size, rng) * (high - low), low, high)
    batch = minimize_batch(
        fun,
        starts.reshape(count, *shape),
        args=args,
        method=method,
        jac=jac,
        bounds=list(zip(low, high, strict=True)),
        tol=tol,
        callback=callback,
        options=options,
        device=device,
        workers=workers,
    )
    best = _best(batch)
    result = batch.problem(best)
    places, counts = distinct(batch, high - low, distance)
    result.minima = batch.x[places]
    result.minima_fun = batch.fun[places]
    result.minima_count = counts
    result.starts = batch
    result.message = (
        f"{len(places):,} {'minimum' if len(places) == 1 else 'minima'} from "
        f"{counted(count, 'start')}. Of the best: {result.message}"
    )
    return result


def _box(bounds):
    """Return (low, high, shape) of the box; raise if a side is infinite."""
    if hasattr(bounds, "lb"):
        shape = np.broadcast_shapes(np.shape(bounds.lb), np.shape(bounds.ub)) or (1,)
    elif hasattr(bounds, "__len__") and len(bounds) and not isinstance(bounds, str):
        shape = (len(bounds),)
    else:
        raise ValueError(f"bounds = {bounds!r}; starts are spread over finite (low, high) pairs")
    low, high = sides_of(bounds, shape)
    checked_bounds(low, high, low)
    if not np.isfinite(high - low).all():
        i = int(np.argmin(np.isfinite(high - low)))
        raise ValueError(
            f"bounds of component {i} are ({low[i]:g}, {high[i]:g}); they must be finite: "
            "starts are spread over them"
        )
    return low, high, shape


def _spread(count, n, rng):
    """Return `count` points in the unit cube."""
    from scipy.stats import qmc

    name = "rng" if "rng" in inspect.signature(qmc.Sobol).parameters else "seed"  # SciPy < 1.15
    options: Any = {name: rng}
    engine = qmc.Sobol(n, **options)
    return engine.random_base2(math.ceil(math.log2(count)))[:count]


def _best(batch):
    """Return the number of the start with the lowest value; of equal ones, a converged one."""
    value = np.where(np.isnan(batch.fun), np.inf, batch.fun)
    return int(np.lexsort((~batch.success, value))[0])


def distinct(batch, width, distance):
    """Return the index of one end for each minimum, best first, and the number of its ends."""
    order = np.flatnonzero(batch.success)
    order = order[np.argsort(batch.fun[order], kind="stable")]
    units = batch.x.reshape(-1, width.size)[order] / np.where(width > 0.0, width, 1.0)
    values = batch.fun[order]
    nearest = distance * (1.0 + np.abs(values))
    kept, counts, left = [], [], np.ones(len(order), bool)
    for k in range(len(order)):
        if not left[k]:
            continue
        window = slice(k, int(np.searchsorted(values, values[k] + nearest[k], "right")))
        near = left[window] & (np.max(np.abs(units[window] - units[k]), axis=1) <= distance)
        left[window] &= ~near
        kept.append(order[k])
        counts.append(int(near.sum()))
    return np.array(kept, int), np.array(counts, int)
