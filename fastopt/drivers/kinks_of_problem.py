"""The examination of one problem at whose best point no step reduces f: is it a minimum?"""

import math
import time

import numpy as np

from fastopt.algorithms.run_state import FRESH, NFEV, NJEV, F
from fastopt.algorithms.status_codes import INTERRUPTED, MAXTIME, NO_STEP
from fastopt.concurrency.delayed_interrupts import DelayedInterrupts
from fastopt.derivatives.gradient_methods import DIFFERENCES, EXACT

MOST_PARAMETERS = 100  # for more of them, hulls take too long
FEW_PARAMETERS = 30  # for more of them, Hessians by differences take too many evaluations


class TimeIsOver(Exception):
    """The run has taken `maxtime` seconds."""


def certificate(method, n):
    """Return the test of n parameters for this method of `gradient_methods.METHODS`, or None.

    Exact gradients hold at a kink. Differences are too coarse there, but can show a smooth minimum.
    The complex step loses `abs`.
    """
    if method in EXACT and n <= MOST_PARAMETERS:
        from fastopt.drivers.certificates import kink_certificate  # late: few runs need it

        return kink_certificate
    if method in DIFFERENCES and n <= FEW_PARAMETERS:
        from fastopt.drivers.certificates import smooth_certificate

        return smooth_certificate
    return None


def examine(problem, until):
    """Return the status of a problem that ended with NO_STEP; keep a lower point if one is found.

    The loop of the problem evaluates single points: of each it takes its first evaluation alone.
    """
    test = certificate(problem.objective.method, problem.x.size)
    if test is None:
        return NO_STEP
    saved = {name: array.copy() for name, array in problem.snapshot().items()}
    own = problem.workspace
    bounded = own.low is not problem.x
    box = (own.low[None].copy(), own.high[None].copy()) if bounded else None
    best = own.best_x[None].copy(), own.best_f.copy(), own.best_g[None].copy()
    left = np.array([problem.settings.limits.maxfev - problem.record[NFEV]])
    counts = np.zeros(2)

    def ask(_, points):
        if time.perf_counter() > until:
            raise TimeIsOver
        f, g, spent = interrupts.outside(evaluate, problem, points[0])
        counts[:] += spent, 1.0
        return f, g, spent

    status, found = NO_STEP, None
    with DelayedInterrupts() as interrupts:
        try:
            for done in test.examine(ask, *best, problem.start[None], box, problem.x.dtype, left):
                status, found = done.status[0], done
            interrupts.deliver()
        except KeyboardInterrupt:
            status, found = INTERRUPTED, None
        except TimeIsOver:
            status = MAXTIME
        finally:
            problem.restore(**saved)
        interrupts.forget()
        keep(problem, counts, found)
    return status


def keep(problem, counts, found):
    """Add the evaluations; write the point that was found, if it is lower."""
    own = problem.workspace
    problem.record[NFEV] += counts[0]
    problem.record[NJEV] += counts[1]
    if found is not None and found.f[0] < own.best_f[0]:
        problem.x[:] = own.best_x[:] = found.x[:, 0]
        own.best_g[:], own.best_f[0] = found.g[:, 0], found.f[0]
        problem.record[F] = own.best_f[0]


def evaluate(problem, point):
    """Return f, the gradient and the number of evaluations at a point."""
    for array in problem.iterates:
        array.fill(0.0)
    problem.record[:] = FRESH
    problem.x[:] = point
    problem.advance((math.inf, 1.0))
    own = problem.workspace
    return own.best_f.copy(), own.best_g[None].copy(), problem.record[NFEV]
