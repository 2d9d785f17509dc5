"""The loop that finds the step by itself: what `learning_rate="auto"` stands for.

The rule gives the metric: the diagonal that it divides the gradient by. In this metric the last
few moves and what they did to the gradient make the direction (limited-memory BFGS: Nocedal 1980,
Liu and Nocedal 1989), and a nonmonotone search takes the step (Grippo, Lampariello and Lucidi 1986;
Zhang and Hager 2004). Without such pairs it is the spectral projected gradient method of Birgin,
Martinez and Raydan (2000, SPG2), with the step of Barzilai and Borwein (1988).
"""

import math

from fastopt._descent import clip, copy, keep, largest, steepness, still_within
from fastopt._open import (
    BOUNDED,
    EPS,
    SIZE,
    C,
    cast,
    coefficients,
    gradient,
    load,
    real,
    start,
    store,
    update,
    value,
)
from fastopt._run import FIRST, Run
from fastopt._status import FTOL, GTOL, MAXFEV, MAXITER, NO_STEP, NONFINITE, RUNNING, XTOL

ARMIJO = 1e-4  # sufficient decrease: Nocedal and Wright (2006), eq. 3.4
MEMORY = 0.85  # of past values in the reference value: Zhang and Hager (2004), their eta
PATIENCE = 30.0  # iterations without gain before the floating-point floor is declared
SMALL = 1e-5  # of the first gradient: what rounding may leave of it


def held(x, g, low, high):
    """Whether a bound holds a component: f falls beyond it."""
    return (x <= low and g > 0.0) or (x >= high and g < 0.0)


def measure(x, g, w, scale, c, state, norm, low, high):
    """The rule's diagonal metric 1/w.

    The rule sees the gradient in units of the first one and of x's sizes. Where a bound holds x,
    w is zero: nothing moves there.
    """
    c, norm = cast(C, real, c), real(norm)
    for i in range(SIZE or x.size):
        _, d, s = update(g[i] * scale[i] * norm, load(state, i), c)
        store(state, i, s)
        w[i] = scale[i] * scale[i] * norm / d
        if BOUNDED and held(x[i], g[i], low[i], high[i]):
            w[i] = 0.0


def bend(g, p, w, pairs, along, kept):
    """Direction p = H g by the two-loop recursion, H an approximate inverse Hessian.

    H is built from the pairs of moves s and changes y of the gradient, on the components that no
    bound holds, from the metric times the s'y / y'Wy of the last pair.
    """
    rows = pairs.shape[0] // 2
    count, size = int(min(kept, rows)), 0.0
    for i in range(SIZE or g.size):
        p[i] = g[i] if w[i] > 0.0 else real(0.0)
    for back in range(1, count + 1):
        k = 2 * (int(kept - back) % rows)
        sy, sp, yy = 0.0, 0.0, 0.0
        for i in range(SIZE or g.size):
            s, y = pairs[k, i], pairs[k + 1, i]
            if not BOUNDED or w[i] > 0.0:
                sy += s * y
                sp += s * p[i]
                yy += y * y * w[i]
        inverse = 1.0 / sy if sy > 0.0 else 0.0
        if size == 0.0:
            size = sy / yy if sy > 0.0 else 0.0
        along[k], along[k + 1] = sp * inverse, inverse
        a = real(sp * inverse)
        for i in range(SIZE or g.size):
            p[i] -= a * pairs[k + 1, i]
    size = real(size)
    for i in range(SIZE or g.size):
        p[i] *= size * w[i]
    for ahead in range(count, 0, -1):
        k = 2 * (int(kept - ahead) % rows)
        yp = 0.0
        for i in range(SIZE or g.size):
            yp += pairs[k + 1, i] * p[i]
        a = real(along[k] - yp * along[k + 1])
        for i in range(SIZE or g.size):
            if not BOUNDED or w[i] > 0.0:
                p[i] += a * pairs[k, i]
    return size > 0.0


def descend(x, g, p, low, high):
    """Turn p downhill and into the box; the slope of f along it."""
    slope = 0.0
    for i in range(SIZE or x.size):
        p[i] = clip(x[i] - p[i], low[i], high[i]) - x[i] if BOUNDED else -p[i]
        slope += g[i] * p[i]
    return slope


