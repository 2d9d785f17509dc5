"""A batch on this machine: its template problem, the threads, and the checks while they run."""

import math
import time
from typing import Any, NamedTuple

import numpy as np

from fastopt import rules
from fastopt._sentences import warn
from fastopt.algorithms.batch_worker import Results
from fastopt.algorithms.status_codes import INTERRUPTED, MAXTIME, NOT_RUN, STOPPED
from fastopt.arrays import data_rows
from fastopt.arrays.arguments import is_elsewhere
from fastopt.arrays.data_rows import Ragged
from fastopt.concurrency import time_slices
from fastopt.concurrency.delayed_interrupts import DelayedInterrupts
from fastopt.drivers import objective_bindings
from fastopt.drivers.objective_bindings import build
from fastopt.drivers.objective_checks import check_complex_step, check_indices, shapes_misfit
from fastopt.drivers.problem_builder import compiled_problem
from fastopt.drivers.single_problem import Problem
from fastopt.results.progress import Counter
from fastopt.targets import dispatch


class Search(NamedTuple):
    """The task of each problem, in a form that can be sent to another process."""

    fun: Any
    jac: Any
    method: str

    def empty(self, batch):
        return empty(batch)

    def scheduler(self, batch, threads, results):
        """Return a scheduler on this machine's threads."""
        from fastopt.targets.cpu import cpu_target as cpu

        rule = rules.get(self.method)
        first = compiled_template(batch, self.fun, self.jac, rule, cpu)
        return scheduler(batch, first, rule, cpu, threads, results)


def compiled_template(batch, fun, jac, rule, target):
    """Return a compiled problem that represents all problems of the batch."""
    args = *batch.example.rows, *batch.problem_data.args
    x0 = batch.example.x0
    return compiled_problem(fun, jac, args, rule, x0, box(batch), batch.settings, target)


def check(batch, fun, objective, strict=False):
    """Check for faults that compiled code does not notice; `strict` as in `check_indices`."""
    x0, sides, rows = batch.example
    args = *rows, *batch.problem_data.args
    if np.isfinite(x0).all():  # else that problem alone fails
        fields = batch.problem_data.fields
        more = check_indices(fun, objective, x0, args, " in one of the problems", strict)
        others = data_rows.extremes(fields)[1:]  # none, unless rows have unequal lengths
        for b in others + (data_rows.whole_number_extremes(fields) if more else []):
            own = *(data_rows.row(field, b) for field in fields), *batch.problem_data.args
            check_indices(fun, objective, x0, own, f" in problem {b}", strict)
    if objective.method == "cs":
        check_complex_step(fun, args, x0, sides)


def box(batch):
    """Return bounds in arrays that a thread may write to, or None."""
    sides = batch.example.box
    return sides and tuple(side.copy() for side in sides)


def scheduler(batch, first, rule, target, threads, results, begun=()):
    """Return a thread scheduler for a batch; `begun` are problems to be resumed."""
    x0, own = batch.example.x0, [first]
    problem_data = batch.problem_data
    for array in (problem_data.x0, problem_data.low, problem_data.high):
        array.flags.writeable = False  # unpickled arrays are read-only: one type for Numba
    for _ in range(min(threads, batch.problems) - 1):
        objective = first.objective.again()
        own.append(Problem(rule, x0, box(batch), batch.settings, objective, target))
    return target.ThreadScheduler(own, batch.example.box is not None, problem_data, results, begun)


def cuda_scheduler(batch, fun, jac, rule, target, results):
    """Return a device scheduler for a batch."""
    x0, _, rows = batch.example
    batch_here = batch._replace(
        problem_data=batch.problem_data._replace(args=host_placeholders(batch.problem_data.args))
    )
    jac = objective_bindings.for_device(jac)
    objective = build(fun, jac, (*rows, *batch_here.problem_data.args), batch.settings, x0)
    if objective.method == "cs":
        raise ValueError(
            "jac='cs' does not run on a GPU; use None (exact derivatives) or '3-point'"
        )
    if objective.method in ("callable", "fun") and x0.ndim > 1:
        raise ValueError(
            f"x has {x0.ndim} axes, and on a GPU a given gradient is a tuple of numbers; leave jac "
            "out, or flatten x"
        )
    check(batch_here, fun, objective, strict=True)
    return target.scheduler(batch, fun, jac, objective, rule, results)


def host_placeholders(value):
    """Replace device arrays by zeros of the same shape and dtype, to infer types without copies."""
    if isinstance(value, tuple):
        items = map(host_placeholders, value)
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return np.zeros(value.shape, value.dtype) if is_elsewhere(value) else value


