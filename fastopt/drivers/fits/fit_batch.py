"""A batch of fits: its threads or its executor, and the covariances that need the Jacobian."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastopt import rules
from fastopt.algorithms.batch_worker import row_of
from fastopt.algorithms.fits.damped_step import LOST
from fastopt.algorithms.fits.fit_worker import FitResults
from fastopt.algorithms.status_codes import NONFINITE, NOT_RUN
from fastopt.arrays import data_rows
from fastopt.drivers import local_batch, objective_bindings
from fastopt.drivers.batch_on_executor import ExecutorScheduler
from fastopt.drivers.fits import compiled_residuals, one_fit
from fastopt.drivers.fits.fit_problem import FitProblem
from fastopt.drivers.fits.residuals_from_python import weighed
from fastopt.inputs import run_options
from fastopt.results import fit_batch_result, fit_result
from fastopt.results.progress import Compiling
from fastopt.targets.cpu import fit_target


class Fits(NamedTuple):
    """The residuals to fit to each problem, in a form that can be sent to another process."""

    fun: Any
    method: str
    loss: str
    f_scale: float
    bindings: dict  # what `fun` is, and where its data are: see `compiled_residuals`

    def objective(self, batch):
        """Return the compiled residuals of the problem with the most data."""
        x0, _, rows = batch.example
        args = *rows, *batch.problem_data.args
        how = batch.settings.fast, self.loss, self.f_scale, self.bindings
        return compiled_residuals.build(self.fun, x0.size, args, *how)

    def compile(self, batch):
        """Compile the loop and the residuals; raise an error that says why they cannot be."""
        x0, box, _ = batch.example
        rule, start = rules.get(self.method), np.array(x0)
        setup = one_fit.Setup(rule, start, box, batch.settings, self.loss, self.f_scale)

        def compiled():
            one_fit.compile(self.objective(batch), setup)

        with Compiling(batch.settings.disp, self.fun):
            one_fit.compiled_or_none(self.fun, compiled, "autodiff")

    def empty(self, batch):
        return empty(batch)

    def scheduler(self, batch, threads, results, begun=()):
        """Return a scheduler on this machine's threads; `begun` are problems to be resumed."""
        return self.threads(self.objective(batch), batch, threads, results, begun)

    def threads(
        self, objective, batch, threads, results, begun=(), scheduler=fit_target.FitScheduler
    ):
        """Return the same for residuals that have been built."""
        rule = rules.get(self.method)
        x0, box = np.array(batch.example.x0), local_batch.box(batch)
        problem_data = batch.problem_data
        own = [FitProblem(rule, x0, box, batch.settings, objective)]
        others = (objective.again() for _ in range(min(threads, batch.problems) - 1))
        own.extend(FitProblem(rule, x0, box, batch.settings, other) for other in others)
        for array in (problem_data.x0, problem_data.low, problem_data.high):
            array.flags.writeable = False  # one type for Numba, as in `local_batch`
        return scheduler(own, box is not None, problem_data, results, begun)

    def cuda_scheduler(self, batch, results, target):
        """Return a scheduler on a device."""
        from fastopt.targets.cuda.fits import fit_kernel_builder

        if "model" in self.bindings:
            raise ValueError("with covariances in sigma, fits run on the CPU: leave out device")
        rule, key = rules.get(self.method), self.objective(batch).key
        given = batch, self, rule, key, target.Linker, target.Kernel
        kernel, layout = fit_kernel_builder.fit_kernel(*given)
        scale = np.array([self.f_scale])
        return target.scheduled(kernel, layout, batch, results, scale, (self.fun,))

    def cuda_scheduler_if_worthwhile(self, batch, results):
        """Return a scheduler on a device if that is possible and worthwhile, else None."""
        target = local_batch.gpu_for(batch)
        try:
            return target and self.cuda_scheduler(batch, results, target)
        except Exception:  # the CPU then reports the fault, if there is one
            return None


class Ending(NamedTuple):
    """The making of results from what the loop has written.

    ``length(results, b)`` is the number of values of problem b. ``finish(b, values, jacobian)``
    makes residuals and their derivatives of them. It returns them and None; or the values, their
    derivatives and counts.
    """

    length: Callable
    finish: Callable
    scale: bool  # whether the errors are scaled by the residuals
    axes: tuple  # lengths of the axes of the problems


