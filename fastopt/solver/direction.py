"""The rule's diagonal metric, and the direction and the step in it.

The loops over elements are written for any number of workers: `each` gives a worker its share, and
`total`, `most` and `anyone` bring together what all have found. A compiled loop is alone.
"""

import math

from fastopt.solver.placeholders import (
    BOUNDED,
    EPS,
    HUGE,
    PADDED,
    ROOT_EPS,
    SIZE,
    C,
    anyone,
    cast,
    each,
    load,
    most,
    real,
    start,
    store,
    total,
    update,
)
from fastopt.solver.run_state import INF
from fastopt.solver.solve_loop import clip, largest

UNBENT = 1e-3  # of a slope: rounding changes it by more where it is nothing but noise


def held(x, g, low, high):
    """Whether a bound holds a component: f falls beyond it."""
    return (x <= low and g > 0.0) or (x >= high and g < 0.0)


def measure(x, g, w, scale, c, state, norm, low, high):
    """The rule's diagonal metric 1/w.

    The rule sees the gradient in units of the first one and of x's sizes. Where a bound holds x,
    w is zero: nothing moves there.
    """
    c, norm = cast(C, real, c), real(norm)
    for i in each(SIZE or x.size):
        _, d, s = update(g[i] * scale[i] * norm, load(state, i), c)
        store(state, i, s)
        w[i] = scale[i] * (scale[i] * norm / d)
        if BOUNDED and held(x[i], g[i], low[i], high[i]):
            w[i] = 0.0
        if PADDED and i >= x.size:
            w[i] = 0.0


def bend(g, p, w, pairs, along, kept):
    """Direction p = H g by the two-loop recursion, H an approximate inverse Hessian.

    H is built from the pairs of moves s and changes y of the gradient, on the components that no
    bound holds, from the metric times the s'y / y'Wy of the last pair.
    """
    rows = pairs.shape[0] // 2
    count, size = min(int(kept), rows), 0.0
    for i in each(SIZE or g.size):
        p[i] = g[i] if w[i] > 0.0 else real(0.0)
    for back in range(1, count + 1):
        k = 2 * ((int(kept) - back) % rows)
        sy, sp, yy = 0.0, 0.0, 0.0
        for i in each(SIZE or g.size):
            s, y = pairs[k, i], pairs[k + 1, i]
            if not BOUNDED or w[i] > 0.0:
                sy += s * y
                sp += s * p[i]
                yy += y * (y * w[i])
        sy, sp, yy = total(sy), total(sp), total(yy)
        inverse = 1.0 / sy if sy > 0.0 else 0.0
        if size == 0.0 and yy > 0.0:  # both may underflow
            size = max(sy / yy, 0.0)
        along[k], along[k + 1] = sp * inverse, inverse
        a = real(sp * inverse)
        for i in each(SIZE or g.size):
            p[i] -= a * pairs[k + 1, i]
    size = real(size)
    for i in each(SIZE or g.size):
        p[i] *= size * w[i]
    for ahead in range(count, 0, -1):
        k = 2 * ((int(kept) - ahead) % rows)
        yp = 0.0
        for i in each(SIZE or g.size):
            yp += pairs[k + 1, i] * p[i]
        yp = total(yp)
        a = real(along[k] - yp * along[k + 1])
        for i in each(SIZE or g.size):
            if not BOUNDED or w[i] > 0.0:
                p[i] += a * pairs[k, i]
    return size > 0.0


def descend(x, g, p, low, high):
    """Turn p downhill and into the box; the slope of f along it."""
    slope = 0.0
    for i in each(SIZE or x.size):
        p[i] = clip(x[i] - p[i], low[i], high[i]) - x[i] if BOUNDED else -p[i]
        slope += g[i] * p[i]
    return total(slope)


def direct(x, g, p, w, pairs, along, kept, step, low, high):
    """Direction p and the slope of f along it."""
    if kept > 0.0 and bend(g, p, w, pairs, along, kept):
        slope = descend(x, g, p, low, high)
        if slope < 0.0:
            return slope
    for i in each(SIZE or x.size):  # the metric's own direction always descends
        p[i] = real(step) * w[i] * g[i]
    return descend(x, g, p, low, high)


def trial(x, p, fraction, new, low, high):
    """New = x + fraction p; whether that differs from x."""
    a, moved = real(fraction), False
    for i in each(SIZE or x.size):
        new[i] = x[i] + a * p[i]
        if BOUNDED:
            new[i] = clip(new[i], low[i], high[i])
        moved = moved or new[i] != x[i]
    return anyone(moved)


def share(x, p, scale, cap):
    """Return the part of p, at most all of it, that moves no component by more than cap scales.

    A component far below its scale moves freely: it began at zero, and its scale is a guess.
    """
    top = 0.0
    for i in each(SIZE or x.size):
        if p[i] != 0.0 and abs(x[i]) >= real(0.5) * scale[i]:
            top = max(top, abs(p[i]) / scale[i])
    top = most(top)
    return cap / top if top > cap else 1.0


