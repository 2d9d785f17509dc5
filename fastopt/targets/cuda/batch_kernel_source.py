"""Kernel for many problems on a device, one thread each, for CUDA and its simulator.

`fit_kernel_source` has other texts for what is done to a single problem.

The grid is persistent and as large as the chip. A thread whose problem has ended claims the next
one from a counter, so that long problems do not delay others.

Every pass of the loop evaluates the objective exactly once per thread. So the threads of a warp
reconverge there, whatever state their problems are in. After `rounds` passes, the running problems
are saved to memory, and Python checks the clock. The next launch continues with the same bits.
"""

import math
from typing import Any

from fastopt.algorithms.batch_worker import row_of
from fastopt.algorithms.placeholders import (
    BOUNDED,
    LENGTH,
    LIMITS,
    OPTIONS,
    RUN,
    SCHEDULE,
    arrays,
    judge,
    load_run,
    local,
    named,
    propose,
    real,
    rows,
    scratch,
    shaped_as,
    store_run,
    value,
)
from fastopt.algorithms.run_state import FRESH, MOVED, NFEV, NIT, NJEV, STATUS, F
from fastopt.algorithms.status_codes import NONFINITE, RUNNING

cuda: Any = None  # bound by the target
# Places in `control`.
NEXT, READY, STOP, ENDED, DONE = 0, 1, 2, 3, 4
# The record of a problem whose start is not finite: fun is not evaluated there.
NONFINITE_RUN = NONFINITE, *FRESH[1:4], math.nan, *FRESH[5:]


def solve_many(
    control, current_rows, state_block, problem_data, results, steps, chunk, slots, rounds
):
    """Continue the running problems, and start others, for `rounds` evaluations per thread.

    Problem b has row b modulo (`chunk` `slots`) in `problem_data` and `results`. `current_rows` has
    the row of each thread, or -1 for none. `state_block` is a block as in `thread_layout`.
    """
    t = cuda.grid(1)
    at, point = current_rows[t], local(real, steps)
    record, saved, arrays_to_clear, problem = arrays(state_block, point, t)
    for i in range(LENGTH):
        point[i] = saved[i]
    more = scratch(real, steps)
    for _ in range(rounds):
        if at < 0:
            b = cuda.atomic.add(control, NEXT, 1)
            if b >= control[READY]:
                break
            at = b % (chunk * slots)
            load_problem(at, record, arrays_to_clear, problem, problem_data)
        if record[STATUS] == RUNNING:
            advance(at, record, problem, point, more, steps, problem_data)
        if record[STATUS] != RUNNING:
            write_result(at, record[STATUS], record, problem, results)
            cuda.atomic.add(control, DONE + at // chunk, 1)
            at = -1
    if control[STOP] != 0 and at >= 0:
        write_result(at, control[STOP], record, problem, results)
        at = -1
    current_rows[t] = at
    for i in range(LENGTH):
        saved[i] = point[i]
    cuda.atomic.add(control, ENDED, 1)  # not reached by a thread in which an error occurs


def advance(at, record, problem, point, more, steps, problem_data):
    """Evaluate the objective of the problem in row `at` once, and go on from there."""
    _, iterates, workspace, state = problem
    x_shaped = shaped_as(point)
    options = named(OPTIONS, problem_data.options, row_of(problem_data.options, at))
    schedule = named(SCHEDULE, problem_data.schedule, row_of(problem_data.schedule, at))
    limits = named(LIMITS, problem_data.limits, row_of(problem_data.limits, at))
    run = load_scalars(record)
    store_run(propose(run, iterates, workspace, state, limits, options, schedule), record)
    data, f = (rows(problem_data.fields, (), at) + problem_data.args, more), record[F]
    if record[MOVED] >= 0.0:
        f = value(x_shaped, iterates.new_g, data)
    limits = named(LIMITS, problem_data.limits, row_of(problem_data.limits, at))
    run = load_scalars(record)
    store_run(judge(run, f, iterates, workspace, x_shaped, limits, data), record)


def load_scalars(record):
    """Return the scalars of the running problem, from memory.

    Keeping them in registers during an evaluation would need two thirds more registers.
    """
    return load_run(RUN, real, record)


def load_problem(b, record, arrays_to_clear, problem, problem_data):
    """Copy the start of the problem in row b to the thread's arrays."""
    x, _, workspace, _ = problem
    at, finite = row_of(problem_data.x0, b), True
    for i in range(LENGTH):
        # The values of the previous problem may be inf or NaN: times zero they are NaN.
        arrays_to_clear[0][i], arrays_to_clear[1][i] = real(1.0), real(0.0)
        x[i] = workspace.best_x[i] = problem_data.x0[at, i]
        workspace.best_g[i] = real(math.nan)
        finite = finite and math.isfinite(x[i])
    workspace.best_f[0] = real(math.nan)
    if BOUNDED:
        at = row_of(problem_data.low, b)
        for i in range(LENGTH):
            workspace.low[i], workspace.high[i] = problem_data.low[at, i], problem_data.high[at, i]
    store_run(FRESH if finite else NONFINITE_RUN, record)


def write_result(b, status, run, problem, results):
    """Write the results of the problem in row b."""
    x, _, workspace, _ = problem
    for i in range(LENGTH):
        results.x[b, i], results.jac[b, i] = workspace.best_x[i], workspace.best_g[i]
        results.x_last[b, i] = x[i]
    results.fun[b], results.fun_last[b] = workspace.best_f[0], run[F]
    results.nit[b], results.nfev[b], results.njev[b] = int(run[NIT]), int(run[NFEV]), int(run[NJEV])
    results.status[b] = int(status)
