"""`minimize_batch`: very many small problems at once, each stopping by itself."""

import time

import numpy as np

from fastopt.algorithms.status_codes import NOT_RUN
from fastopt.arrays import data_rows
from fastopt.drivers import kinks_of_batch, local_batch, objective_bindings
from fastopt.drivers.batch_on_executor import ExecutorScheduler
from fastopt.inputs import batch_inputs, run_options, wrong_keywords
from fastopt.results import batch_result
from fastopt.results.progress import Compiling
from fastopt.storage.batch_checkpoint import BatchCheckpoint
from fastopt.targets import dispatch


@wrong_keywords.checked
def minimize_batch(
    fun,
    x0,
    data=(),
    args=(),
    *,
    method="rmsprop",
    jac=None,
    bounds=None,
    tol=None,
    callback=None,
    options=None,
    device="auto",
    workers=None,
):
    """Minimise one function for very many data sets, each problem stopping by itself.

    The solves are compiled, with one problem at a time in each thread. Problem b gives the same
    bits as ``minimize(fun, x0[b], args=(*data_b, *args))``, for any number of threads.

    Parameters
    ----------
    fun : callable ``fun(x, *data_b, *args) -> float``
        The objective, an @njit function or a plain one. A plain one is compiled, with the plain
        functions it calls. It must not write to its arguments.
    x0 : array_like of float64, float32 or integers, shape (n,) or (B, ...)
        The start. With one axis it is for all problems, else it has a row for each, and x keeps
        the row's shape. A row that is not finite fails (status -1); the others are unaffected.
    data : array_like or tuple of array_like, optional
        The data of each problem, with the problem as leading axis: one array, or a tuple of them.
        In the tuple, a list of arrays is a field of rows of unequal lengths. `fun` gets row b of
        each, a number or an array in C order. A `numpy.memmap` is read row by row. Rows of unequal
        lengths are copied, and converted to one dtype. Arrays on a GPU (anything with
        `__cuda_array_interface__` or DLPack) are used in place, as are such `x0` and `args`.
    args : tuple, optional
        Further arguments, the same for all problems.
    method, jac, tol
        As for `minimize`; by default each problem ends by tests without units. `tol` may be an
        array with a value for each problem. With ``jac=None`` derivatives are exact, and a `fun`
        that cannot be differentiated is an error. A `jac` function gets the arguments of `fun`.
        That `fun` is safe for "cs" is checked for one problem, and not counted in nfev.
    bounds : `scipy.optimize.Bounds`, sequence of (low, high) or array (B, n, 2), optional
        Bounds for all problems; if ``lb`` or ``ub`` have a row for each problem, for each its own.
    callback : callable, optional
        ``callback(done, total)``, up to twenty times a second as problems are solved; it may raise
        StopIteration.
    options : dict, optional
        As for `minimize`. These may be arrays with a value for each problem: `learning_rate` (a
        number), `maxiter`, `maxfev`, `gtol`, `ftol`, `xtol`, numbers of the rule (`rho`, `eps`).
        A number that changes the rule (`momentum`) must be zero for all problems or for none.
        ``maxtime`` is for the whole batch; ``disp`` shows a progress bar. ``checkpoint`` is the
        path of a file for the state of unfinished problems; ``path + ".rows"`` keeps the finished
        ones. The same call then continues from there, with any number of workers.
    device : {"auto", "cpu", "cuda"}
        Where to run. By default this is where the arrays are. Large batches of host arrays are
        solved on a GPU too, if `fun` can be compiled for it. Large means 100,000 problems and 20
        million numbers of data or more. The environment variable FASTOPT_DEVICE sets another
        default.
    workers : int or `concurrent.futures.Executor`, optional
        The number of threads; the default is that of `numba.set_num_threads`. Or an executor of
        processes, Dask (``client.get_executor()``) or MPI, whose workers get the problems in parts.
        The bits do not depend on it. On maxtime or Ctrl-C the workers on this machine stop. Others
        finish their current parts, which are not used.

    Returns
    -------
    scipy.optimize.OptimizeResult
        The fields of `minimize`, each an array with the problem as leading axis: ``x, fun, jac``
        (of the best points), ``x_last, fun_last, nit, nfev, njev, status, success``. ``message``
        counts the problems by status, and ``res.problem(b)`` is problem b's own result. Status 5
        or 6: cut by `maxtime` or Ctrl-C, with the best point so far. Status 7: not run, with x at
        its start and f NaN.

    Raises
    ------
    ValueError, TypeError
        For arguments that make no sense, numbers of problems that differ, or a `fun` that cannot be
        compiled or differentiated. Exceptions of `fun` pass through, with the problem's number.
    MemoryError
        If the results do not fit into memory, before anything is solved.

    Examples
    --------
    >>> import fastopt, numpy as np
    >>> t = np.linspace(0, 4, 64)
    >>> rates = np.array([0.5, 1.0, 2.0])
    >>> decays = 3.0 * np.exp(-rates[:, None] * t)
    >>> def misfit(p, y, t):
    ...     return np.sum((p[0] * np.exp(-p[1] * t) - y) ** 2)
    >>> res = fastopt.minimize_batch(misfit, [1.0, 1.0], decays, args=(t,))
    >>> res.x.round(4).tolist(), res.message
    ([[3.0, 0.5], [3.0, 1.0], [3.0, 2.0]], '3 of 3 problems converged.')
    """
    rule = run_options.find_rule(method)
    device, target = dispatch.for_batch(device, workers, *data_rows.leaves((x0, data, args)))
    batch = batch_inputs.read(rule, x0, data, args, bounds, tol, options, target.adopt)
    callback = batch_inputs.callback_of(callback)
    threads, executor = batch_inputs.workers_of(workers)
    batch_inputs.require_memory(batch)
    results, name, errors = local_batch.empty(batch), target.NAME, {}
    stop_reason, first, scheduler = "", None, None
    if name == "cuda":
        run_options.no_checkpoint_on_gpu(batch.settings)
    given = {"fun": fun, "jac": jac, "data": batch.problem_data.fields}
    given["args"] = batch.problem_data.args
    checkpoint = BatchCheckpoint.wanted("minimize_batch", batch, rule, results, **given)
    fun, jac = objective_bindings.for_batch(fun, jac)
    if batch.problems:
        if target.NAME == "cuda":
            scheduler = local_batch.cuda_scheduler(batch, fun, jac, rule, target, results)
        elif device == "auto" and workers is None and not checkpoint:
            scheduler = local_batch.cuda_scheduler_if_worthwhile(batch, fun, jac, rule, results)
            name = "cuda" if scheduler else name
        if scheduler is None:
            with Compiling(batch.settings.disp, fun):
                first = local_batch.compiled_template(batch, fun, jac, rule, target)
                local_batch.check(batch, fun, first.objective)
                if executor is None:
                    threads = 1 if objective_bindings.is_parallel(fun) else threads
                    begun = checkpoint.begun if checkpoint else ()
                    scheduler = local_batch.scheduler(
                        batch, first, rule, target, threads, results, begun
                    )
                else:
                    work = local_batch.Search(fun, jac, rule.__name__.rpartition(".")[2])
                    scheduler = ExecutorScheduler(batch, work, executor, results)
        until = time.perf_counter() + batch.settings.maxtime
        errors, stop_reason = local_batch.solved(scheduler, batch, callback, checkpoint)
        if first is not None and not stop_reason:
            local = first, rule, target, threads
            found, stop_reason = kinks_of_batch.examine(batch, *local, results, until)
            errors = {**errors, **found}
        start_where_not_run(batch, results)
    source = objective_bindings.name_of(objective_bindings.method_of(jac, fun))
    source = first.objective.source() if first is not None else source
    result = batch_result.build(results, batch.shape, source, name, errors)
    local_batch.tell(result, batch, stop_reason, scheduler)
    return result


def start_where_not_run(batch, results):
    """Set x of the problems that have not run to their start."""
    left = results.status == NOT_RUN
    if left.any():
        x0 = batch.problem_data.x0
        x0 = x0.copy_to_host() if data_rows.is_elsewhere(x0) else x0
        start = np.broadcast_to(x0, results.x.shape)[left]
        results.x[left] = results.x_last[left] = start
