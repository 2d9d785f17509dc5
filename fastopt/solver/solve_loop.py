"""The loop that solves one problem, once for the interpreter, the CPU and CUDA; and its vectors.

`propose` and `judge` are those of `fixed_rate`, for a given learning rate, or of
`automatic_rate`, which finds the step itself. They keep everything they know in `Run` and in
arrays, so that the loop can stop after any evaluation and go on later with the same bits. The
objective is evaluated at one place only: what is inlined there is compiled once.
"""

import math

from fastopt.solver.placeholders import (
    BOUNDED,
    HAS_CLIPPING_AND_DECAY,
    PADDED,
    SIZE,
    C,
    cast,
    each,
    judge,
    load,
    most,
    propose,
    real,
    start,
    store,
    update,
    value,
)
from fastopt.solver.status_codes import RUNNING


def loop(run, moving, still, x_shaped, state, limits, options, schedule, data, until):
    """Go on until the problem ends or so many iterations or evaluations are done."""
    while run.status == RUNNING and run.nit < until[0] and run.nfev < until[1]:
        run = propose(run, moving, still, state, limits, options, schedule)
        f = 1.0 * value(x_shaped, moving[-2], data)  # of float64, as the scalars of a run are
        run = judge(run, f, moving, still, x_shaped, limits, data)
    return run


def clip(v, low, high):
    """Into the box; NaN passes."""
    return low if v < low else (high if v > high else v)


def copy(source, target):
    for i in each(SIZE or source.size):
        target[i] = source[i]


def largest(x):
    """Largest absolute component; NaN if any is NaN."""
    top = 0.0
    for i in each(SIZE or x.size):
        if abs(x[i]) > top or x[i] != x[i]:
            top = abs(x[i])
    return most(top)


def still_within(change, x, xtol):
    """Whether a step changed x by no more than xtol, relatively (and tiny x by xtol squared)."""
    return xtol > 0.0 and change <= xtol * (xtol + largest(x))


def settle(x, g, low, high):
    """Set to zero what is not finite where no step can follow it.

    A fixed component has no slope, and neither has one that an infinite slope holds at its bound.
    """
    for i in each(SIZE or x.size):
        held = (x[i] <= low[i] and g[i] > 0.0) or (x[i] >= high[i] and g[i] < 0.0)
        if not math.isfinite(g[i]) and (held or low[i] == high[i]):
            g[i] = real(0.0)


def measure_sizes(x, size):
    """Take the absolute values of x as the sizes of its components."""
    for i in each(SIZE or x.size):
        size[i] = abs(x[i])


def steepness(x, g, size, low, high):
    """Largest component of the projected gradient x - P(x - g); NaN if any is NaN.

    It is not computed by this difference, in which a small g is lost beside a large x. What a bound
    cuts off is measured in units of the box's width or the component's size, if these are below 1:
    a box may be narrower than gtol.
    """
    if not BOUNDED:
        return largest(g)
    top = 0.0
    for i in each(SIZE or x.size):
        d = abs(g[i])
        room = x[i] - low[i] if g[i] > 0.0 else high[i] - x[i]
        if room < d:
            unit = min(real(1.0), high[i] - low[i])
            if 0.0 < abs(size[i]) < unit:
                unit = abs(size[i])
            if unit > 0.0:
                room = max(room / unit, d * room) / unit
            d = min(d, room)
        if d > top or d != d:
            top = d
    return most(top)


def fill(state, n, v0):
    """The rule's state before the first step of a given rate."""
    for i in each(SIZE or n):
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
    for i in each(SIZE or x.size):
        slope = g[i]
        if HAS_CLIPPING_AND_DECAY:
            slope = clip(c.scale * slope, -c.limit, c.limit) + c.decay * x[i]
        step, _, s = update(slope, load(state, i), c)
        store(state, i, s)
        new = x[i] - step
        if HAS_CLIPPING_AND_DECAY:
            new = new - c.shrink * x[i]
        if BOUNDED:
            new = clip(new, low[i], high[i])
        if PADDED and i >= x.size:
            new = x[i]
        if track and abs(new - x[i]) > moved:
            moved = abs(new - x[i])
        x[i] = new
    return most(moved)
