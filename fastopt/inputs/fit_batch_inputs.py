"""Checks and conversion of the arguments of batches of fits."""

from typing import Any, NamedTuple

import numpy as np

from fastopt._sentences import counted
from fastopt.arrays import arguments, data_rows
from fastopt.inputs import batch_inputs, single_values
from fastopt.inputs.fit_inputs import given_sides, require_covariances, root_of, with_defaults
from fastopt.inputs.start_and_bounds import floats
from fastopt.targets import dispatch


class Sides(NamedTuple):
    """Bounds in the form of `scipy.optimize.Bounds`; rows are problems."""

    lb: Any
    ub: Any


class Where(NamedTuple):
    """Where a batch runs."""

    target: Any
    may_move: bool  # whether it may run on a GPU although the target is the CPU
    threads: int
    executor: Any  # or None


def where_of(device, workers, **given):
    """Return where a batch runs; `given` are its arrays, by name."""
    for name, value in given.items():
        parts = value if isinstance(value, list) else data_rows.leaves(value)
        if any(map(arguments.is_elsewhere, parts)):
            raise ValueError(
                f"{name} lives on a GPU; fits take host arrays, which they copy themselves with "
                "device='cuda'"
            )
    asked, target = dispatch.for_batch(device, workers)
    return Where(target, asked == "auto" and workers is None, *batch_inputs.workers_of(workers))


def read(rule, x0, data, args, bounds, tol, options, names=batch_inputs.NAMES):
    """Return the `Batch` of these arguments, with starts in float64."""
    if tol is not None and np.ndim(tol) == 0:
        tol = single_values.number("tol", tol, 0.0)
    options = with_defaults(options, tol)
    x0 = np.array(floats(x0), np.float64)
    if x0.ndim > 2:
        raise ValueError(f"x0 has shape {x0.shape}; it must have a row for each problem")
    sides = sides_of(bounds, x0.shape[-1] if x0.ndim else 1)
    batch = batch_inputs.read(rule, x0, data, args, sides, None, options, None, names)
    batch_inputs.require_memory(batch)
    return batch


def sides_of(bounds, n):
    """Return bounds (low, high) of n parameters, with or without rows, or None for none."""
    if bounds is None:
        return None
    pair = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
    try:
        low, high = (np.asarray(side, dtype=float) for side in pair)
        low, high = (np.broadcast_to(s, np.broadcast_shapes(s.shape, (n,))) for s in (low, high))
    except (TypeError, ValueError):
        raise ValueError(
            f"bounds {given_sides(bounds, pair)}; they must be (low, high), each a number, or an "
            f"array with one for each of {counted(n, 'parameter')}, or with such a row for each "
            "problem"
        ) from None
    return None if np.isneginf(low).all() and np.isposinf(high).all() else Sides(low, high)


class Curves(NamedTuple):
    """The checked data of many curves."""

    axes: tuple  # lengths of the axes of the problems
    y: Any  # an array with a row for each problem, or a list of arrays
    weights: Any  # 1 / sigma, or roots of covariances; for all problems, or like y; or None
    weighing: int  # number of axes of a problem's weights; 0: there are none
    columns: tuple  # coordinates: vectors for all problems, or like y
    shared: bool  # whether `columns` are vectors for all problems
    omit: bool  # whether points of which y is NaN are left out


