"""The rule's diagonal metric, and the direction and the step in it.

The loops over elements are written for any number of workers. `each` gives a worker its elements;
`total`, `most` and `anyone` combine the results of all workers. A compiled loop has one worker.
"""

import math

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.convergence import LEVEL, is_signal
from fastopt.algorithms.fused_passes import accept_sums, explained, fused_direction, inverse
from fastopt.algorithms.placeholders import (
    BOUNDED,
    EPS,
    FUSED,
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
from fastopt.algorithms.run_state import INF
from fastopt.algorithms.solve_loop import clip, largest


def is_blocked(x, g, low, high):
    """Return True if a bound blocks a component: f decreases beyond it."""
    return (x <= low and g > 0.0) or (x >= high and g < 0.0)


@separate
def update_metric(x, g, w, scale, c, state, norm, low, high):
    """Write the diagonal w, the inverse of the rule's metric.

    The rule gets the gradient in units of the first gradient and of the scales of x. For components
    that a bound blocks, w is zero, so that they do not move.
    """
    c, norm = cast(C, real, c), real(norm)
    for i in each(SIZE or x.size):
        _, d, s = update(g[i] * scale[i] * norm, load(state, i), c)
        store(state, i, s)
        w[i] = scale[i] * (scale[i] * norm / d)
        if BOUNDED and is_blocked(x[i], g[i], low[i], high[i]):
            w[i] = 0.0
        if PADDED and i >= x.size:
            w[i] = 0.0


@separate
def common_weight(scale, norm):
    """Return one weight for all components, with the units of w: that of the largest scale."""
    top = real(largest(scale))
    return top * (top * real(norm))


def row_of_pair(number, pairs):
    """Return the row of the move of a pair, by its number; that of y is the next one."""
    return 2 * (int(number) % (pairs.shape[0] // 2))


@separate
def two_loop_recursion(g, p, w, common, pairs, along, kept):
    """Write p = H g by the two-loop recursion; return False if there is no useful pair.

    H approximates the inverse Hessian on the components that no bound blocks. It is built from the
    pairs of moves s and changes y of the gradient. The recursion starts from the diagonal W, times
    s'y / y'Wy of the last pair. W is w, or the weight `common` of all components if it is not zero.
    """
    rows, size = pairs.shape[0], 0.0
    for i in each(SIZE or g.size):
        p[i] = g[i] if w[i] > 0.0 else real(0.0)
    count, k = min(2 * int(kept), rows), row_of_pair(kept - 1.0, pairs)
    for _ in range(0, count, 2):
        if BOUNDED or size == 0.0:
            sy, yy = 0.0, 0.0
            for i in each(SIZE or g.size):
                if not BOUNDED or w[i] > 0.0:
                    y = pairs[k + 1, i]
                    sy += pairs[k, i] * y
                    yy += y * (y * (common if common > 0.0 else w[i]))
            sy, yy = total(sy), total(yy)
            if BOUNDED:
                along[k + 1] = inverse(sy)
            if size == 0.0 and yy > 0.0:  # both may underflow
                size = max(sy / yy, 0.0)
        sp = 0.0
        for i in each(SIZE or g.size):
            if not BOUNDED or w[i] > 0.0:
                sp += pairs[k, i] * p[i]
        along[k] = total(sp) * along[k + 1]
        a = real(along[k])
        for i in each(SIZE or g.size):
            p[i] -= a * pairs[k + 1, i]
        k = (k if k > 0 else rows) - 2
    size = real(size)
    for i in each(SIZE or g.size):
        p[i] *= size * (common if common > 0.0 and w[i] > 0.0 else w[i])
    for _ in range(0, count, 2):
        k = k + 2 if k + 2 < rows else 0
        yp = 0.0
        for i in each(SIZE or g.size):
            yp += pairs[k + 1, i] * p[i]
        a = real(along[k] - total(yp) * along[k + 1])
        for i in each(SIZE or g.size):
            if not BOUNDED or w[i] > 0.0:
                p[i] += a * pairs[k, i]
    return size > 0.0


@separate
def clip_and_slope(x, g, p, low, high):
    """Negate p and clip it into the box; return the slope of f along it."""
    slope = 0.0
    for i in each(SIZE or x.size):
        p[i] = clip(x[i] - p[i], low[i], high[i]) - x[i] if BOUNDED else -p[i]
        slope += g[i] * p[i]
    return total(slope)


@separate
def search_direction(x, g, p, w, common, pairs, along, kept, step, low, high):
    """Write the direction p; return the slope of f along it."""
    if FUSED:
        slope = fused_direction(g, p, w, common, pairs, along, kept) if kept > 0.0 else 0.0
        if slope < 0.0:
            return slope
    elif kept > 0.0 and two_loop_recursion(g, p, w, common, pairs, along, kept):
        slope = clip_and_slope(x, g, p, low, high)
        if slope < 0.0:
            return slope
    for i in each(SIZE or x.size):  # the metric's own direction always descends
        p[i] = real(step) * w[i] * g[i]
    return clip_and_slope(x, g, p, low, high)


@separate
def trial_point(x, p, fraction, new, low, high):
    """Write new = x + fraction p; return True if it differs from x."""
    a, moved = real(fraction), False
    for i in each(SIZE or x.size):
        new[i] = x[i] + a * p[i]
        if BOUNDED:
            new[i] = clip(new[i], low[i], high[i])
        moved = moved or new[i] != x[i]
    return anyone(moved)


@separate
def limited_fraction(x, p, scale, common, cap):
    """Return the largest fraction of p, at most 1, with no move beyond `cap` scales.

    With a common weight the largest scale is that of all components. Components far below their
    scales are not limited: they began at zero, and their scales are guesses.
    """
    top, largest_scale = 0.0, 0.0
    for i in each(SIZE or x.size):
        largest_scale = max(largest_scale, scale[i])
        if p[i] != 0.0 and abs(x[i]) >= real(0.5) * scale[i]:
            top = max(top, abs(p[i]) if common > 0.0 else abs(p[i]) / scale[i])
    top, largest_scale = most(top), most(largest_scale)
    if common > 0.0 and largest_scale > 0.0:
        top /= largest_scale
    return cap / top if top > cap else 1.0


@separate
def accept_trial(x, g, new, new_g, w, scale, pairs, along, kept):
    """Move to the new point and store the pair of the move.

    The scale of a component grows with its size, since x0 may be near zero. Returned are s's in the
    metric, s'y, the largest component of s, and the largest one in units of its scale. The last is
    True if one size for all components explains the pair better than the metric w.
    """
    if FUSED:
        moved = x, g, new, new_g, w, scale
        ss, sy, yy, plain_ss, plain_yy, top, shift = accept_sums(*moved, pairs, along, kept)
        plain = explained(sy, plain_ss, plain_yy)
        return ss, sy, top, shift, plain > explained(sy, ss, yy)
    ss, sy, moved, shift = 0.0, 0.0, 0.0, 0.0
    yy, plain_ss, plain_yy = 0.0, 0.0, 0.0
    k = row_of_pair(kept, pairs) if pairs.shape[0] > 0 else -1
    for i in each(SIZE or x.size):
        s, y = new[i] - x[i], new_g[i] - g[i]
        if k >= 0:
            pairs[k, i], pairs[k + 1, i] = s, y
        if w[i] > 0.0 and s != 0.0:  # before the first move, g and w are not set
            ss += s * (s / w[i])
            yy += y * (y * w[i])
            plain_ss += (1.0 * s) * s  # float64: float32 could overflow
            plain_yy += (1.0 * y) * y
        sy += s * y
        if s != 0.0:  # a fixed component may have no scale
            moved, shift = max(moved, abs(s)), max(shift, abs(s) / scale[i])
        scale[i] = max(scale[i], abs(new[i]))
        x[i] = new[i]
        g[i] = new_g[i]
    ss, sy, yy = total(ss), total(sy), total(yy)
    if k >= 0:
        along[k + 1] = inverse(sy)
    plain = explained(sy, total(plain_ss), total(plain_yy))
    return ss, sy, most(moved), most(shift), plain > explained(sy, ss, yy)


@separate
def initialise_scaling(x, g, f, w, scale, state, again, least, low, high):
    """Set the scales and the rule's state; return the factor that removes the units of f.

    It is negative if a component has a scale from others by which it hardly moves f.

    The scale of a component is its absolute value. A zero component gets the scale at which its
    effect on f equals the largest effect of the others, or f itself. This scale is at most the
    largest of the others and the width of its bounds. If all components are zero, all scales are 1.
    A component with little effect on f counts as zero if it is at most `least` times the largest.
    After a restart (`again`) such components keep their scales.
    """
    tiny, biggest, top, guessed = ROOT_EPS, largest(x), abs(f), False
    if real(EPS * biggest * biggest) == 0.0:  # products below would underflow
        biggest = real(0.0)
    for i in each(SIZE or g.size):
        top = max(top, abs(x[i] * g[i]))
    top = most(top)
    for i in each(SIZE or g.size):
        size = abs(x[i])
        if biggest == 0.0 or (size <= least * biggest and abs(g[i]) * size <= tiny * top):
            size = biggest if biggest > 0.0 else real(1.0)
            if again:
                size = scale[i]
            elif abs(g[i]) * size > top > 0.0:
                size = max(real(top) / abs(g[i]), real(1.0 / HUGE))
            else:
                guessed = guessed or 0.0 < abs(g[i]) * size <= tiny * top
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
    return -norm if guessed else norm


@separate
def far_move(x, g, f, p, scale, pairs, latest, tries, change, low, high):
    """Set p to a move of components far beyond their scales; return the slope of f along it.

    A component that began at zero may have a unit far larger than its scale. Then a move by its
    scale does not change f visibly. Such components move so far that f should change visibly, all
    at once in the first try. A slope that is noise after all spoils this move. So in later tries
    each component moves alone, the one farthest beyond its scale first. `change` is that of
    `is_signal`.
    """
    rows, slope, below = pairs.shape[0] // 2, 0.0, INF
    k = 2 * (int(latest) % rows) + 1 if rows > 0 and latest >= 0.0 else -1
    if FUSED and k >= 0:
        k = rows + int(latest) % rows
    for i in each(SIZE or g.size):
        p[i] = real(0.0)
        hidden = abs(g[i]) * scale[i] <= max(LEVEL, ROOT_EPS) * abs(f)
        if hidden and g[i] != 0.0:
            signal = k < 0 or is_signal(pairs[k, i], pairs[k - 1, i], g[i], change)
            far = x[i] - real(ROOT_EPS * abs(f)) / g[i]
            if BOUNDED:
                far = clip(far, low[i], high[i])
            if signal and math.isfinite(far):
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
