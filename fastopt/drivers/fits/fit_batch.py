"""A batch of fits on this machine: its threads, and the covariances that need the Jacobian."""

import math

import numpy as np

from fastopt.arrays import data_rows
from fastopt.drivers import local_batch
from fastopt.drivers.fits.fit_problem import FitProblem
from fastopt.drivers.fits.residuals_from_python import weighed
from fastopt.results import fit_result
from fastopt.solver.batch_worker import row_of
from fastopt.solver.fits.damped_step import LOST
from fastopt.solver.fits.fit_worker import FitResults
from fastopt.solver.status_codes import NONFINITE, NOT_RUN
from fastopt.targets.cpu import fit_target


def empty(batch):
    """Return the results of problems that have not run."""
    count, n = batch.problems, math.prod(batch.shape)
    none = np.full((2, count), math.nan)
    counts = np.zeros((4, count), np.int64)
    return FitResults(
        x=np.array(np.broadcast_to(batch.problem_data.x0, (count, n))),
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


def run(batch, objective, rule, threads, callback):
    """Solve the problems; return the results, the exceptions of fun, and why it ended early."""
    results = empty(batch)
    x0, box = np.array(batch.example.x0), local_batch.box(batch)
    own = [FitProblem(rule, x0, box, batch.settings, objective)]
    others = (objective.again() for _ in range(min(threads, batch.problems) - 1))
    own.extend(FitProblem(rule, x0, box, batch.settings, other) for other in others)
    for array in (batch.problem_data.x0, batch.problem_data.low, batch.problem_data.high):
        array.flags.writeable = False  # one type for Numba, as in `local_batch`
    scheduler = fit_target.FitScheduler(own, box is not None, batch.problem_data, results)
    reason = local_batch.run_until_done(scheduler, batch, callback)
    errors = scheduler.errors
    if len(errors) == batch.problems:
        errors[0].add_note(f"fun raised for each of the {batch.problems:,} problems of the batch")
        raise errors[0]
    return results, errors, reason


def _fail_without_data(results):
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


def complete(batch, objective, lengths, finish, loss, results, fixed):
    """Write the covariances of problems of which J'J has too few digits, from their Jacobians.

    ``lengths(b)`` is the number of values of problem b. ``finish(b, values, jacobian)`` makes
    residuals and their derivatives of them. It returns them and None; or the values, and counts.
    """
    doubtful = ~(results.pivot > LOST) & np.isfinite(results.cost)
    if not doubtful.any():
        return
    writer, f_scale = fit_target.jacobian_writer(objective), objective.data[-1]
    for b in np.flatnonzero(doubtful):
        x, count = results.x[b].copy(), lengths(b)
        values, jacobian = np.empty(count), np.empty((count, x.size))
        writer(x, values, jacobian, (args_of(batch, b), *objective.data[1:]))
        r, jacobian, counts = finish(b, values, jacobian)
        curvature = weighed(r, loss, f_scale, counts)[2]
        jacobian = jacobian * np.sqrt(curvature)[:, None]
        blocked, own = results.active_mask[b] != 0, fixed[row_of(fixed, b)]
        free = np.where(own, 0.0, np.where(blocked, np.nan, 1.0))
        results.cov[b] = fit_result.covariance(jacobian, free)


def examples(batch):
    """Return the numbers of problems to check: one, or those with the most and the fewest data."""
    return data_rows.extremes(batch.problem_data.fields)


def solve(batch, objective, rule, threads, callback, lengths, finish, loss, scale, axes):
    """Solve a batch; return its result."""
    fixed, errors, reason = fixed_of(batch), {}, ""
    results = empty(batch)
    if batch.problems:
        results, errors, reason = run(batch, objective, rule, threads, callback)
        _fail_without_data(results)
        complete(batch, objective, lambda b: lengths(results, b), finish, loss, results, fixed)
    from fastopt.results import fit_batch_result  # late: scipy.optimize is slow to import

    result = fit_batch_result.build(results, fixed, scale, axes, errors)
    if reason:
        result.message += f" {reason}"
    if batch.settings.disp:
        print(result.message)
    return result
