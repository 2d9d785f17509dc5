"""The examination of one problem at whose best point no step reduces f: is it at a kink?"""

import math
import time

import numpy as np

from fastopt.concurrency.delayed_interrupts import DelayedInterrupts
from fastopt.derivatives.gradient_methods import EXACT
from fastopt.solver.run_state import FRESH, NFEV, NJEV, F
from fastopt.solver.status_codes import INTERRUPTED, MAXTIME, NO_STEP

# Methods of `gradient_methods.METHODS` whose gradients hold at a kink. Differences are too coarse
# there, and the complex step loses `abs`.
MOST_PARAMETERS = 100  # for more of them, hulls take too long


class TimeIsOver(Exception):
    """The run has taken `maxtime` seconds."""


def examine(problem, until):
    """Return the status of a problem that ended with NO_STEP; keep a lower point if one is found.

    The loop of the problem evaluates single points: of each it takes its first evaluation alone.
    """
    n = problem.x.size
    if n > MOST_PARAMETERS or problem.objective.method not in EXACT:
        return NO_STEP
    from fastopt.drivers import kink_certificate  # late: few runs need it

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
            for done in kink_certificate.examine(
                ask, *best, problem.start[None], box, problem.x.dtype, left
            ):
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