def direct(x, g, p, w, pairs, along, kept, step, low, high):
    """Direction p and the slope of f along it."""
    if kept > 0.0 and bend(g, p, w, pairs, along, kept):
        slope = descend(x, g, p, low, high)
        if slope < 0.0:
            return slope
    for i in range(SIZE or x.size):  # the metric's own direction always descends
        p[i] = real(step) * w[i] * g[i]
    return descend(x, g, p, low, high)


def trial(x, p, fraction, new, low, high):
    """New = x + fraction p; whether that differs from x."""
    a, moved = real(fraction), False
    for i in range(SIZE or x.size):
        new[i] = x[i] + a * p[i]
        if BOUNDED:
            new[i] = clip(new[i], low[i], high[i])
        moved = moved or new[i] != x[i]
    return moved


def accept(x, g, new, new_g, w, scale, pairs, kept):
    """Move to the new point; s's in the metric, s'y, and the largest s itself and by its scale.

    A component that has outgrown its scale takes its size for it: x0 may start near zero.
    """
    ss, sy, moved, shift, rows = 0.0, 0.0, 0.0, 0.0, pairs.shape[0] // 2
    k = 2 * (int(kept) % rows) if rows > 0 else -1
    for i in range(SIZE or x.size):
        s, y = new[i] - x[i], new_g[i] - g[i]
        if k >= 0:
            pairs[k, i], pairs[k + 1, i] = s, y
        if w[i] > 0.0:
            ss += s * s / w[i]
        sy += s * y
        moved, shift = max(moved, abs(s)), max(shift, abs(s) / scale[i])
        scale[i] = max(scale[i], abs(new[i]))
        x[i] = new[i]
        g[i] = new_g[i]
    return ss, sy, moved, shift


def begin(x, g, f, w, scale, state, low, high):
    """Scales and state of the rule at the first point, and the norm that frees it of f's units.

    The scales are the sizes of x's components. A zero takes the size at which it counts as much as
    the steepest of the others or as f itself, within reason: neither above the largest of theirs or
    the width of its bounds nor far below; an x of zeros has 1. What is tiny beside the others, and
    hardly moves f, is as good as zero.
    """
    tiny, biggest, top = EPS**0.5, largest(x), abs(f)
    if real(EPS * biggest * biggest) == 0.0:  # so is what would underflow below
        biggest = real(0.0)
    for i in range(SIZE or g.size):
        top = max(top, abs(x[i] * g[i]))
    for i in range(SIZE or g.size):
        size = abs(x[i])
        if biggest == 0.0 or (size <= tiny * biggest and abs(g[i]) * size <= tiny * top):
            size = biggest if biggest > 0.0 else real(1.0)
            if abs(g[i]) * size > top > 0.0:
                size = real(max(top / abs(g[i]), tiny * biggest))
            if BOUNDED and 0.0 < high[i] - low[i] < size:
                size = high[i] - low[i]
        w[i] = scale[i] = size
    top = 0.0
    for i in range(SIZE or g.size):
        top = max(top, abs(scale[i] * g[i]))
    norm = 1.0 / top if top > 0.0 else 1.0
    for i in range(SIZE or g.size):
        v = g[i] * scale[i] * real(norm)
        store(state, i, start(v * v))
    return norm


def steep(x, g, f, scale, low, high):
    """Whether f would change where x moves by its own size."""
    pull = 0.0
    for i in range(SIZE or g.size):
        if not BOUNDED or not held(x[i], g[i], low[i], high[i]):
            pull = max(pull, abs(g[i]) * scale[i])
    return pull > EPS**0.25 * abs(f)


def ending(sloping, gnorm, first_gnorm, jumps):
    """The status where no decrease is left to find: at the floor of rounding, or misled.

    At the floor the gradient has fallen far, or f is level. Elsewhere the gradient is wrong, or the
    function has noise or a kink, where it `jumps`.
    """
    level = not (sloping or jumps)
    return FTOL if level or gnorm <= max(SMALL, EPS**0.5) * first_gnorm else NO_STEP


