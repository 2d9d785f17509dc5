"""`least_squares_batch`: very many small fits at once, each stopping by itself."""

import numpy as np

from fastopt.drivers import objective_bindings
from fastopt.drivers.fits import compiled_residuals, fit_batch, one_fit, shared_fit
from fastopt.inputs import (
    fit_batch_inputs,
    fit_inputs,
    run_options,
    shared_parameters,
    wrong_keywords,
)
from fastopt.storage.batch_checkpoint import BatchCheckpoint


@wrong_keywords.checked
def least_squares_batch(
    fun,
    x0,
    data=(),
    args=(),
    *,
    shared=None,
    method="adamax",
    bounds=None,
    loss="linear",
    f_scale=1.0,
    tol=None,
    options=None,
    callback=None,
    device="auto",
    workers=None,
):
    """Fit very many data sets with one function, each fit stopping by itself, with errors.

    The fits are compiled, with one problem at a time in each thread. Problem b gives the same bits
    as ``least_squares(fun, x0[b], args=(*data_b, *args))``, for any number of threads.

    Parameters
    ----------
    fun : callable ``fun(x, *data_b, *args) -> residuals``
        An @njit function or a plain one, which is compiled. It returns a vector, or a tuple of
        numbers. It must not write to its arguments.
    x0 : array_like, shape (n,) or (B, n)
        The start of all problems, or of each. There are at most 64 parameters.
    data, args
        As for `minimize_batch`, on the CPU.
    shared : sequence of int or of bool, optional
        The numbers of the parameters that all problems share, or a mask of n. The sum of all costs
        is minimised. Rows of `x0` may differ in them: their median is the start. Tolerances and
        limits are then numbers, for the search of the shared parameters. `callback` is that of
        `least_squares`, for these. The fit runs on threads of this machine, without checkpoints.
    method, loss, f_scale, tol
        As for `least_squares`; `tol` may be an array with a value for each problem.
    bounds : `scipy.optimize.Bounds` or (low, high), optional
        Each side is a number, or has one for each parameter, or such a row for each problem. Equal
        bounds fix a parameter.
    options : dict, optional
        As for `least_squares`. The tolerances, `maxiter`, `maxfev` and numbers of the rule may be
        arrays with a value for each problem. ``maxtime`` is for the whole batch; ``disp`` shows a
        progress bar. ``checkpoint`` is that of `minimize_batch`.
    callback : callable, optional
        ``callback(done, total)``, up to twenty times a second as problems are solved; it may raise
        StopIteration.
    device : {"auto", "cpu", "cuda"}
        As for `minimize_batch`. On a GPU the data are copied from host arrays.
    workers : int or `concurrent.futures.Executor`, optional
        The number of threads, or an executor, as for `minimize_batch`.

    Returns
    -------
    scipy.optimize.OptimizeResult
        Arrays with the problem as leading axis: ``x, stderr, cov, cost, grad, dof, reduced_chi2,
        active_mask, nit, nfev, njev, status, success``. ``message`` counts the problems by status,
        and ``res.problem(b)`` is problem b's own result. The errors are those of `least_squares`.
        If a problem has not run, they and `cost` are NaN.
        With `shared`, the errors are those of the whole fit: they know that the other parameters
        vary too. ``res.shared`` is its result, with ``parameters`` (their numbers), ``x, stderr,
        cov, cost, dof, reduced_chi2, status``. A problem that is not finite at its start has status
        -1, and is left out.

    Raises
    ------
    ValueError, TypeError
        For arguments that make no sense, numbers of problems that differ, or a `fun` that cannot be
        compiled or differentiated. If `fun` raises for some problems, they have status -5, and
        ``res.errors`` has the exceptions.

    Examples
    --------
    >>> import fastopt, numpy as np
    >>> t = np.linspace(0, 4, 64)
    >>> rates = np.array([0.5, 1.0, 2.0])
    >>> decays = 3.0 * np.exp(-rates[:, None] * t) + 0.01 * np.cos(9 * t)
    >>> def misfit(p, y, t):
    ...     return p[0] * np.exp(-p[1] * t) - y
    >>> res = fastopt.least_squares_batch(misfit, [1.0, 1.0], decays, args=(t,))
    >>> res.x.round(2).tolist(), res.message
    ([[3.0, 0.5], [3.0, 1.0], [3.0, 2.0]], '3 of 3 problems converged.')
    >>> res.stderr[:, 1].round(4).tolist()
    [0.0007, 0.0017, 0.0045]
    """
    rule, given = run_options.find_rule(method), {"x0": x0, "data": data, "args": args}
    where = fit_batch_inputs.where_of(device, workers, **given)
    loss, f_scale = fit_inputs.loss_of(loss, f_scale)
    batch = fit_batch_inputs.read(rule, x0, data, args, bounds, tol, options)
    batch, sharing, callback = shared_parameters.split(batch, shared, callback, where)
    n = batch.shape[0]
    if n > compiled_residuals.MOST:
        raise ValueError(f"x0 has {n} parameters; a batch of fits has at most 64")
    count = len(batch.problem_data.fields) + len(batch.problem_data.args)
    fit_inputs.require_arguments("fun", fun, 1 + count, f"x and the {count} of data and args")
    results, given = fit_batch.empty(batch), {"fun": fun, "loss": loss, "f_scale": f_scale}
    given |= {"data": batch.problem_data.fields, "args": batch.problem_data.args}
    checkpoint = BatchCheckpoint.wanted("least_squares_batch", batch, rule, results, **given)
    compiled, _ = objective_bindings.for_batch(fun, None)
    places, name = compiled_residuals.of_residuals(), rule.__name__.rpartition(".")[2]
    fits = fit_batch.Fits(compiled, name, loss, f_scale, places)
    if batch.problems:
        one_fit.compiled_or_none(compiled, lambda: _check(fits, batch), "autodiff")
    ending = fit_batch.Ending(
        lambda results, b: int(results.used[b]),
        lambda b, values, jacobian: (values, jacobian, None),
        True,
        (batch.problems,),
    )
    return shared_fit.solve(
        sharing, rule, batch, fits, ending, where, callback, checkpoint, results
    )


def _check(fits, batch):
    """Check the residuals of some problems."""
    x0 = np.array(batch.example.x0)
    if np.isfinite(x0).all():
        for b in fit_batch.examples(batch):
            args = fit_batch.args_of(batch, b)
            fit_inputs.require_vector(compiled_residuals.probe(fits.fun, x0.copy(), args))