def empty(batch):
    """Return the results of problems that have not run."""
    count, n = batch.problems, math.prod(batch.shape)
    none = np.full((2, count), math.nan)
    counts = np.zeros((4, count), np.int64)
    return FitResults(
        x=np.array(np.broadcast_to(batch.problem_data.x0, (count, n)), order="C"),
        cost=none[0],
        grad=np.full((count, n), math.nan),
        cov=np.full((count, n, n), math.nan),
        pivot=none[1],
        used=counts[0],
        active_mask=np.zeros((count, n), np.int64),
        nit=counts[1],
        nfev=counts[2],
        njev=counts[3],
        status=np.full(count, int(NOT_RUN)),
    )


def args_of(batch, b):
    """Return the arguments of problem b."""
    fields = batch.problem_data.fields
    return *(data_rows.row(field, b) for field in fields), *batch.problem_data.args


def fail_without_data(results):
    """Make a fit without any residual a failure: its start is no solution."""
    none = (results.used == 0) & np.isfinite(results.cost)
    results.status[none] = int(NONFINITE)
    for values in (results.cost, results.grad, results.cov):
        values[none] = math.nan


def fixed_of(batch):
    """Return which parameters are fixed, with a row for each problem or one for all."""
    if batch.example is None or batch.example.box is None:
        return np.zeros((1, math.prod(batch.shape)), bool)
    return batch.problem_data.low == batch.problem_data.high


def jacobians(batch, fits, objective, ending):
    """Return a function ``(results, b) -> (r, jacobian)``: of problem b, weighted by the loss."""
    writer = fit_target.jacobian_writer(objective)

    def jacobian_of(results, b):
        x, count = results.x[b].copy(), ending.length(results, b)
        values, jacobian = np.empty(count), np.empty((count, x.size))
        writer(x, values, jacobian, (args_of(batch, b), *objective.data[1:]))
        with np.errstate(all="ignore"):
            r, jacobian, counts = ending.finish(b, values, jacobian)
            _, slope, curvature = weighed(r, fits.loss, fits.f_scale, counts)
            scale = np.sqrt(curvature)
            return slope / scale, jacobian * scale[:, None]

    return jacobian_of


def complete(batch, fits, ending, results, fixed):
    """Write the covariances of problems of which J'J has too few digits, from their Jacobians."""
    doubtful = ~(results.pivot > LOST) & np.isfinite(results.cost)
    if not doubtful.any():
        return
    jacobian_of = jacobians(batch, fits, fits.objective(batch), ending)
    for b in np.flatnonzero(doubtful):
        own = free_of(results, fixed, b)
        results.cov[b] = fit_result.covariance(jacobian_of(results, b)[1], own)


def free_of(results, fixed, b):
    """Return what `fit_result.covariance` calls free, of problem b."""
    blocked = results.active_mask[b] != 0
    return np.where(fixed[row_of(fixed, b)], 0.0, np.where(blocked, np.nan, 1.0))


def examples(batch):
    """Return the numbers of problems to check: `extremes`, and those of whole numbers."""
    fields = batch.problem_data.fields
    return data_rows.extremes(fields) + data_rows.whole_number_extremes(fields)


def solve(batch, fits, ending, where, callback, checkpoint, results):
    """Solve a batch; return its result.

    `fits` is None if there are no problems.
    """
    fixed, errors, reason, scheduler = fixed_of(batch), {}, "", None
    name = where.target.NAME
    if name == "cuda":
        run_options.no_checkpoint_on_gpu(batch.settings)
    if batch.problems:
        if name == "cuda":
            scheduler = fits.cuda_scheduler(batch, results, where.target)
        elif where.may_move and not checkpoint:
            scheduler = fits.cuda_scheduler_if_worthwhile(batch, results)
            name = "cuda" if scheduler else name
        if scheduler is None:
            fits.compile(batch)
            if where.executor is None:
                threads = 1 if objective_bindings.is_parallel(fits.fun) else where.threads
                begun = checkpoint.begun if checkpoint else ()
                scheduler = fits.scheduler(batch, threads, results, begun)
            else:
                scheduler = ExecutorScheduler(batch, fits, where.executor, results)
        errors, reason = local_batch.solved(scheduler, batch, callback, checkpoint)
        fail_without_data(results)
        complete(batch, fits, ending, results, fixed)
    how = fixed, ending.scale, ending.axes, errors, name
    result = fit_batch_result.build(results, *how)
    local_batch.tell(result, batch, reason, scheduler)
    return result