def search(run, moving, still, shaped, state, limits, options, schedule, data, until):
    """The rule with a step that is found, not given, until it ends or the budget is spent."""
    status, nit, nfev, njev, f, gnorm, lowest, carry = run[:8]
    least, mark, mark_gnorm, stalled, returned, norm, reference, weight, step, slope = run[8:18]
    fraction, first_gnorm, kept = run[18:21]
    x, g, p, w, new_g, new = moving
    low, high, best_x, best_g, best_f, scale, pairs, along = still
    asked = limits.ftol > EPS ** (2 / 3)
    while status == RUNNING and nit < until[0] and nfev < until[1]:
        first, stuck, jumps = nfev == 0.0, False, False
        if not first and fraction == 0.0:
            if norm == 0.0:
                norm = begin(x, g, f, w, scale, state, low, high)
            c, carry = coefficients(options, 1.0, math.inf, carry)
            measure(x, g, w, scale, c, state, norm, low, high)
            slope = direct(x, g, p, w, pairs, along, kept, step, low, high)
            fraction = 1.0
        moved = trial(x, p, fraction, new, low, high)
        f_new = value(shaped, new_g, data)
        nfev += 1.0
        slack = 4.0 * EPS * abs(f)  # what rounding may add to f
        near = 0.0 < -slope <= EPS ** (2 / 3) * abs(f)  # only where so little is left to gain
        wanted = reference + ARMIJO * fraction * slope + (slack if near else 0.0)  # is it forgiven
        good = first or (moved and f_new <= wanted)
        if good:
            nfev += gradient(new, shaped, new_g, f_new, low, high, data)
            njev += 1.0
            gnorm_new = steepness(new, new_g, low, high)
            good = math.isfinite(f_new) and math.isfinite(gnorm_new)
        if good:
            ss, sy, change, shift = accept(x, g, new, new_g, w, scale, pairs, kept)
            f, gnorm = f_new, gnorm_new
            if first:
                reference, mark, first_gnorm = f, f, gnorm
            else:
                nit += 1.0
                step = ss / sy if sy > 0.0 else 4.0 * step
                step = min(max(step, 1e-300), 1e300)
                if pairs.size > 0 and sy > -EPS * fraction * slope:
                    kept += 1.0
                reference = (MEMORY * weight * reference + f) / (MEMORY * weight + 1.0)
                weight = MEMORY * weight + 1.0
            fraction = 0.0
            if first or f < lowest - slack or (f <= lowest + slack and gnorm < least):
                least = gnorm
                keep(x, g, f, best_x, best_g, best_f)
            lowest = min(lowest, f)
            stalled += 1.0
            gain = f < mark - limits.ftol * abs(mark) or gnorm < 0.5 * mark_gnorm
            if first or (gain and shift > EPS):
                mark, mark_gnorm, stalled = min(f, mark), min(gnorm, mark_gnorm), 0.0
            over = limits.ftol > 0.0 and stalled >= PATIENCE
            if gnorm <= limits.gtol:
                status = GTOL
            elif over and asked:
                status = FTOL
            elif over:  # where x stands still although f falls, the gradient jumps
                stuck, jumps = True, gain
            elif not first and still_within(change, x, limits.xtol):
                status = XTOL
            elif nit >= limits.maxiter:
                status = MAXITER
        elif first:
            keep(new, new_g, f_new, best_x, best_g, best_f)
            f, status = f_new, NONFINITE
        elif f_new == -math.inf:  # no minimum there is
            status = NONFINITE
        elif not (moved and EPS * abs(f) < -fraction * slope < math.inf):
            stuck = True
        else:
            curve = f_new - f - fraction * slope
            ideal = -0.5 * slope * fraction / curve if 0.0 < curve < math.inf else 0.0
            fraction *= min(max(ideal, 0.1), 0.5)
        left = f > lowest + slack
        if stuck or (left and status in (GTOL, FTOL)):
            # Back to the best point. Where a better one was left behind, or f should fall yet, the
            # search begins again there: metric and step may be those of a far steeper place. But
            # from the same point the same path would follow, at the floor of rounding for ever.
            copy(best_x, x)
            copy(best_g, g)
            f = reference = best_f[0]
            gnorm, weight, stalled, fraction = least, 1.0, 0.0, 0.0
            norm, step, kept = 0.0, FIRST, 0.0
            sloping = steep(x, g, f, scale, low, high)
            if (left and lowest < returned - slack) or (sloping and returned == math.inf):
                status = RUNNING
            elif gnorm <= limits.gtol:
                status = GTOL
            elif stuck or not asked:
                status = ending(sloping, gnorm, first_gnorm, jumps)
            else:
                status = FTOL
            returned = lowest
        if status == RUNNING and nfev >= limits.maxfev:
            status = MAXFEV
    shared = status, nit, nfev, njev, f, gnorm, lowest, carry
    own = least, mark, mark_gnorm, stalled, returned, norm, reference, weight, step, slope
    return Run(*shared, *own, fraction, first_gnorm, kept)