def accept(x, g, new, new_g, w, scale, pairs, kept):
    """Move to the new point; s's in the metric, s'y, and the largest s itself and by its scale.

    A component that has outgrown its scale takes its size for it: x0 may start near zero.
    """
    ss, sy, moved, shift, rows = 0.0, 0.0, 0.0, 0.0, pairs.shape[0] // 2
    k = 2 * (int(kept) % rows) if rows > 0 else -1
    for i in each(SIZE or x.size):
        s, y = new[i] - x[i], new_g[i] - g[i]
        if k >= 0:
            pairs[k, i], pairs[k + 1, i] = s, y
        if w[i] > 0.0:
            ss += s * (s / w[i])
        sy += s * y
        if s != 0.0:  # a fixed component may have no scale
            moved, shift = max(moved, abs(s)), max(shift, abs(s) / scale[i])
        scale[i] = max(scale[i], abs(new[i]))
        x[i] = new[i]
        g[i] = new_g[i]
    return total(ss), total(sy), most(moved), most(shift)


def begin(x, g, f, w, scale, state, again, low, high):
    """Scales and state of the rule at the first point, and the norm that frees it of f's units.

    The scales are the sizes of x's components. A zero takes the size at which it counts as much as
    the steepest of the others or as f itself, but at most the largest of theirs and the width of
    its bounds; an x of zeros has 1. What is tiny beside the others, and
    hardly moves f, is as good as zero. Where the search begins `again` it has its scale already.
    """
    tiny, biggest, top = ROOT_EPS, largest(x), abs(f)
    if real(EPS * biggest * biggest) == 0.0:  # so is what would underflow below
        biggest = real(0.0)
    for i in each(SIZE or g.size):
        top = max(top, abs(x[i] * g[i]))
    top = most(top)
    for i in each(SIZE or g.size):
        size = abs(x[i])
        if biggest == 0.0 or (size <= tiny * biggest and abs(g[i]) * size <= tiny * top):
            size = biggest if biggest > 0.0 else real(1.0)
            if again:
                size = scale[i]
            elif abs(g[i]) * size > top > 0.0:
                size = max(real(top) / abs(g[i]), real(1.0 / HUGE))
            if BOUNDED and 0.0 < high[i] - low[i] < size:
                size = high[i] - low[i]
        w[i] = scale[i] = size
    top = 0.0
    for i in each(SIZE or g.size):
        top = max(top, abs(scale[i] * g[i]))
    top = most(top)
    norm = 1.0 / top if top > 0.0 else 1.0
    for i in each(SIZE or g.size):
        v = g[i] * scale[i] * real(norm)
        store(state, i, start(v * v))
    return norm


def steep(x, g, scale, low, high):
    """Return the most that f would change where a component moves by its scale."""
    pull = 0.0
    for i in each(SIZE or g.size):
        if not BOUNDED or not held(x[i], g[i], low[i], high[i]):
            pull = max(pull, abs(g[i]) * scale[i])
    return most(pull)


def reach(x, g, f, p, scale, pairs, latest, tries, low, high):
    """Set p to a move of components that may be far off; return the slope of f along it.

    A component that began at zero may have a unit far larger than its scale. Then f shows nothing
    of a move by this scale, and the slope is no noise: the last move has hardly changed it. Such a
    component moves so far that f should change visibly. A slope that is noise after all spoils the
    move of all: after it each component moves alone, the one farthest beyond its scale first.
    """
    rows, slope, below = pairs.shape[0] // 2, 0.0, INF
    k = 2 * (int(latest) % rows) + 1 if rows > 0 and latest >= 0.0 else -1
    for i in each(SIZE or g.size):
        p[i] = real(0.0)
        hidden = abs(g[i]) * scale[i] <= 256.0 * EPS * abs(f)
        if hidden and g[i] != 0.0 and (k < 0 or abs(pairs[k, i]) < real(UNBENT) * abs(g[i])):
            far = x[i] - real(ROOT_EPS * abs(f)) / g[i]
            if BOUNDED:
                far = clip(far, low[i], high[i])
            if math.isfinite(far):
                p[i] = far - x[i]
    for _ in range(int(tries)):
        top = 0.0
        for i in each(SIZE or g.size):
            if p[i] != 0.0 and abs(p[i]) / scale[i] < below:
                top = max(top, abs(p[i]) / scale[i])
        below = most(top)
    for i in each(SIZE or g.size):
        if p[i] != 0.0 and tries > 0.0 and abs(p[i]) / scale[i] != below:
            p[i] = real(0.0)
        slope += g[i] * p[i]
    return total(slope)
