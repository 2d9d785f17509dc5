"""The loop that solves one problem, once for the interpreter, the CPU and CUDA; and its vectors.

`propose` and `judge` are those of `fixed_rate`, for a given learning rate, or of
`automatic_rate`, which finds the step itself. Their whole state is in `Run` and in arrays. So the
loop can stop after any evaluation and continue later with the same bits. The objective is evaluated
in one place only, so that it is compiled once if it is inlined there.
"""

import math

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.placeholders import (
    BOUNDED,
    FUSED,
    HAS_CLIPPING_AND_DECAY,
    OWN_LOOP,
    PADDED,
    SIZE,
    TRACKED,
    C,
    cast,
    each,
    judge,
    load,
    magnitude,
    most,
    of_magnitude,
    propose,
    real,
    start,
    store,
    update,
    value,
)
from fastopt.algorithms.status_codes import RUNNING


@separate
def loop(run, iterates, workspace, x_shaped, state, limits, options, schedule, data, until):
    """Iterate until the problem ends, or until `until` iterations or evaluations are done."""
    while run.status == RUNNING and run.nit < until[0] and run.nfev < until[1]:
        run = propose(run, iterates, workspace, state, limits, options, schedule)
        f = run.f
        if run.moved >= 0.0:
            f = 1.0 * value(x_shaped, iterates.new_g, data)  # float64, as all scalars of a run
        run = judge(run, f, iterates, workspace, x_shaped, limits, data)
    return run


def clip(v, low, high):
    """Return v clipped into the box; NaN stays NaN."""
    v = low if v < low else v
    return high if v > high else v


@separate
def copy(source, target):
    for i in each(SIZE or source.size):
        target[i] = source[i]


@separate
def largest(x):
    """Return the largest absolute component; NaN if any is NaN."""
    if FUSED:
        top = magnitude(real(0.0))
        for i in range(x.size):
            top = max(top, magnitude(x[i]))
        return most(of_magnitude(top))
    top = 0.0
    for i in each(SIZE or x.size):
        if abs(x[i]) > top or x[i] != x[i]:
            top = abs(x[i])
    return most(top)


def step_below_xtol(change, x, xtol):
    """Return True if a step changed x by at most xtol, relatively; tiny x by xtol squared."""
    return xtol > 0.0 and change <= xtol * (xtol + largest(x))


@separate
def settle(x, g, low, high):
    """Set slopes that are not finite to zero if their components cannot move.

    These are fixed components, and those at a bound that an infinite slope points beyond.
    """
    for i in each(SIZE or x.size):
        blocked = (x[i] <= low[i] and g[i] > 0.0) or (x[i] >= high[i] and g[i] < 0.0)
        if not math.isfinite(g[i]) and (blocked or low[i] == high[i]):
            g[i] = real(0.0)


@separate
def measure_sizes(x, size):
    """Write the absolute values of x as the sizes of its components."""
    for i in each(SIZE or x.size):
        size[i] = abs(x[i])


@separate
def projected_gradient_norm(x, g, size, low, high):
    """Return the largest component of the projected gradient x - P(x - g); NaN if any is NaN.

    It is not computed by this difference, which loses a small g next to a large x. The distance to
    a bound is measured in units of the box's width or of the component's size, if these are below
    1. A box may be narrower than gtol.
    """
    if not BOUNDED:
        return largest(g)
    top = 0.0
    for i in each(SIZE or x.size):
        d = abs(g[i])
        distance = x[i] - low[i] if g[i] > 0.0 else high[i] - x[i]
        if distance < d:
            unit = min(real(1.0), high[i] - low[i])
            if 0.0 < abs(size[i]) < unit:
                unit = abs(size[i])
            if unit > 0.0:
                distance = max(distance / unit, d * distance) / unit
            d = min(d, distance)
        if d > top or d != d:
            top = d
    return most(top)


@separate
def fill(state, n, v0):
    """Write the rule's state before the first step with a given learning rate."""
    for i in each(SIZE or n):
        store(state, i, start(real(v0)))


def store_best(x, g, f, best_x, best_g, best_f):
    """Store the best point. Its value is in an array too: Ctrl-C cannot separate the two."""
    best_f[0] = f
    copy(x, best_x)
    copy(g, best_g)


@separate
def sweep(x, g, c, state, low, high, track):
    """Take a step of the rule on every element; return the largest change of x if `track`."""
    c = cast(C, real, c)
    moved, altered = 0.0, HAS_CLIPPING_AND_DECAY
    if OWN_LOOP:
        altered = c.scale != 1.0 or c.limit < math.inf or c.decay != 0.0 or c.shrink != 0.0
    for i in each(SIZE or x.size):
        slope = g[i]
        if HAS_CLIPPING_AND_DECAY and altered:
            slope = clip(c.scale * slope, -c.limit, c.limit) + c.decay * x[i]
        step, _, s = update(slope, load(state, i), c)
        store(state, i, s)
        new = x[i] - step
        if HAS_CLIPPING_AND_DECAY and altered:
            new = new - c.shrink * x[i]
        if BOUNDED:
            new = clip(new, low[i], high[i])
        if PADDED and i >= x.size:
            new = x[i]
        if TRACKED and track and abs(new - x[i]) > moved:
            moved = abs(new - x[i])
        x[i] = new
    return most(moved)
