"""`minimize_batch`: very many small problems at once, each stopping by itself."""

import warnings

import numpy as np

from fastopt import _batch_inputs, _dispatch, _local, _objective, _options, _result, _spread
from fastopt._run import Failed
from fastopt._status import NOT_RUN


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
    """Doc."""
    rule = _options.find_rule(method)
    target = _dispatch.target(device, x0)
    if not hasattr(target, "Crew"):
        raise NotImplementedError(
            "minimize_batch does not run on CUDA devices yet; use device='cpu'"
        )
    batch = _batch_inputs.read(rule, x0, data, args, bounds, tol, options)
    callback = _batch_inputs.callback_of(callback)
    threads, executor = _batch_inputs.workers_of(workers)
    _batch_inputs.require_memory(batch)
    fun, jac = _objective.for_batch(fun, jac)
    results, trouble, jac_method = _local.empty(batch), "", _objective.method_of(jac, fun)
    if batch.problems:
        first = _local.first_problem(batch, fun, jac, rule, target)
        if executor is None:
            crew = _local.crew(batch, first, rule, target, threads, results)
        else:
            crew = _spread.Spread(batch, _spread.task_of(fun, jac, rule), executor, results)
        try:
            _local.drive(crew, batch, callback)
        except Failed as failed:
            failed.error.add_note(f"fun was called for problem {failed.problem} of the batch")
            raise failed.error from None
        start_where_not_run(batch, results)
        trouble = getattr(crew, "trouble", "")
    result = _result.build_batch(results, batch.shape, jac_method, "cpu")
    if trouble:
        result.message += f" The executor failed: {trouble}."
        warnings.warn(result.message, RuntimeWarning, stacklevel=2)
    if batch.chosen.disp:
        print(result.message)
    return result


def start_where_not_run(batch, results):
    """Problems that have not run keep their start."""
    left = results.status == NOT_RUN
    if left.any():
        start = np.broadcast_to(batch.given.x0, results.x.shape)[left]
        results.x[left] = results.x_last[left] = start
