"""The loop that finds the step by itself: what `learning_rate="auto"` stands for.

The rule gives the metric: the diagonal that it divides the gradient by. In this metric the last
few moves and what they did to the gradient make the direction (limited-memory BFGS: Nocedal 1980,
Liu and Nocedal 1989), and a nonmonotone search takes the step (Grippo, Lampariello and Lucidi 1986;
Zhang and Hager 2004). Without such pairs it is the spectral projected gradient method of Birgin,
Martinez and Raydan (2000, SPG2), with the step of Barzilai and Borwein (1988).
"""

import math

from fastopt.solver.direction import accept, begin, direct, measure, reach, share, steep, trial
from fastopt.solver.placeholders import (
    BOUNDED,
    EPS,
    EPS_2_3,
    EXACT,
    FOURTH_ROOT_EPS,
    HUGE,
    ROOT_EPS,
    coefficients,
    gradient,
)
from fastopt.solver.run_state import FIRST, INF, Run
from fastopt.solver.solve_loop import copy, keep, measure_sizes, settle, steepness, still_within
from fastopt.solver.status_codes import (
    FTOL,
    GTOL,
    MAXFEV,
    MAXITER,
    NO_STEP,
    NONFINITE,
    RUNNING,
    XTOL,
)

ARMIJO = 1e-4  # sufficient decrease: Nocedal and Wright (2006), eq. 3.4
# Pairs with which no trial moves a component by more than FIRST times WIDER to their number, of its
# scale. They come from small moves, and say nothing of places far off: a peak would be thrown out
# of its data. Measured over 4,000 Gaussians of heights from 1e-6 to 1e6: 3,976 are found with
# 451,000 evaluations, without this 3,678 with 1,930,000.
SHORT = 3.0
WIDER = 30.0
MEMORY = 0.85  # of past values in the reference value: Zhang and Hager (2004), their eta
PATIENCE = 30.0  # iterations without gain before the floating-point floor is declared
SMALL = 1e-5  # of the first gradient: what rounding may leave of it
TRIES = 4.0  # single components moved far beyond their scales before a minimum is declared
GONE = 16.0  # roundings of the first f: what may be left of f where its minimum is zero


def ending(pull, f, first_pull, first_f, jumps):
    """Return the status where no decrease is left to find: at the floor of rounding, or misled.

    At the floor the slope has fallen far, or f is level. Elsewhere the gradient is wrong, or the
    function has noise or a kink, where it `jumps`. Differences in a narrow valley are wrong by far
    more than is left of an exact slope: with them f must have fallen to nothing too.
    """
    fallen = pull <= max(SMALL, ROOT_EPS) * first_pull
    if pull <= FOURTH_ROOT_EPS * abs(f):
        return FTOL if fallen or not jumps else NO_STEP
    gone = EXACT or abs(f) <= GONE * EPS * abs(first_f)
    return FTOL if fallen and gone else NO_STEP


def propose(run, moving, still, state, limits, options, schedule):
    """The next point to evaluate the objective at, on the present direction or on a new one."""
    status, nit, nfev, njev, f, gnorm, lowest, carry, moved = run[:9]
    least, mark, mark_gnorm, stalled, returned, norm, reference, weight, step, slope = run[9:19]
    fraction, first_pull, first_f, kept, reached, tries, latest = run[19:26]
    x, g, p, w, _, new = moving
    low, high, _, _, _, scale, pairs, along = still
    if nfev > 0.0 and fraction == 0.0:
        if norm == 0.0:
            norm = begin(x, g, f, w, scale, state, first_pull < INF, low, high)
            if first_pull == INF:
                first_pull, first_f = 1.0 / norm, f
        c, carry = coefficients(options, 1.0, INF, carry)
        measure(x, g, w, scale, c, state, norm, low, high)
        slope = direct(x, g, p, w, pairs, along, kept, step, low, high)
        fraction = 1.0
        if 0.0 < kept <= SHORT:
            cap = FIRST * WIDER
            for _ in range(1, int(kept)):
                cap *= WIDER
            fraction = share(x, p, scale, cap)
    moved = 1.0 if trial(x, p, fraction, new, low, high) else 0.0
    shared = status, nit, nfev, njev, f, gnorm, lowest, carry, moved
    own = least, mark, mark_gnorm, stalled, returned, norm, reference, weight, step, slope
    return Run(*shared, *own, fraction, first_pull, first_f, kept, reached, tries, latest)


