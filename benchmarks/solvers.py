"""Prepared solvers: a solve in compiled code over one of a batch, and what calls from Python add.

Times are those of the processor, of all threads together, taken in turn. The problems are the 2-D
Rosenbrock function with its gradient by hand, and 10,000 decay fits.
"""

import statistics
import time

import numba
import numpy as np

import fastopt

from .helpers import decay_fits
from .helpers.shared import rosenbrock

START, SOLVES, FITS = np.array([-1.2, 1.0]), 2_000, 10_000
ROUNDS = 5


@numba.njit
def decay(p, y, t):
    s = 0.0
    for i in range(t.size):
        r = p[0] * np.exp(-p[1] * t[i]) + p[2] - y[i]
        s += r * r
    return s


@numba.njit
def repeated(solve, x0, count):
    """Solve a problem many times; return the sum of the values."""
    total = 0.0
    for _ in range(count):
        total += solve(x0).fun
    return total


@numba.njit
def one_thread(solve, x0, y, t, x):
    for b in range(len(y)):
        solve(x0, y[b], t, out=x[b])


@numba.njit(parallel=True)
def all_threads(solve, x0, y, t, x):
    for b in numba.prange(len(y)):
        solve(x0, y[b], t, out=x[b])


def seconds(job):
    """Return the processor time of `job()`."""
    begin = time.process_time()
    job()
    return time.process_time() - begin


def in_turn(*jobs, rounds=ROUNDS, clock=seconds):
    """Return the seconds of each job in each round, after one round that warms up."""
    for job in jobs:
        job()
    return list(zip(*([clock(job) for job in jobs] for _ in range(rounds)), strict=True))


def solver_of(*args, **more):
    """Return a prepared solver; n/a for commits from before there were some."""
    if not callable(getattr(fastopt, "solver", None)):
        raise NotImplementedError("no prepared solvers")
    return fastopt.solver(*args, **more)


def calls():
    """Return the µs of a solve: in compiled code, from Python by a solver, and by `minimize`."""
    solve = solver_of(rosenbrock, START, jac=True)

    def prepared():
        for _ in range(SOLVES):
            solve(START)

    def minimize():
        for _ in range(SOLVES):
            fastopt.minimize(rosenbrock, START, jac=True)

    times = in_turn(lambda: repeated(solve, START, SOLVES), prepared, minimize)
    return [min(found) / SOLVES * 1e6 for found in times]


def fits(threads, clock=time.perf_counter):
    """Return the times of all decay fits by a solver in a compiled loop over `minimize_batch`'s."""
    t, y = decay_fits.make(FITS)
    x, start = np.empty((FITS, 3)), np.ones(3)
    solve = solver_of(decay, start, (y[0], t))
    loop = one_thread if threads == 1 else all_threads

    def batch():
        return fastopt.minimize_batch(decay, start, y, (t,), workers=threads)

    def timed(job):
        begin = clock()
        job()
        return clock() - begin

    ours, theirs = in_turn(lambda: loop(solve, start, y, t, x), batch, clock=timed)
    if not np.array_equal(x, batch().x):
        raise RuntimeError("the solver's x are not those of the batch")
    return [a / b for a, b in zip(ours, theirs, strict=True)]


class TrackOverBatch:
    """Time of 10,000 decay fits in a user's compiled loop over that of `minimize_batch`."""

    params = (1, 2)
    param_names = ("threads",)
    unit = "times minimize_batch"

    def track_over_batch(self, threads):
        if threads > numba.config.NUMBA_NUM_THREADS:
            raise NotImplementedError("not so many threads")
        return statistics.median(fits(threads))


class TrackOverLoop:
    """µs that a call from Python takes beyond the loop, 2-D Rosenbrock function."""

    params = ("solver", "minimize")
    param_names = ("call",)
    unit = "µs"

    def track_over_loop(self, call):
        loop, prepared, minimize = calls()
        return {"solver": prepared, "minimize": minimize}[call] - loop
