"""The data of many curves as fields of a batch, and the objective of their model."""

from typing import NamedTuple

import numpy as np

from fastopt.drivers.fits import compiled_residuals, fit_batch
from fastopt.drivers.fits.curve import columns_of, values_of


class Places(NamedTuple):
    """Places of the data in a problem's arguments."""

    y: int
    w: int  # 1 / sigma, or the root of covariances; -1: none
    x: int  # first coordinate


def arranged(curves):
    """Return (fields, args, `Places`): the data that each problem has, and those of all."""
    fields, args = [curves.y], []
    weighted = curves.weights is not None
    own = weighted and (isinstance(curves.weights, list) or curves.weights.ndim > curves.weighing)
    (fields if own else args).extend([curves.weights] if weighted else [])
    w = -1 if not weighted else 1
    if curves.shared:
        x = len(fields) + len(args)
        args.extend(curves.columns)
    else:
        x = len(fields)
        fields.extend(curves.columns)
        w = len(fields) if weighted and not own else w
    return tuple(fields), tuple(args), Places(0, w, x)


def named(batch, curves, places):
    """Return the data by the names of the arguments, for a checkpoint."""
    data = *batch.problem_data.fields, *batch.problem_data.args
    return {
        "xdata": data[places.x : places.x + len(curves.columns)],
        "ydata": data[places.y],
        "sigma": data[places.w] if places.w >= 0 else None,
        "nan_policy": curves.omit,
    }


def bindings_of(fun, batch, curves, places, loss):
    """Return the bindings of a model, and the batch with the data as it reads them."""
    p = np.array(batch.example.x0)
    if not np.isfinite(p).all():
        p = np.ones(p.size)
    b, *others = fit_batch.examples(batch)
    count, k = len(curves.columns), places.x
    args = fit_batch.args_of(batch, b)
    y, columns = args[places.y], args[k : k + count]
    x = columns[0] if count == 1 else np.stack(columns)
    values = values_of(fun, x, y)
    alone = columns_of(fun, x, y, values, tuple(p.tolist()))
    for other in others if alone is None else ():
        own = fit_batch.args_of(batch, other)
        values_of(fun, own[k], own[places.y])(tuple(p.tolist()))
    if alone is None and count > 1:
        if not curves.shared:
            raise ValueError(
                "f looks at all points at once, and has several coordinates: they must be those "
                "of all problems, in one array"
            )
        shared = *batch.problem_data.args[: k - len(batch.problem_data.fields)], x
        batch = batch._replace(problem_data=batch.problem_data._replace(args=shared))
    coordinates = 0 if alone is None else count
    bindings = compiled_residuals.of_curve(
        coordinates, curves.weighing, *places, omit=curves.omit, counts=loss == "poisson"
    )
    return bindings, batch


def residuals_of(batch, curves, places, b, values, jacobian, loss):
    """Return the residuals of problem b and their derivatives, from those of the model.

    For counts, return the model's values, their derivatives, and the counts.
    """
    args = fit_batch.args_of(batch, b)
    y = args[places.y]
    used = ~np.isnan(y) if curves.omit else np.ones(y.size, bool)
    if curves.weighing == 2:
        return values[used], jacobian[used], None
    if loss == "poisson":
        return values[used], jacobian[used], y[used]
    r = values - y
    if places.w >= 0:
        r, jacobian = r * args[places.w], jacobian * args[places.w][:, None]
    return r[used], jacobian[used], None
