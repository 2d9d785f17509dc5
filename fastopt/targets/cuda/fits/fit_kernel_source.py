"""A fit in a thread of `batch_kernel_source`, for CUDA and its simulator.

The loop and the sums are those of the CPU. The parameters as duals are in the thread's local
memory, and residuals are elements of an expression: no array is made of them.
"""

import math

from fastopt.algorithms.batch_worker import WorkerBuffers, row_of
from fastopt.algorithms.fits.fit_loop import judge_trial, next_trial
from fastopt.algorithms.fits.fit_state import MOVED, ROOTED, STATUS, F
from fastopt.algorithms.fits.fit_worker import load_fit, write_fit
from fastopt.algorithms.placeholders import (
    DUAL,
    LIMITS,
    OPTIONS,
    SIZE,
    X,
    Y,
    as_dual,
    equations,
    fun,
    listed,
    named,
    rows,
    seeded,
    seeded_items,
    store_run,
)
from fastopt.algorithms.status_codes import NONFINITE
from fastopt.derivatives.fit_equations import rotated
from fastopt.targets.cuda.batch_kernel_source import load_scalars


def load_problem(b, record, arrays_to_clear, problem, problem_data):
    """Copy the start of the fit in row b to the thread's arrays."""
    x, points, arrays, state = problem
    if not load_fit(b, WorkerBuffers(record, x, points, arrays, state, 0, 0, 0), problem_data):
        record[STATUS], record[F] = NONFINITE, math.nan


def write_result(b, status, record, problem, results):
    """Write the results of the fit in row b."""
    x, points, arrays, state = problem
    write_fit(b, status, WorkerBuffers(record, x, points, arrays, state, 0, 0, 0), results)


def advance(at, record, problem, point, more, steps, problem_data):
    """Evaluate the residuals of the fit in row `at` once, and go on from there.

    The only number in `steps` is the scale of the loss.
    """
    _, points, arrays, state = problem
    options = named(OPTIONS, problem_data.options, row_of(problem_data.options, at))
    limits = named(LIMITS, problem_data.limits, row_of(problem_data.limits, at))
    run = load_scalars(record)
    store_run(next_trial(run, points, arrays, state, limits, options), record)
    f = record[F]
    if record[MOVED] != 0.0:
        args = rows(problem_data.fields, (), at) + problem_data.args
        data = args, more, arrays.row, steps[0]
        if record[ROOTED] == 0.0:
            f = equations(point, arrays.found, data)
        else:
            f = rotated(point, arrays.found, data)
    run = load_scalars(record)
    store_run(judge_trial(run, f, points, arrays, state, limits, options), record)


# Sources of residuals; see `fit_equations`.


def all_residuals(x, data):
    return listed(DUAL, fun(seeded(DUAL, x, data[1], 0, 0), *data[0]))


def residual_count(residuals, data):
    return len(residuals)


def residual_at(residuals, data, i):
    return as_dual(DUAL, residuals[i])


def model_values(x, data):
    return listed(DUAL, fun(data[0][X], *seeded_items(DUAL, x, SIZE)))


def value_count(values, data):
    """Return the number of values; none if it is not that of the points, since nothing can raise.

    Such a fit fails: see `fit_batch`.
    """
    count = len(values)
    return count if count == data[0][Y].size else 0


ARRAY = {"source": all_residuals, "count": residual_count, "dual_at": residual_at}
ALL_POINTS = {"source": model_values, "count": value_count, "dual_at": residual_at}
