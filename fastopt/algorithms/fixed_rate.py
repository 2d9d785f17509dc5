"""The textbook iteration with a user-given learning rate."""

import math

from fastopt.algorithms.placeholders import BOUNDED, accumulator, coefficients, gradient, rate
from fastopt.algorithms.run_state import INF, Run
from fastopt.algorithms.solve_loop import (
    fill,
    projected_gradient_norm,
    settle,
    step_below_xtol,
    store_best,
    sweep,
)
from fastopt.algorithms.status_codes import (
    FTOL,
    GTOL,
    MAXFEV,
    MAXITER,
    NEGATIVE_RATE,
    NONFINITE,
    NONFINITE_RATE,
    RUNNING,
    XTOL,
)

RUN = Run()  # the form of the scalars: without those of the search, they need few registers


def propose(run, iterates, workspace, state, limits, options, schedule):
    """Take a step of the rule; no step before the first evaluation."""
    status, nit, nfev, njev, f, gnorm, lowest, carry, _, _ = run
    g, x = iterates.new_g, iterates.new
    moved = INF
    if nfev == 0.0:
        fill(state, x.size, accumulator(options))
    else:
        eta = rate(schedule, nit + 1.0)
        if 0.0 <= eta < INF:
            nit += 1.0
            c, carry = coefficients(options, eta, nit, carry)
            moved = sweep(x, g, c, state, workspace.low, workspace.high, limits.xtol > 0.0)
        else:
            status = NEGATIVE_RATE if eta < 0.0 else NONFINITE_RATE
    return Run(
        status=status, nit=nit, nfev=nfev, njev=njev, f=f, gnorm=gnorm, lowest=lowest, carry=carry,
        moved=moved, search=(),
    )  # fmt: skip


def judge(run, f_new, iterates, workspace, x_shaped, limits, data):
    """Store the best point, and set the status if a limit is reached."""
    status, nit, nfev, njev, f, gnorm, lowest, carry, moved, _ = run
    g, x = iterates.new_g, iterates.new
    low, high, best_x, best_g, best_f, _, _, _ = workspace
    first, old, f = nfev == 0.0, f, f_new
    nfev += 1.0 + gradient(x, x_shaped, g, f, low, high, data)
    njev += 1.0
    if BOUNDED:
        settle(x, g, low, high)
    if limits.gtol > 0.0:
        gnorm = projected_gradient_norm(x, g, x, low, high)
    if first or -INF < f < lowest:  # a point at which f overflows is not the best one
        lowest = f
        store_best(x, g, f, best_x, best_g, best_f)
    if status != RUNNING:
        moved = 0.0  # the learning rate allowed no step
    elif not (math.isfinite(f) and math.isfinite(gnorm)):
        status = NONFINITE
    elif limits.gtol > 0.0 and gnorm <= limits.gtol:
        status = GTOL
    elif not first and abs(old - f) <= limits.ftol * max(abs(old), abs(f)) > 0.0:
        status = FTOL
    elif not first and step_below_xtol(moved, x, limits.xtol):
        status = XTOL
    elif nit >= limits.maxiter:
        status = MAXITER
    elif nfev >= limits.maxfev:
        status = MAXFEV
    return Run(
        status=status, nit=nit, nfev=nfev, njev=njev, f=f, gnorm=gnorm, lowest=lowest, carry=carry,
        moved=moved, search=(),
    )  # fmt: skip