def judge(run, f_new, moving, still, x_shaped, limits, data):
    """What follows from the value at the proposed point: a step, a shorter trial, or the end."""
    status, nit, nfev, njev, f, gnorm, lowest, carry, moved = run[:9]
    least, mark, mark_gnorm, stalled, returned, norm, reference, weight, step, slope = run[9:19]
    fraction, first_pull, first_f, kept, reached, tries, latest = run[19:26]
    x, g, p, w, new_g, new = moving
    low, high, best_x, best_g, best_f, scale, pairs, _ = still
    asked = limits.ftol > EPS_2_3
    first, stuck, jumps = nfev == 0.0, False, False
    nfev += 1.0
    slack = 4.0 * EPS * abs(f)  # what rounding may add to f
    near = 0.0 < -slope <= EPS_2_3 * abs(f)  # only where so little is left to gain
    wanted = reference + ARMIJO * fraction * slope + (slack if near else 0.0)  # is it forgiven
    good = first or (moved > 0.0 and f_new <= wanted)
    if good:
        nfev += gradient(new, x_shaped, new_g, f_new, low, high, data)
        njev += 1.0
        if BOUNDED:
            settle(new, new_g, low, high)
            if first:
                measure_sizes(new, scale)
        gnorm_new = steepness(new, new_g, scale, low, high)
        good = math.isfinite(f_new) and math.isfinite(gnorm_new)
    if good:
        latest = -1.0 if first else kept
        ss, sy, change, shift = accept(x, g, new, new_g, w, scale, pairs, kept)
        f, gnorm = f_new, gnorm_new
        if first:
            reference = mark = f
        else:
            nit += 1.0
            step = ss / sy if sy > 0.0 else 4.0 * step
            step = min(max(step, 1.0 / HUGE), HUGE)
            if pairs.size > 0 and sy > -EPS * fraction * slope:
                kept += 1.0
            if shift * (16.0 * EPS) > ROOT_EPS:  # the metric is that of other units
                step, kept = FIRST, 0.0
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
    elif f_new == -INF:  # no minimum there is
        status = NONFINITE
    elif not (moved > 0.0 and EPS * abs(f) < -fraction * slope < INF):
        stuck = True
    else:
        curve = f_new - f - fraction * slope
        ideal = -0.5 * slope * fraction / curve if 0.0 < curve < INF else 0.0
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
        pull = steep(x, g, scale, low, high)
        sloping = pull > FOURTH_ROOT_EPS * abs(f)
        fell = reached == INF or lowest < reached - slack
        tries = 0.0 if fell else tries + 1.0
        if (left and lowest < returned - slack) or (sloping and returned == INF):
            status = RUNNING
        elif gnorm <= limits.gtol:
            status = GTOL
        elif stuck or not asked:
            status = ending(pull, f, first_pull, first_f, jumps)
        else:
            status = FTOL
        returned = lowest
        if status == FTOL and tries <= TRIES and not asked:
            slope = reach(x, g, f, p, scale, pairs, latest, tries, low, high)
            reached = lowest if fell else reached
            if slope < 0.0:
                status, fraction = RUNNING, 1.0
    if status == RUNNING and nfev >= limits.maxfev:
        status = MAXFEV
    shared = status, nit, nfev, njev, f, gnorm, lowest, carry, moved
    own = least, mark, mark_gnorm, stalled, returned, norm, reference, weight, step, slope
    return Run(*shared, *own, fraction, first_pull, first_f, kept, reached, tries, latest)
