"""The loop that solves one problem, written once for the interpreter, the CPU and CUDA.

`follow` is the textbook iteration with a given learning rate; `search` picks the step itself.
Both keep everything they know in `Run` and in arrays, so that they can stop after any evaluation
and go on later with the same bits. Each evaluates the objective at one place only: what is inlined
there is compiled once.
"""

import math

from fastopt._open import (
    BOUNDED,
    EPS,
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
from fastopt._status import FTOL, GTOL, MAXFEV, MAXITER, NO_STEP, NONFINITE, RUNNING, XTOL

ARMIJO = 1e-4  # sufficient decrease: Nocedal and Wright (2006), eq. 3.4
MEMORY = 0.85  # of past values in the reference value: Zhang and Hager (2004), their eta
ANGLE = 0.7  # squared cosine, in the metric, below which momentum is not followed
PATIENCE = 30.0  # iterations without gain before the floating-point floor is declared


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


def direct(x, g, p, w, scale, c, state, norm, step, low, high):
    """Direction p from the rule, its diagonal metric 1/w, and the slope of f along p.

    The rule sees the gradient in units of the first one and of x's sizes. Momentum is followed
    where it descends, scaled to the minimum along it of the quadratic with Hessian 1/(w step).
    """
    c, norm = cast(C, real, c), real(norm)
    gu, uu, gg, slope = 0.0, 0.0, 0.0, 0.0
    for i in range(SIZE or x.size):
        u, d, s = update(g[i] * scale[i] * norm, load(state, i), c)
        store(state, i, s)
        p[i] = scale[i] * u
        w[i] = scale[i] * scale[i] * norm / d
        gu += g[i] * p[i]
        uu += p[i] * p[i] / w[i]
        gg += g[i] * g[i] * w[i]
    own = gu > 0.0 and gu * gu >= ANGLE * uu * gg
    for _ in range(2):
        a, slope = real(step * gu / uu if own else step), 0.0
        for i in range(SIZE or x.size):
            q = a * (p[i] if own else w[i] * g[i])
            p[i] = clip(x[i] - q, low[i], high[i]) - x[i] if BOUNDED else -q
            slope += g[i] * p[i]
        if not (BOUNDED and own and slope >= 0.0):
            break
        own = False  # the projection has spoilt the descent: the metric's own always descends
    return slope


def trial(x, p, fraction, new, low, high):
    """New = x + fraction p; whether that differs from x."""
    a, moved = real(fraction), False
    for i in range(SIZE or x.size):
        new[i] = x[i] + a * p[i]
        if BOUNDED:
            new[i] = clip(new[i], low[i], high[i])
        moved = moved or new[i] != x[i]
    return moved


def accept(x, g, new, new_g, w, scale):
    """Move to the new point; s's in the metric, s'y and the largest change, s and y the moves.

    A component that has outgrown its scale takes its size for it: x0 may start near zero.
    """
    ss, sy, moved = 0.0, 0.0, 0.0
    for i in range(SIZE or x.size):
        s = new[i] - x[i]
        ss += s * s / w[i]
        sy += s * (new_g[i] - g[i])
        moved = max(moved, abs(s))
        scale[i] = max(scale[i], abs(new[i]))
        x[i] = new[i]
        g[i] = new_g[i]
    return ss, sy, moved


def begin(x, g, w, scale, state):
    """Scales and state of the rule at the first point, and the norm that frees it of f's units.

    The scales are the sizes of x's components; a zero gets the largest, an x of zeros has 1.
    """
    biggest, top = largest(x), 0.0
    for i in range(SIZE or g.size):
        size = abs(x[i]) if x[i] != 0.0 else biggest
        w[i] = scale[i] = size if size > 0.0 else real(1.0)
        top = max(top, abs(scale[i] * g[i]))
    norm = 1.0 / top if top > 0.0 else 1.0
    for i in range(SIZE or g.size):
        v = g[i] * scale[i] * real(norm)
        store(state, i, start(v * v))
    return norm


def search(run, moving, still, shaped, state, limits, options, schedule, data, until):
    """The rule with a step that is found, not given, until it ends or the budget is spent.

    A nonmonotone projected search (Grippo, Lampariello and Lucidi 1986; Zhang and Hager 2004) along
    the rule's direction, from a Barzilai-Borwein (1988) step measured in the rule's diagonal
    metric: the spectral projected gradient method of Birgin, Martinez and Raydan (2000, SPG2).
    """
    status, nit, nfev, njev, f, gnorm, lowest, carry = run[:8]
    least, mark, mark_gnorm, stalled, returned, norm, reference, weight, step, slope = run[8:18]
    fraction = run[18]
    x, g, p, w, new_g, new = moving
    low, high, best_x, best_g, best_f, scale = still
    while status == RUNNING and nit < until[0] and nfev < until[1]:
        first = nfev == 0.0
        if not first and fraction == 0.0:
            c, carry = coefficients(options, 1.0, math.inf, carry)
            slope = direct(x, g, p, w, scale, c, state, norm, step, low, high)
            fraction = 1.0
        moved = trial(x, p, fraction, new, low, high)
        f_new = value(shaped, new_g, data)
        nfev += 1.0
        slack = 4.0 * EPS * abs(f)  # what rounding may add to f
        near = -slope <= 1e4 * slack  # only where little is left to gain is rounding forgiven
        wanted = reference + ARMIJO * fraction * slope + (slack if near else 0.0)
        good = first or f_new <= wanted
        if good:
            nfev += gradient(new, shaped, new_g, f_new, low, high, data)
            njev += 1.0
            gnorm_new = steepness(new, new_g, low, high)
            good = math.isfinite(f_new) and math.isfinite(gnorm_new)
        if good:
            ss, sy, change = accept(x, g, new, new_g, w, scale)
            f, gnorm = f_new, gnorm_new
            if first:
                norm = begin(x, g, w, scale, state)
                reference = mark = f
            else:
                nit += 1.0
                step = ss / sy if sy > 0.0 else 4.0 * step
                step = min(max(step, 1e-30), 1e30)
                reference = (MEMORY * weight * reference + f) / (MEMORY * weight + 1.0)
                weight = MEMORY * weight + 1.0
            fraction = 0.0
            if first or f < lowest - slack or (f <= lowest + slack and gnorm < least):
                least = gnorm
                keep(x, g, f, best_x, best_g, best_f)
            lowest = min(lowest, f)
            stalled += 1.0
            if f < mark - limits.ftol * abs(mark) or gnorm < 0.5 * mark_gnorm:
                mark, mark_gnorm, stalled = min(f, mark), min(gnorm, mark_gnorm), 0.0
            over = limits.ftol > 0.0 and stalled >= PATIENCE
            if (over or gnorm <= limits.gtol) and f > lowest + slack:
                # A better point was left behind: back to it, and downhill only from there. Once:
                # from the same point the same path follows, at the floor of rounding for ever.
                copy(best_x, x)
                copy(best_g, g)
                f = reference = best_f[0]
                gnorm, weight, stalled = least, 1.0, 0.0
                if lowest >= returned - slack:
                    status = GTOL if gnorm <= limits.gtol else FTOL
                returned = lowest
            elif gnorm <= limits.gtol:
                status = GTOL
            elif over:
                status = FTOL
            elif not first and still_within(change, x, limits.xtol):
                status = XTOL
            elif nit >= limits.maxiter:
                status = MAXITER
        elif first:
            keep(new, new_g, f_new, best_x, best_g, best_f)
            f, status = f_new, NONFINITE
        elif not moved or -fraction * slope <= EPS * abs(f):
            # No decrease is left to find: at the floor of rounding, or the gradient misleads.
            status = FTOL if near else NO_STEP
        else:
            curve = f_new - f - fraction * slope
            ideal = -0.5 * slope * fraction / curve if 0.0 < curve < math.inf else 0.0
            fraction *= min(max(ideal, 0.1), 0.5)
        if status == RUNNING and nfev >= limits.maxfev:
            status = MAXFEV
    shared = status, nit, nfev, njev, f, gnorm, lowest, carry
    own = least, mark, mark_gnorm, stalled, returned, norm, reference, weight, step, slope
    return Run(*shared, *own, fraction)
