"""Many problems, one after the other, through one solver: what each thread runs.

`loop` is the address of the loop of `minimize` itself: inlined here, its multiply-adds would
contract otherwise, and a problem would take another path in a batch than alone.
"""

import math
from typing import Any, NamedTuple

from fastopt.solver.placeholders import BOUNDED, add, call, fetch_row, hold_at, named, opened
from fastopt.solver.run_state import (
    BEST_F,
    BEST_G,
    BEST_X,
    HIGH,
    LOW,
    NFEV,
    NIT,
    NJEV,
    STATUS,
    F,
    Run,
)
from fastopt.solver.status_codes import NONFINITE, RUNNING

# Places in `control`, the integers that all threads share, each on a cache line of its own.
NEXT, DONE, STOP, TICK = 0, 8, 16, 24
CONTROL = 32  # integers
BEAT = 0.05  # seconds between two ticks: as long as compiled work goes on before it looks up
INITIAL_BUDGET = 16.0  # evaluations to begin with: a problem may be far dearer than the one before
MOST = 16  # problems that a thread takes at once: tiny ones last no longer than the taking


class WorkerBuffers(NamedTuple):
    """A thread's own arrays: those of `Problem`."""

    record: Any
    x: Any  # the one of `iterates` that holds the iterate
    iterates: Any
    workspace: Any
    state: Any
    calls: Any  # see `objective_evaluation`
    until: Any
    at: Any  # the problem under way; -1: none


class ProblemData(NamedTuple):
    """What the problems consist of; fields and tables have a row a problem, or one for all."""

    x0: Any
    low: Any
    high: Any
    fields: Any
    args: Any
    limits: Any  # (template, table), as the following two
    options: Any
    schedule: Any


class Results(NamedTuple):
    """A row a problem."""

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
    """The row for problem b of a table that may have one for all."""
    return b if table.shape[0] > 1 else 0


def prepare(b, work, given):
    """The start of problem b into the thread's arrays; whether it is finite."""
    for i in range(len(work.record)):
        work.record[i] = FRESH[i]
    for array in work.iterates:
        array[:] = 0.0  # nothing of the problem before must remain: inf times zero is not zero
    x, best_x, best_g, at = (
        work.x,
        work.workspace[BEST_X],
        work.workspace[BEST_G],
        row_of(given.x0, b),
    )
    finite = True
    for i in range(x.size):
        x[i] = best_x[i] = given.x0[at, i]
        best_g[i] = math.nan
        finite = finite and math.isfinite(x[i])
    work.workspace[BEST_F][0] = math.nan
    if BOUNDED:
        at = row_of(given.low, b)
        for i in range(x.size):
            work.workspace[LOW][i], work.workspace[HIGH][i] = given.low[at, i], given.high[at, i]
    return finite


def put(b, status, work, results):
    """What came of problem b."""
    run, best_x, best_g = work.record, work.workspace[BEST_X], work.workspace[BEST_G]
    for i in range(work.x.size):
        results.x[b, i], results.jac[b, i] = best_x[i], best_g[i]
        results.x_last[b, i] = work.x[i]
    results.fun[b], results.fun_last[b] = work.workspace[BEST_F][0], run[F]
    results.nit[b], results.nfev[b], results.njev[b] = int(run[NIT]), int(run[NFEV]), int(run[NJEV])
    results.status[b] = int(status)


def one(b, loop, block, control, budget, work, given):
    """Go on with problem b to its end, or until told to stop.

    Returns its status, and the evaluations that 50 ms are good for.
    """
    limits = named(given.limits[0], given.limits[1], row_of(given.limits[1], b))
    options = named(given.options[0], given.options[1], row_of(given.options[1], b))
    schedule = named(given.schedule[0], given.schedule[1], row_of(given.schedule[1], b))
    own = work.record, work.iterates, work.workspace, work.state
    hold_at(block, (*own, limits, options, schedule, work.calls, work.until))
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


def worker_loop(held):
    """Finish the problem under way, if there is one; take others while there are any to do."""
    todo, loop, block, control, share, work, given, results = opened(held)
    budget, next_, last = 1.0, 0, 0
    first = -1 if work.at[0] >= 0 else 0  # last - first: taken, and not yet counted as done
    while control[STOP] == 0:
        finite = True
        if work.at[0] < 0:
            if next_ == last:
                add(control, DONE, last - first)
                take = max(1, min(MOST, (todo.size - control[NEXT]) // share))
                first = next_ = add(control, NEXT, take)
                last = min(first + take, todo.size)
                if first >= last:
                    return
            work.at[0] = todo[next_]
            next_ += 1
            finite = prepare(work.at[0], work, given)
        b = work.at[0]
        if finite:
            status, budget = one(b, loop, block, control, budget, work, given)
        else:
            status, work.record[F] = NONFINITE, math.nan  # fun is not asked there
        put(b, status, work, results)
        if finite and work.record[STATUS] == RUNNING:
            return
        work.at[0] = -1


FRESH = tuple(Run())
