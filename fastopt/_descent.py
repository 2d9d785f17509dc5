"""The textbook iteration with a given learning rate, once for the interpreter, the CPU and CUDA.

`follow` here and `search` in `_search`, which finds the step itself, keep everything they know in
`Run` and in arrays, so that they can stop after any evaluation and go on later with the same bits.
Each evaluates the objective at one place only: what is inlined there is compiled once.
"""

import math

from fastopt._open import (
    BOUNDED,
    SIZE,
    C,
    accumulator,
    cast,
    coefficients,
    gradient,
    load,
    rate,
    real,
    start,
    store,
    update,
    value,
)
from fastopt._run import Run
from fastopt._status import FTOL, GTOL, MAXFEV, MAXITER, NONFINITE, RUNNING, XTOL


def clip(v, low, high):
    """Into the box; NaN passes."""
    return low if v < low else (high if v > high else v)


def copy(source, target):
    for i in range(SIZE or source.size):
        target[i] = source[i]


def largest(x):
    """Largest absolute component; NaN if any is NaN."""
    top = 0.0
    for i in range(SIZE or x.size):
        if abs(x[i]) > top or x[i] != x[i]:
            top = abs(x[i])
    return top


def still_within(change, x, xtol):
    """Whether a step changed x by no more than xtol, relatively (and tiny x by xtol squared)."""
    return xtol > 0.0 and change <= xtol * (xtol + largest(x))


def steepness(x, g, low, high):
    """Largest component of the projected gradient x - P(x - g); NaN if any is NaN."""
    if not BOUNDED:
        return largest(g)
    top = 0.0
    for i in range(SIZE or x.size):
        d = x[i] - clip(x[i] - g[i], low[i], high[i])
        if abs(d) > top or d != d:
            top = abs(d)
    return top


def fill(state, n, v0):
    """The rule's state before the first step of a given rate."""
    for i in range(SIZE or n):
        store(state, i, start(real(v0)))


def keep(x, g, f, best_x, best_g, best_f):
    """Remember the best point; its value stands beside it, so that Ctrl-C cannot part them."""
    best_f[0] = f
    copy(x, best_x)
    copy(g, best_g)


def sweep(x, g, c, state, low, high, track):
    """One step of the rule on every element; the largest change of x where `track` asks for it."""
    c = cast(C, real, c)
    moved = 0.0
    for i in range(SIZE or x.size):
        step, _, s = update(g[i], load(state, i), c)
        store(state, i, s)
        new = x[i] - step
        if BOUNDED:
            new = clip(new, low[i], high[i])
        if track and abs(new - x[i]) > moved:
            moved = abs(new - x[i])
        x[i] = new
    return moved


def follow(run, moving, still, shaped, state, limits, options, schedule, data, until):
    """The textbook rule with a given learning rate, until it ends or the budget is spent."""
    status, nit, nfev, njev, f, gnorm, lowest, carry = run[:8]
    g, x = moving
    low, high, best_x, best_g, best_f = still
    while status == RUNNING and nit < until[0] and nfev < until[1]:
        first, old, moved = nfev == 0.0, f, math.inf
        if first:
            fill(state, x.size, accumulator(options))
        else:
            nit += 1.0
            c, carry = coefficients(options, rate(schedule, nit), nit, carry)
            moved = sweep(x, g, c, state, low, high, limits.xtol > 0.0)
        f = value(shaped, g, data)
        nfev += 1.0 + gradient(x, shaped, g, f, low, high, data)
        njev += 1.0
        if limits.gtol > 0.0:
            gnorm = steepness(x, g, low, high)
        if first or f < lowest:
            lowest = f
            keep(x, g, f, best_x, best_g, best_f)
        if not (math.isfinite(f) and math.isfinite(gnorm)):
            status = NONFINITE
        elif limits.gtol > 0.0 and gnorm <= limits.gtol:
            status = GTOL
        elif not first and abs(old - f) <= limits.ftol * max(abs(old), abs(f)) > 0.0:
            status = FTOL
        elif not first and still_within(moved, x, limits.xtol):
            status = XTOL
        elif nit >= limits.maxiter:
            status = MAXITER
        elif nfev >= limits.maxfev:
            status = MAXFEV
    return Run(status, nit, nfev, njev, f, gnorm, lowest, carry)