def curves_of(xdata, ydata, sigma, nan_policy):
    """Return the data of many curves as `Curves`."""
    if nan_policy not in (None, "raise", "omit"):
        raise ValueError(f"nan_policy = {nan_policy!r}; it must be None, 'raise' or 'omit'")
    y, axes = _values("ydata", ydata)
    columns, shared = _columns(xdata, y, axes)
    covariances = None if sigma is None else _covariances(sigma, y, axes)
    sigma = None if sigma is None or covariances is not None else _like(sigma, y, axes, "sigma")
    omit = nan_policy == "omit"
    if nan_policy is not None and any(map(_has_nan, (y, *columns))):
        if not omit:
            raise ValueError("the data have NaN values")
        y, columns, sigma = _without_nan(y, columns, sigma)
    if covariances is not None:
        return Curves(axes, y, _roots(covariances, y, omit), 2, columns, shared, omit)
    if sigma is None:
        return Curves(axes, y, None, 0, columns, shared, omit)
    rows = sigma if isinstance(sigma, list) else [sigma]
    if not all((row > 0.0).all() for row in rows):
        raise ValueError("sigma must be positive: standard deviations of ydata")
    weights = [1.0 / row for row in rows] if isinstance(sigma, list) else 1.0 / sigma
    return Curves(axes, y, weights, 1, columns, shared, omit)


def _covariances(sigma, y, axes):
    """Return matrices of covariances, for all problems or in the form of y; None for others."""
    if isinstance(y, list):
        if not (isinstance(sigma, list) and any(np.ndim(row) == 2 for row in sigma)):
            return None
        rows = [_floats(f"sigma[{b}]", row) for b, row in enumerate(sigma)]
        if [row.shape for row in rows] != [(row.size, row.size) for row in y]:
            raise ValueError("the sizes of the covariances in sigma differ from those of ydata")
        return rows
    array, m = _floats("sigma", sigma), y.shape[1]
    if array.ndim < 2 or array.shape[-2:] != (m, m) or array.shape == (*axes, m):
        return None
    if array[..., 0, 0].size == 1:
        return array.reshape(m, m)
    if array.shape != (*axes, m, m):
        raise ValueError(
            f"sigma has shape {array.shape}; covariances must be {(m, m)}, the same for all "
            f"problems, or {(*axes, m, m)}"
        )
    return array.reshape(-1, m, m)


def _roots(covariances, y, omit):
    """Return the triangular roots of covariances; a point that is left out has infinite ones."""
    if isinstance(y, list):
        each = zip(covariances, y, strict=True)
        return [_roots(matrix, row[None], omit) for matrix, row in each]
    missing = np.isnan(y) if omit else np.zeros(y.shape[1:], bool)
    if omit and len(y) and (missing == missing[0]).all():
        missing = missing[0]
    absent = missing[..., :, None] | missing[..., None, :]
    matrices = np.where(absent, np.eye(y.shape[1]), covariances)
    require_covariances(matrices)
    roots = root_of(matrices)
    at = np.arange(y.shape[1])
    roots[..., at, at] = np.where(missing, np.inf, roots[..., at, at])
    return roots


def _has_nan(values):
    return any(np.isnan(row).any() for row in (values if isinstance(values, list) else [values]))


def _without_nan(y, columns, sigma):
    """Return the data with NaN in y for each point that has one, and numbers elsewhere."""
    if isinstance(y, list):
        errors = sigma or [None] * len(y)
        each = zip(y, zip(*columns, strict=True), errors, strict=True)
        y, points, errors = zip(*(_without_nan(*given) for given in each), strict=True)
        columns = tuple(map(list, zip(*points, strict=True)))
        return list(y), columns, list(errors) if sigma else None
    y = np.where(np.any([np.isnan(column) for column in columns], axis=0), np.nan, y)
    columns = tuple(np.where(np.isnan(column), 1.0, column) for column in columns)
    if sigma is not None:
        left_out = np.isnan(y) if sigma.ndim == y.ndim else np.isnan(y).all(axis=0)
        sigma = np.where(left_out, 1.0, sigma)
    return y, columns, sigma


def _values(name, value):
    """Return an array with two axes, or a list of vectors, and the lengths of the first axes."""
    if isinstance(value, list) and len({np.shape(row) for row in value}) > 1:
        rows = [_floats(f"{name}[{b}]", row, True) for b, row in enumerate(value)]
        if any(row.ndim != 1 or row.size == 0 for row in rows):
            raise ValueError(f"{name} is a list: each item must be a vector that is not empty")
        return rows, (len(rows),)
    array = _floats(name, value, True)
    if array.ndim < 2 or array.shape[-1] == 0:
        raise ValueError(
            f"{name} has shape {array.shape}; its last axis are the points, the axes before are "
            "the problems. For one problem use fastopt.curve_fit"
        )
    return array.reshape(-1, array.shape[-1]), array.shape[:-1]


