"""`minimize_batch`: very many small problems at once, each stopping by itself."""

import warnings

import numpy as np

from fastopt.arrays import data_rows
from fastopt.drivers import batch_on_executor, local_batch, objective_bindings
from fastopt.inputs import batch_inputs, run_options, wrong_keywords
from fastopt.results.progress import Compiling
from fastopt.solver.status_codes import NOT_RUN
from fastopt.storage import batch_checkpoint
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

    The solves run compiled, one problem at a time in each thread; problem b takes the same path,
    to the last bit, as ``minimize(fun, x0[b], args=(*data_b, *args))``, however many threads work.

    Parameters
    ----------
    fun : callable ``fun(x, *data_b, *args) -> float``
        The objective, an @njit function or a plain one, which is compiled, with the plain
        functions it calls. It must not write to its arguments.
    x0 : array_like of float64, float32 or integers, shape (n,) or (B, ...)
        The start: in one dimension for all problems, else with a row for each, whose shape x keeps.
        A row that is not finite fails (status -1); the others are untouched.
    data : array_like or tuple of array_like, optional
        What differs from problem to problem, with the problem as leading axis: one array, or a
        tuple of them. In the tuple, a list of arrays is a field of rows of unequal lengths. `fun`
        gets row b of each, a number or an array in C order. A `numpy.memmap` is read row by row;
        rows of unequal lengths are copied, and brought to one dtype. Arrays on a GPU (anything with
        `__cuda_array_interface__` or DLPack) are used where they are, as are such `x0` and `args`.
    args : tuple, optional
        Further arguments, the same for all problems.
    method, jac, tol
        As for `minimize`; with ``jac=None`` derivatives are exact, and what cannot be
        differentiated is an error. A `jac` function gets the arguments of `fun`. That `fun` is
        safe for "cs" is checked for one problem, and not counted in nfev.
    bounds : `scipy.optimize.Bounds`, sequence of (low, high) or array (B, n, 2), optional
        For all problems, or, where ``lb`` or ``ub`` have a row for each, for each its own.
    callback : callable, optional
        ``callback(done, total)``, as problems are done, up to twenty times a second; may raise
        StopIteration.
    options : dict, optional
        As for `minimize`. `learning_rate` (a number), `maxiter`, `maxfev`, `gtol`, `ftol`, `xtol`
        and the numbers of the rule (`rho`, `eps`, ...) may be arrays with a value for each problem.
        ``maxtime`` is for the whole batch; ``disp`` shows a progress bar. A number that decides
        about the rule (`momentum`) must be zero for all problems or for none. ``checkpoint``, the
        path of a file, keeps what is finished, beside it in ``path + ".rows"``, and the state of
        what is under way: the same call goes on from there, on any number of workers.
    device : {"auto", "cpu", "cuda"}
        Where to run: by default where the arrays live; host arrays on the CPU, and on a GPU where
        the batch is large (100,000 problems and 20 million numbers of data or more) and `fun` can
        be compiled for it. The environment variable FASTOPT_DEVICE is another default.
    workers : int or `concurrent.futures.Executor`, optional
        Number of threads; by default what `numba.set_num_threads` allows. Or an executor (of
        processes, of Dask: ``client.get_executor()``, of MPI), to whose workers the problems are
        sent in parts. The bits do not depend on it. On maxtime or Ctrl-C the workers on this
        machine stop; others finish the parts they have begun, which are then not used.

    Returns
    -------
    scipy.optimize.OptimizeResult
        The fields of `minimize`, each an array with the problem as leading axis: ``x, fun, jac``
        (of the best points), ``x_last, fun_last, nit, nfev, njev, status, success``. ``message``
        says how many problems ended in which way, and ``res.problem(b)`` is problem b's own
        result. Status 5 or 6: cut by `maxtime` or Ctrl-C, with the best point so far; 7: not run,
        with x at its start and f NaN.

    Raises
    ------
    ValueError, TypeError
        For arguments that make no sense, numbers of problems that differ, a `fun` that cannot be
        compiled or differentiated. What `fun` raises passes through, with the problem's number.
    MemoryError
        Where the results could not be held, before anything is done.

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
    device_argument, device = device, dispatch.requested(device, variable=workers is None)
    asked = f"FASTOPT_DEVICE={device}" if device != device_argument else None
    target = dispatch.target(device, *data_rows.leaves((x0, data, args)), asked=asked)
    if target.NAME == "cuda" and workers is not None:
        raise ValueError("workers are the CPU's; with device='cuda' leave them out")
    batch = batch_inputs.read(rule, x0, data, args, bounds, tol, options, target.adopt)
    callback = batch_inputs.callback_of(callback)
    threads, executor = batch_inputs.workers_of(workers)
    batch_inputs.require_memory(batch)
    results, name, errors = local_batch.empty(batch), target.NAME, {}
    executor_error = stop_reason = ""
    if name == "cuda":
        run_options.no_checkpoint_on_gpu(batch.chosen)
    checkpoint = None
    if batch.chosen.checkpoint and batch.problems:
        checkpoint = batch_checkpoint.BatchCheckpoint(batch, rule, fun, jac, results)
    fun, jac = objective_bindings.for_batch(fun, jac)
    if batch.problems:
        scheduler = None
        if target.NAME == "cuda":
            scheduler = local_batch.cuda_scheduler(batch, fun, jac, rule, target, results)
        elif device == "auto" and workers is None and not checkpoint:
            scheduler = local_batch.cuda_scheduler_if_worthwhile(batch, fun, jac, rule, results)
            name = "cuda" if scheduler else name
        if scheduler is None:
            with Compiling(batch.chosen.disp, fun):
                first = local_batch.compiled_template(batch, fun, jac, rule, target)
                local_batch.check(batch, fun, first.objective)
                if executor is None:
                    threads = 1 if objective_bindings.is_parallel(fun) else threads
                    begun = checkpoint.begun if checkpoint else ()
                    scheduler = local_batch.scheduler(
                        batch, first, rule, target, threads, results, begun
                    )
                else:
                    task = batch_on_executor.task_of(fun, jac, rule, batch.given.args)
                    scheduler = batch_on_executor.ExecutorScheduler(batch, task, executor, results)
        stop_reason = local_batch.run_until_done(scheduler, batch, callback, checkpoint)
        errors = getattr(scheduler, "errors", {})
        if checkpoint:
            checkpoint.write(scheduler, last=True)
        if len(errors) == batch.problems:
            errors[0].add_note(
                f"fun raised for each of the {batch.problems:,} problems of the batch"
            )
            raise errors[0]
        start_where_not_run(batch, results)
        if isinstance(scheduler, batch_on_executor.ExecutorScheduler):
            executor_error = scheduler.executor_error
    from fastopt.results import batch_result  # late: scipy.optimize is slow to import

    source = objective_bindings.name_of(objective_bindings.method_of(jac, fun))
    result = batch_result.build(results, batch.shape, source, name, errors)
    if stop_reason:
        result.message += f" {stop_reason}"
    if executor_error:
        result.message += f" The executor failed: {executor_error}."
        warnings.warn(result.message, RuntimeWarning, stacklevel=3)
    if batch.chosen.disp:
        print(result.message)
    return result


def start_where_not_run(batch, results):
    """Set x of the problems that have not run to their start."""
    left = results.status == NOT_RUN
    if left.any():
        x0 = batch.given.x0
        x0 = x0.copy_to_host() if data_rows.is_elsewhere(x0) else x0
        start = np.broadcast_to(x0, results.x.shape)[left]
        results.x[left] = results.x_last[left] = start
