"""`standard_errors`: errors of maximum-likelihood estimates."""

import math

import numpy as np

from fastopt.arrays import arguments, data_rows
from fastopt.compiling import compiler
from fastopt.drivers import hessians
from fastopt.inputs import batch_inputs, wrong_keywords
from fastopt.inputs.start_and_bounds import boxes_of, floats
from fastopt.results import information
from fastopt.results.active_bounds import free_and_mask
from fastopt.results.optimize_result import intermediate


@wrong_keywords.checked
def standard_errors(fun, res, args=(), *, data=(), bounds=None, jac=None, fast_math_functions=True):
    """Estimate the standard errors of parameters that maximise a likelihood.

    Parameters
    ----------
    fun : callable ``fun(x, *data_b, *args) -> float``
        The negative logarithm of the likelihood, summed over the data: what was minimised.
    res : scipy.optimize.OptimizeResult or array_like
        The result of `minimize` or `minimize_batch`, or of another minimiser. An array is x alone.
    args : tuple, optional
        Further arguments of `fun`, as in the minimisation.
    data : array_like or tuple of array_like, optional
        For the result of a batch: the data of each problem, as for `minimize_batch`, on the CPU.
    bounds : `scipy.optimize.Bounds`, sequence of (low, high) or array (B, n, 2), optional
        Those of the minimisation: `res` does not hold them.
    jac, fast_math_functions
        As for `hessian`.

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``stderr`` has x's shape, ``cov`` and ``hess`` have the shape of `hessian`'s result.
        ``active_mask`` is -1 or 1 for a parameter at a lower or upper bound. ``success`` is True if
        all free parameters have an error, and ``message`` says which have none. ``jac_method`` is
        "autodiff", "jac" or "3-point". For a batch the arrays and `success` have the problem as
        leading axis.

    Raises
    ------
    TypeError, ValueError
        For arguments that make no sense, and as for `hessian`. A matrix that cannot be inverted is
        no error: see Notes.

    Notes
    -----
    `hess` is the observed information (Efron and Hinkley 1978), and `cov` its inverse. Before, it
    is scaled by its diagonal, so that units do not matter. The errors hold for large samples, at a
    minimum of `fun`. They are not scaled by residuals: for a sum of squares use `least_squares`.

    A parameter whose bounds are equal has error 0. One that a bound blocks has the error NaN, and
    the others' errors hold for that value of it. If the data do not determine a parameter, its
    error is infinite. If `fun` is curved downwards by a parameter, its error is NaN: x is no
    minimum.

    Examples
    --------
    >>> import fastopt, numpy as np
    >>> counts = np.array([3, 7, 4, 6, 2, 8, 5, 5])
    >>> def unlikeliness(x, counts):
    ...     return np.sum(np.exp(x[0]) - counts * x[0])
    >>> res = fastopt.minimize(unlikeliness, [0.0], args=(counts,))
    >>> found = fastopt.standard_errors(unlikeliness, res, args=(counts,))
    >>> res.x.round(4).tolist(), found.stderr.round(4).tolist()
    ([1.6094], [0.1581])
    """
    args = args if isinstance(args, tuple) else (args,)
    if compiler.is_compiled(fun) or compiler.is_compiled(jac):
        args = arguments.ready(args)
    fields = _fields(data)
    batch = bool(fields) or np.ndim(getattr(res, "status", 0)) == 1
    x = np.array(floats(getattr(res, "x", res), "res.x" if hasattr(res, "x") else "res"))
    x = x if batch else x[None]
    x = x if x.ndim > 1 else x.reshape(-1, 1)
    shape, n = x.shape[1:], math.prod(x.shape[1:])
    if n == 0:
        raise ValueError(f"x has shape {shape}; it needs at least one component")
    lengths = {"res.x": len(x)}
    lengths |= {f"data[{k}]": data_rows.count(field) for k, field in enumerate(fields)}
    problems = batch_inputs.common_length(lengths)
    flat = x.reshape(problems, n)
    # The jac of a fit is that of its residuals.
    grad = getattr(res, "grad", getattr(res, "jac", None)) if hasattr(res, "x") else None
    grad = np.zeros(flat.shape) if grad is None else np.asarray(grad, float).reshape(flat.shape)
    free, mask = free_and_mask(flat, grad, boxes_of(bounds, flat, shape))
    points = np.array(flat, np.float64).reshape(x.shape)
    hess, source = np.full((problems, n, n), np.nan), None
    for b in np.flatnonzero(np.isfinite(flat).all(axis=1)):
        own = *(data_rows.row(field, b) for field in fields), *args
        try:
            if source is None:
                source = hessians.source_of(fun, jac, points[b], own, bool(fast_math_functions))
            hess[b] = source.matrix(points[b], own)
        except Exception as error:
            if batch:
                error.add_note(f"in problem {b} of the batch")
            raise
    found = _result(hess, free, mask, source, shape, batch)
    if not batch and not getattr(res, "success", True):
        found.message += " The minimisation did not succeed; errors hold at a minimum only."
    return found


def _fields(data):
    """Return the fields of the data of a batch."""
    if any(map(data_rows.is_elsewhere, data_rows.leaves(data))):
        raise TypeError("data are on a device; give host arrays")
    return data_rows.fields_of(data)


def _result(hess, free, mask, source, shape, batch):
    cov, verdicts = information.covariances(hess, free, source.noise if source else 0.0)
    with np.errstate(invalid="ignore"):
        stderr = np.sqrt(np.diagonal(cov, axis1=1, axis2=2))
    count, square = len(hess), shape + shape
    fields = {
        "stderr": stderr.reshape(count, *shape),
        "cov": cov.reshape(count, *square),
        "hess": hess.reshape(count, *square),
        "active_mask": mask.reshape(count, *shape),
        "success": verdicts == information.SOUND,
    }
    if batch:
        message = information.summary(verdicts)
    else:
        message = information.message(cov[0], free[0], verdicts[0], shape)
        fields = {name: value[0] for name, value in fields.items()}
        fields["success"] = bool(fields["success"])
    return intermediate(
        **fields, message=message, jac_method=source.method if source else "autodiff"
    )
