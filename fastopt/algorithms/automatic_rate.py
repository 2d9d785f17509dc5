"""The search that finds the step by itself, for `learning_rate="auto"`.

The rule gives the metric: the diagonal by which it divides the gradient. The direction is that of
limited-memory BFGS in this metric, from the last few moves (Nocedal 1980, Liu and Nocedal 1989). A
nonmonotone search finds the step (Grippo, Lampariello and Lucidi 1986; Zhang and Hager 2004).
Without pairs of moves the method is the spectral projected gradient of Birgin, Martinez and Raydan
(2000, SPG2). Its step is that of Barzilai and Borwein (1988).
"""

import math

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.convergence import (
    COUPLED_SLOPE,
    NOISE_SLOPE,
    contradicts,
    converged,
    final_status,
    near_the_end,
    size_and_pull,
    starts_at_minimum,
)
from fastopt.algorithms.direction import (
    accept_trial,
    common_weight,
    far_move,
    initialise_scaling,
    limited_fraction,
    search_direction,
    trial_point,
    update_metric,
)
from fastopt.algorithms.placeholders import (
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
from fastopt.algorithms.run_state import FIRST, INF, Run, Search
from fastopt.algorithms.solve_loop import (
    copy,
    measure_sizes,
    projected_gradient_norm,
    settle,
    step_below_xtol,
    store_best,
)
from fastopt.algorithms.status_codes import FTOL, GTOL, MAXFEV, MAXITER, NONFINITE, RUNNING, XTOL

ARMIJO = 1e-4  # sufficient decrease: Nocedal and Wright (2006), eq. 3.4
# With at most SHORT pairs, a trial moves a component by at most FIRST WIDER^pairs of its scale.
# With one size for all components it is WIDER^(pairs - 1) of the largest scale.
# First pairs come from small moves and say nothing about distant places: without this limit a peak
# leaves its data. Measured with 5 pairs and the rule's metric alone: 4,000 Gaussians of heights
# from 1e-6 to 1e6. With the limit 3,976 are found with 451,000 evaluations, without it 3,678 with
# 1,930,000.
SHORT = 3.0
WIDER = 30.0
LONGER = 4.0  # factor of the next move along a direction in which f is not convex
ZH_ETA = 0.85  # weight of past values in the reference value: eta of Zhang and Hager (2004)
STALL_LIMIT = 30.0  # iterations without gain before the floating-point floor is declared
TRIES = 4.0  # moves of single components far beyond their scales, before success
ROUNDINGS = 16.0  # roundings of x to which the lowest point along a direction is known
VISIBLE = 64.0  # roundings of f that the trials of a direction must show to be judged
ENDED = -1.0  # `moved` if the direction ends the search, so that there is no trial

RUN = Run(search=Search())  # the form of the scalars


@separate
def propose(run, iterates, workspace, state, limits, options, schedule):
    """Set the next trial point, on the present direction or on a new one."""
    status, nit, nfev, njev, f, gnorm, lowest, carry, moved, search = run
    (
        least, mark, mark_gnorm, stalled, returned, norm, reference, weight, step, slope, fraction,
        first_pull, first_f, kept, reached, tries, latest, lowest_at,
    ) = search  # fmt: skip
    x, g, p, w, _, new = iterates
    low, high, _, _, _, scale, pairs, along = workspace
    if nfev > 0.0 and fraction == 0.0:
        if norm == 0.0:
            # Differences do not see a component that is far smaller than others.
            least_size = EPS if EXACT else ROOT_EPS
            again = first_pull < INF
            norm = initialise_scaling(x, g, f, w, scale, state, again, least_size, low, high)
            if first_pull == INF:
                first_pull, first_f = 1.0 / norm, f
            norm = abs(norm)
        c, carry = coefficients(options, 1.0, INF, carry)
        update_metric(x, g, w, scale, c, state, norm, low, high)
        common = common_weight(scale, norm) if step < 0.0 else 0.0
        length = abs(step)
        slope = search_direction(x, g, p, w, common, pairs, along, kept, length, low, high)
        fraction = 1.0
        if 0.0 < kept <= SHORT:
            cap = FIRST * WIDER if common == 0.0 else 1.0
            for _ in range(1, int(kept)):
                cap *= WIDER
            fraction = limited_fraction(x, p, scale, common, cap)
        lowest_at = -INF if lowest_at < 0.0 else 0.0
        if limits.gtol < 0.0 and lowest_at == 0.0 and near_the_end(-slope, f, first_f):
            size, pull = size_and_pull(x, g, p, scale, low, high)
            if converged(-slope, size, f, pull, abs(first_pull), first_f, kept):
                moved = ENDED
    if moved != ENDED:
        moved = 1.0 if trial_point(x, p, fraction, new, low, high) else 0.0
    search = Search(
        least=least, mark=mark, mark_gnorm=mark_gnorm, stalled=stalled, returned=returned,
        norm=norm, reference=reference, weight=weight, step=step, slope=slope, fraction=fraction,
        first_pull=first_pull, first_f=first_f, kept=kept, reached=reached, tries=tries,
        latest=latest, lowest_at=lowest_at,
    )  # fmt: skip
    return Run(
        status=status, nit=nit, nfev=nfev, njev=njev, f=f, gnorm=gnorm, lowest=lowest, carry=carry,
        moved=moved, search=search,
    )  # fmt: skip


def judge(run, f_new, iterates, workspace, x_shaped, limits, data):
    """Accept the trial point, shorten the trial, or end: by the value of f there."""
    status, nit, nfev, njev, f, gnorm, lowest, carry, moved, search = run
    (
        least, mark, mark_gnorm, stalled, returned, norm, reference, weight, step, slope, fraction,
        first_pull, first_f, kept, reached, tries, latest, lowest_at,
    ) = search  # fmt: skip
    x, g, p, w, new_g, new = iterates
    low, high, best_x, best_g, best_f, scale, pairs, along = workspace
    asked = limits.ftol > EPS_2_3
    first, stuck, over, jumps, done = nfev == 0.0, False, False, False, moved == ENDED
    nfev += 0.0 if done else 1.0
    slack = 4.0 * EPS * abs(f)  # largest rounding error of f
    # Near convergence, accept an increase of f that rounding alone could cause.
    near = 0.0 < -slope <= EPS_2_3 * abs(f)
    wanted = reference + ARMIJO * fraction * slope + (slack if near else 0.0)
    good = not done and (first or (moved > 0.0 and f_new <= wanted))
    if good:
        nfev += gradient(new, x_shaped, new_g, f_new, low, high, data)
        njev += 1.0
        if BOUNDED:
            settle(new, new_g, low, high)
            if first:
                measure_sizes(new, scale)
        gnorm_new = projected_gradient_norm(new, new_g, scale, low, high)
        good = math.isfinite(f_new) and math.isfinite(gnorm_new)
    if good:
        latest = -1.0 if first else kept
        at = x, g, new, new_g, w, scale
        ss, sy, change, shift, alike = accept_trial(*at, pairs, along, kept)
        f, gnorm = f_new, gnorm_new
        slack = 4.0 * EPS * abs(f)
        if first:
            reference = mark = f
        else:
            nit += 1.0
            step = ss / sy if sy > 0.0 else 4.0 * abs(step)
            step = min(max(step, 1.0 / HUGE), HUGE)
            step = -step if alike else step
            if pairs.size > 0 and sy > -EPS * fraction * slope:
                kept += 1.0
            if shift * (16.0 * EPS) > ROOT_EPS:  # the metric belongs to other units
                step, kept = FIRST, 0.0
            reference = (ZH_ETA * weight * reference + f) / (ZH_ETA * weight + 1.0)
            weight = ZH_ETA * weight + 1.0
        if BOUNDED or first or sy > 0.0:
            fraction = 0.0
        else:  # f is not convex along the direction: no pair, but a longer move
            slope += sy / fraction
            fraction *= LONGER
        if f < lowest - slack:
            lowest_at = 0.0
        if first or f < lowest - slack or (f <= lowest + slack and gnorm < least):
            least = gnorm
            store_best(x, g, f, best_x, best_g, best_f)
        lowest = min(lowest, f)
        stalled += 1.0
        gain = f < mark - limits.ftol * abs(mark) or gnorm < 0.5 * mark_gnorm
        if first or (gain and shift > EPS):
            mark, mark_gnorm, stalled = min(f, mark), min(gnorm, mark_gnorm), 0.0
        over = limits.ftol > 0.0 and stalled >= STALL_LIMIT
        if gnorm <= limits.gtol:
            status = GTOL
        elif over and asked:
            status = FTOL
        elif over:  # if x does not change although f decreases, the gradient jumps
            stuck, jumps = True, gain
        elif not first and step_below_xtol(change, x, limits.xtol):
            status = XTOL
        elif nit >= limits.maxiter:
            status = MAXITER
    elif done:
        moved, status = 0.0, GTOL
    elif first:
        store_best(new, new_g, f_new, best_x, best_g, best_f)
        f, status = f_new, NONFINITE
    elif f_new == -INF:  # there is no minimum
        status = NONFINITE
    elif not (moved > 0.0 and EPS * abs(f) < -fraction * slope < INF):
        stuck = True
    else:
        curve = f_new - f - fraction * slope
        ideal = -0.5 * slope * fraction / curve if 0.0 < curve < INF else 0.0
        found, before, contrary = ideal * fraction, abs(lowest_at), lowest_at < 0.0
        visible = curve > VISIBLE * EPS * abs(f)
        untold = limits.gtol < 0.0 and nit == 0.0
        if before > 0.0 and (visible or untold):
            size, pull = size_and_pull(x, g, p, scale, low, high)
            if visible and fraction * size > ROOT_EPS:
                contrary = contradicts(found, before, -slope * found, f, contrary)
            done = untold and starts_at_minimum(found, before, size, f, f_new - f, pull)
        lowest_at = -found if contrary else found
        fraction *= min(max(ideal, 0.1), 0.5)
    # A search that has converged ends at the rounding of f, which may exceed `slack`.
    left = f > lowest + (EPS_2_3 * abs(f) if done else slack)
    if stuck or done or (left and status in (GTOL, FTOL)):
        # Return to the best point. Restart there if the current point is worse, or if f should
        # still decrease: metric and step may be left over from a much steeper region. Restart
        # from a given point only once: otherwise the search would repeat the same path.
        copy(best_x, x)
        copy(best_g, g)
        f = reference = best_f[0]
        gnorm, weight, stalled, fraction = least, 1.0, 0.0, 0.0
        norm, step, kept = 0.0, FIRST, 0.0
        size, pull = size_and_pull(x, g, p, scale, low, high)
        sloping = pull > FOURTH_ROOT_EPS * abs(f)
        fell = reached == INF or lowest < reached - slack
        tries = 0.0 if fell else tries + 1.0
        again = (sloping or over or lowest_at < 0.0) and returned == INF and not done
        if (left and lowest < returned - slack) or again:
            status, lowest_at = RUNNING, 0.0
        elif done or gnorm <= limits.gtol:
            status = GTOL
        elif stuck or not asked:
            left_over = -slope * lowest_at  # by the last trials; negative if they contradict
            ended = over or moved == 0.0 or lowest_at * size <= ROUNDINGS * EPS
            begun = abs(first_pull)
            status = final_status(pull, f, begun, first_f, left_over, ended, jumps)
            if tries > 0.0:  # the moves of single components began at a floor
                status = FTOL
        else:
            status = FTOL
        returned = lowest
        floor = status == FTOL or (done and status == GTOL)
        if floor and tries <= TRIES and not asked:
            change = COUPLED_SLOPE if first_pull < 0.0 else NOISE_SLOPE
            slope = far_move(x, g, f, p, scale, pairs, latest, tries, change, low, high)
            reached = lowest if fell else reached
            if slope < 0.0:
                status, fraction, lowest_at = RUNNING, 1.0, 0.0
    if status == RUNNING and nfev >= limits.maxfev:
        status = MAXFEV
    search = Search(
        least=least, mark=mark, mark_gnorm=mark_gnorm, stalled=stalled, returned=returned,
        norm=norm, reference=reference, weight=weight, step=step, slope=slope, fraction=fraction,
        first_pull=first_pull, first_f=first_f, kept=kept, reached=reached, tries=tries,
        latest=latest, lowest_at=lowest_at,
    )  # fmt: skip
    return Run(
        status=status, nit=nit, nfev=nfev, njev=njev, f=f, gnorm=gnorm, lowest=lowest, carry=carry,
        moved=moved, search=search,
    )  # fmt: skip
