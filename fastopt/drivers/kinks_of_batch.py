"""The examination of the problems of a batch at whose best points no step reduces f."""

import math
import time

import numpy as np

from fastopt.algorithms.batch_worker import Results
from fastopt.algorithms.status_codes import INTERRUPTED, MAXTIME, NO_STEP, NOT_RUN, RAISED
from fastopt.concurrency.delayed_interrupts import DelayedInterrupts
from fastopt.drivers import local_batch
from fastopt.drivers.kinks_of_problem import certificate

NUMBERS = 4_000_000  # in the arrays of the problems that are examined at a time
NOT_EXAMINED = -99  # a status that no result has


class Cut(Exception):
    """The examination was interrupted, or has run out of time."""


def examine(batch, first, rule, target, threads, results, until):
    """Examine the problems of a batch that ended with NO_STEP.

    Their status becomes success at a minimum. Lower points are kept. Returned are the
    exceptions of fun, by the number of the problem, and why it ended early, or an empty text.
    """
    n, todo = results.x.shape[1], np.flatnonzero(results.status == NO_STEP)
    test = certificate(first.objective.method, n) if todo.size else None
    if test is None:
        return {}, ""
    size = max(1, NUMBERS // ((n + 2) * (2 * n + 2)))
    results.status[todo] = NOT_EXAMINED
    why, errors = "", {}
    with DelayedInterrupts() as interrupts:
        rounds = Rounds(batch, first, rule, target, threads, until, errors, interrupts)
        try:
            for k in range(0, todo.size, size):
                examine_some(batch, test, rounds, todo[k : k + size], results)
            interrupts.deliver()
        except KeyboardInterrupt:
            why = "Interrupted."
        except Cut as cut:
            why = str(cut)
        interrupts.forget()
        status = INTERRUPTED if why == "Interrupted." else MAXTIME
        results.status[results.status == NOT_EXAMINED] = status
    return errors, why


def examine_some(batch, test, rounds, some, results):
    """Examine these problems, which fit into memory."""
    problem_data = batch.problem_data
    start, low, high = (
        np.asarray(a[some] if len(a) > 1 else np.repeat(a, some.size, 0))
        for a in (problem_data.x0, problem_data.low, problem_data.high)
    )
    box = (low, high) if batch.example.box is not None else None
    limits = problem_data.limits[1][:, problem_data.limits[0]._fields.index("maxfev")]
    left = (limits[some] if limits.size > 1 else limits[0]) - results.nfev[some]
    nfev, njev = np.zeros((2, some.size), np.int64)

    def ask(which, points):
        f, g, spent = rounds.evaluate(some[which], points)
        nfev[which] += spent
        njev[which] += 1
        return f, g, spent

    best = results.x[some], results.fun[some], results.jac[some]
    try:
        for done in test.examine(ask, *best, start, box, results.x.dtype, left):
            keep(some[done.number], done, results)
    finally:
        results.nfev[some] += nfev
        results.njev[some] += njev
        for b in rounds.errors:
            results.status[b] = RAISED


def keep(numbers, done, results):
    """Write what was found into the results."""
    results.status[numbers] = done.status
    lower = done.f < results.fun[numbers]
    at = numbers[lower]
    results.x[at] = results.x_last[at] = done.x.T[lower]
    results.jac[at] = done.g.T[lower]
    results.fun[at] = results.fun_last[at] = done.f[lower]


class Rounds:
    """Single evaluations of problems of a batch: runs of the same batch with a limit of one.

    Nothing is compiled for them. Memory is taken for the rows alone that are written.
    """

    def __init__(self, batch, first, rule, target, threads, until, errors, interrupts):
        self.until, self.errors, self.interrupts = until, errors, interrupts
        dtype, points = batch.problem_data.x0.dtype, (batch.problems, math.prod(batch.shape))
        self.points = np.zeros(points, dtype)
        limits, table = batch.problem_data.limits
        table = table[:1].copy()
        table[0, limits._fields.index("maxfev")] = 1.0
        problem_data = batch.problem_data._replace(x0=self.points.view(), limits=(limits, table))
        settings = batch.settings._replace(disp=False)
        self.batch = batch._replace(problem_data=problem_data, settings=settings)
        vectors, numbers = ("x", "jac", "x_last"), ("fun", "fun_last")
        counts = "nit", "nfev", "njev", "status"
        self.results = Results(
            **{name: np.zeros(points, dtype) for name in vectors},
            **{name: np.zeros(batch.problems) for name in numbers},
            **{name: np.zeros(batch.problems, np.int64) for name in counts},
        )
        own = self.batch, first, rule, target, threads
        self.scheduler = local_batch.scheduler(*own, self.results)

    def evaluate(self, which, points):
        """Return f, the gradients and the numbers of evaluations at a point of each problem."""
        results, left = self.results, max(0.0, self.until - time.perf_counter())
        self.points[which], results.status[which] = points, NOT_RUN
        batch = self.batch._replace(settings=self.batch.settings._replace(maxtime=left))
        why = self.interrupts.outside(local_batch.run_until_done, self.scheduler, batch, None)
        if why:
            raise Cut(why)
        self.errors.update(self.scheduler.errors)
        self.scheduler.errors.clear()
        return results.fun[which], results.jac[which], results.nfev[which]