def _floats(name, value, short=False) -> Any:
    """Return an array of float64; `short` says that one of float32 is left as it is."""
    try:
        array = arguments.plain(name, value)
    except ValueError:
        raise ValueError(f"{name} has rows of unequal lengths") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} has dtype {array.dtype}; real numbers are accepted")
    kept = short and array.dtype == np.float32
    dtype = np.float32 if kept else np.float64
    return np.ascontiguousarray(array, dtype).reshape(array.shape)  # a number stays one


def _like(value, y, axes, name):
    """Return values for each point: a vector for all problems, or in the form of y.

    `sigma` may be one number.
    """
    if isinstance(y, list):
        if not isinstance(value, list):
            if name == "sigma" and np.ndim(value) == 0:
                return [np.full(row.shape, float(_floats(name, value))) for row in y]
            raise TypeError(f"ydata is a list of vectors; {name} must be such a list too")
        rows = [_floats(f"{name}[{b}]", row) for b, row in enumerate(value)]
        if [row.shape for row in rows] != [row.shape for row in y]:
            raise ValueError(f"the lengths of {name} differ from those of ydata")
        return rows
    array = _floats(name, value)
    if name == "sigma" and array.ndim == 0:
        return np.full(y.shape[1], float(array))
    if array.shape == y.shape[1:]:
        return array
    if array.shape != (*axes, y.shape[1]):
        raise ValueError(
            f"{name} has shape {array.shape}; it must be {y.shape[1:]}, the same for all problems, "
            f"or {(*axes, y.shape[1])}, that of ydata"
        )
    return array.reshape(y.shape)


def _columns(xdata, y, axes):
    """Return the coordinates of the points, and whether they are those of all problems."""
    if isinstance(xdata, tuple) and not xdata:
        raise ValueError("xdata is empty; the points need a coordinate")
    if isinstance(y, list):
        parts = xdata if isinstance(xdata, tuple) else (xdata,)
        return tuple(_like(part, y, axes, "xdata") for part in parts), False
    if not isinstance(xdata, tuple):
        array = _floats("xdata", xdata)
        several = array.ndim == 2 and array.shape != (*axes, y.shape[1])
        parts = tuple(array) if several else (array,)
    else:
        parts = xdata
    columns: list[Any] = [_like(part, y, axes, "xdata") for part in parts]
    shared = all(column.ndim == 1 for column in columns)
    if not shared:
        columns = [np.array(np.broadcast_to(column, y.shape), order="C") for column in columns]
    return tuple(columns), shared


def starts_of(p0, axes):
    """Return starts with a row for each problem, or one for all."""
    if p0 is None:
        raise ValueError("p0 is None; a batch needs a start, for all problems or for each")
    start = np.array(floats(p0, "p0"), np.float64)
    if start.ndim <= 1:
        return start.reshape(-1)
    if start.shape[:-1] != axes or start.shape[-1] == 0:
        raise ValueError(
            f"p0 has shape {start.shape}; it must be a vector for all problems, or have the axes "
            f"{axes} of the problems before that of the parameters"
        )
    return start.reshape(-1, start.shape[-1])


def rows_of_bounds(bounds, axes):
    """Return bounds with the axes of the problems made one."""
    if bounds is None:
        return None
    pair = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
    try:
        sides = [np.asarray(side, dtype=float) for side in pair]
        if len(sides) != 2:
            raise ValueError
    except (TypeError, ValueError):
        return bounds  # `sides_of` says what is wrong
    made = [s.reshape(-1, s.shape[-1]) if s.shape[:-1] == axes and s.ndim > 1 else s for s in sides]
    return Sides(*made)