def cuda_scheduler_if_worthwhile(batch, fun, jac, rule, results):
    """Return a device scheduler if the batch is large enough and can run there; else None."""
    target = gpu_for(batch)
    try:
        return target and cuda_scheduler(batch, fun, jac, rule, target, results)
    except Exception:  # the CPU then reports the fault, if there is one
        return None


def gpu_for(batch):
    """Return the CUDA target if it is available and worthwhile for a batch, or None."""
    problem_data = batch.problem_data
    sizes = sum((f.flat if isinstance(f, Ragged) else f).size for f in problem_data.fields)
    return dispatch.gpu_for(batch.problems, sizes + problem_data.x0.size, problem_data.x0.itemsize)


def solved(scheduler, batch, callback, checkpoint=None):
    """Run a scheduler; return the exceptions of fun, and why it ended early or an empty text.

    If fun raised for all problems, its first exception is raised.
    """
    reason = run_until_done(scheduler, batch, callback, checkpoint)
    if checkpoint:
        checkpoint.write(scheduler, last=True)
    errors = getattr(scheduler, "errors", {})
    raise_if_all(errors, batch)
    return errors, reason


def raise_if_all(errors, batch):
    """Raise an exception of fun if it raised for all problems."""
    if len(errors) == batch.problems:
        given = *batch.example.rows, *batch.problem_data.args
        misfit = shapes_misfit(errors[0], batch.example.x0, given, " in each of the problems")
        if isinstance(misfit, ValueError):
            raise misfit from None
        if batch.problems > 1:
            said = f"fun raised for each of the {batch.problems:,} problems of the batch"
            errors[0].add_note(said)
        raise errors[0]


def tell(result, batch, reason, scheduler):
    """Complete the message of a result, and print it if it was asked for.

    `reason` says why the batch ended early. An executor that failed is a warning.
    """
    if reason:
        result.message += f" {reason}"
    if failed := getattr(scheduler, "executor_error", ""):
        result.message += f" The executor failed: {failed}."
        warn(result.message, RuntimeWarning)
    if batch.settings.disp:
        print(result.message)


def run_until_done(scheduler, batch, callback, checkpoint=None):
    """Run a scheduler with time limit, callback and Ctrl-C; return why it ended early, or "".

    Ctrl-C is delivered at one place only, and in the callback. So the scheduler is always stopped,
    at any moment and after any number of Ctrl-C.
    """
    with DelayedInterrupts() as interrupts:
        counter = None
        try:
            counter = Counter(batch.settings.disp, batch.problems)
            return follow(scheduler, batch, callback, checkpoint, counter, interrupts)
        except BaseException as error:
            interrupts.hold()
            scheduler.stop(INTERRUPTED)
            if not isinstance(error, KeyboardInterrupt):
                raise
            interrupts.forget()  # a second Ctrl-C means the same
            return "Interrupted."
        finally:
            if counter:
                counter.close()


def follow(scheduler, batch, callback, checkpoint, counter, interrupts):
    """Start a scheduler, and wait for it; return why it ended early, or an empty text."""
    began = time.perf_counter()
    scheduler.start()
    while True:
        left = batch.settings.maxtime - (time.perf_counter() - began)
        over = scheduler.wait(max(0.0, min(time_slices.CHECK_INTERVAL, left)))
        interrupts.deliver()
        if scheduler.failure is not None:
            raise scheduler.failure
        counter.update(scheduler.done)
        if callback and interrupts.outside(callback, scheduler.done, batch.problems):
            scheduler.stop(STOPPED)
            return "Stopped by the callback."
        if over:
            return ""
        if left <= 0.0:
            scheduler.stop(MAXTIME)
            return "Stopped after maxtime seconds."
        if checkpoint and checkpoint.is_due():
            checkpoint.write(scheduler)


def empty(batch):
    """Return the results of problems that have not run."""
    count, n, dtype = batch.problems, math.prod(batch.shape), batch.problem_data.x0.dtype
    points, values = (count, n), np.full((2, count), math.nan)
    counts = np.zeros((3, count), np.int64)
    return Results(
        x=np.empty(points, dtype),
        fun=values[0],
        jac=np.full(points, math.nan, dtype),
        x_last=np.empty(points, dtype),
        fun_last=values[1],
        nit=counts[0],
        nfev=counts[1],
        njev=counts[2],
        status=np.full(count, int(NOT_RUN)),
    )
