"""The loop of each thread of a batch: it solves one problem after the other with one solver.

`loop` is the address of the loop of `minimize` itself. If that were inlined here, its multiply-adds
would contract differently, and a problem would have different bits in a batch.

A NaN ends the problem that has it, and no other. `load_problem` finds it in a start; `judge` of
`automatic_rate` or `fixed_rate` finds it in fun.
"""

import math
from typing import Any, NamedTuple

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.placeholders import (
    BOUNDED,
    add,
    call,
    fetch_row,
    load_value,
    named,
    store_at,
)
from fastopt.algorithms.run_state import FRESH, NFEV, NIT, NJEV, STATUS, F
from fastopt.algorithms.status_codes import NONFINITE, RUNNING

# Indices in `control`, the integers that all threads share, each on a cache line of its own.
NEXT, DONE, STOP, TICK = 0, 8, 16, 24
CONTROL = 32  # number of integers
# Evaluations before the first check of a problem: it may be far slower than the previous one.
INITIAL_BUDGET = 16.0
# Largest number of problems that a thread claims at once. For tiny problems, claiming them one by
# one would take as long as solving them.
MAX_CLAIM = 16


class WorkerBuffers(NamedTuple):
    """A thread's own arrays: those of `Problem`."""

    record: Any
    x: Any  # the array of `iterates` that holds the iterate
    iterates: Any
    workspace: Any
    state: Any
    calls: Any  # see `objective_evaluation`
    until: Any
    at: Any  # number of the current problem; -1: none


class ProblemData(NamedTuple):
    """The data of the problems; fields and tables have a row for each problem, or one for all."""

    x0: Any
    low: Any
    high: Any
    fields: Any
    args: Any
    limits: Any  # (template, table), like the following two
    options: Any
    schedule: Any


class Results(NamedTuple):
    """The results, with a row for each problem."""

    x: Any
    fun: Any
    jac: Any
    x_last: Any
    fun_last: Any
    nit: Any
    nfev: Any
    njev: Any
    status: Any


def row_of(table, b):
    """Return the row for problem b of a table that may have one row for all."""
    return b if table.shape[0] > 1 else 0


@separate
def load_problem(b, work, problem_data):
    """Copy the start of problem b to the thread's arrays; return True if it is finite."""
    for i in range(len(work.record)):
        work.record[i] = FRESH[i]
    for array in work.iterates:
        array[:] = 0.0  # removes values of the previous problem: inf times zero is not zero
    x, best_x, best_g = work.x, work.workspace.best_x, work.workspace.best_g
    at = row_of(problem_data.x0, b)
    finite = True
    for i in range(x.size):
        x[i] = best_x[i] = problem_data.x0[at, i]
        best_g[i] = math.nan
        finite = finite and math.isfinite(x[i])
    work.workspace.best_f[0] = math.nan
    if BOUNDED:
        at = row_of(problem_data.low, b)
        for i in range(x.size):
            work.workspace.low[i] = problem_data.low[at, i]
            work.workspace.high[i] = problem_data.high[at, i]
    return finite


@separate
def write_result(b, status, work, results):
    """Write the results of problem b."""
    run, best_x, best_g = work.record, work.workspace.best_x, work.workspace.best_g
    for i in range(work.x.size):
        results.x[b, i], results.jac[b, i] = best_x[i], best_g[i]
        results.x_last[b, i] = work.x[i]
    results.fun[b], results.fun_last[b] = work.workspace.best_f[0], run[F]
    results.nit[b], results.nfev[b], results.njev[b] = int(run[NIT]), int(run[NFEV]), int(run[NJEV])
    results.status[b] = int(status)


@separate
def solve_one(b, loop, block, control, budget, work, problem_data):
    """Run problem b to its end, or until a stop is requested.

    Returns its status, and the number of evaluations possible between two ticks of the clock.
    """
    limits = named(
        problem_data.limits[0], problem_data.limits[1], row_of(problem_data.limits[1], b)
    )
    options = named(
        problem_data.options[0], problem_data.options[1], row_of(problem_data.options[1], b)
    )
    schedule = named(
        problem_data.schedule[0], problem_data.schedule[1], row_of(problem_data.schedule[1], b)
    )
    own = work.record, work.iterates, work.workspace, work.state
    store_at(block, (*own, limits, options, schedule, work.calls, work.until))
    fetch_row(work.calls, b)
    budget = min(budget, INITIAL_BUDGET)
    while True:
        tick = control[TICK]
        work.until[0], work.until[1] = math.inf, work.record[NFEV] + budget
        call(loop, block)
        if work.record[STATUS] != RUNNING:
            return work.record[STATUS], budget
        if control[STOP] != 0:
            return float(control[STOP]), budget
        budget = 2.0 * budget if control[TICK] == tick else max(1.0, 0.5 * budget)


@separate
def worker_loop(pointer):
    """Finish the current problem, if there is one; then claim others until none is left."""
    todo, loop, block, control, divisor, work, problem_data, results = load_value(pointer)
    budget, next_, last = 1.0, 0, 0
    first = -1 if work.at[0] >= 0 else 0  # last - first: problems claimed but not counted as done
    while control[STOP] == 0:
        finite = True
        if work.at[0] < 0:
            if next_ == last:
                add(control, DONE, last - first)
                take = max(1, min(MAX_CLAIM, (todo.size - control[NEXT]) // divisor))
                first = next_ = add(control, NEXT, take)
                last = min(first + take, todo.size)
                if first >= last:
                    return
            work.at[0] = todo[next_]
            next_ += 1
            finite = load_problem(work.at[0], work, problem_data)
        b = work.at[0]
        if finite:
            status, budget = solve_one(b, loop, block, control, budget, work, problem_data)
        else:
            status, work.record[F] = NONFINITE, math.nan  # fun is not evaluated at such a start
        write_result(b, status, work, results)
        if finite and work.record[STATUS] == RUNNING:
            return
        work.at[0] = -1
