"""The step within a radius: its damping by Moré's iteration, and its projection on the bounds.

Moré (1978), The Levenberg-Marquardt algorithm: implementation and theory.
"""

import math

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.fits.triangles import (
    factorise,
    factorise_root,
    is_free,
    solve_factor,
    stretch,
)
from fastopt.algorithms.placeholders import BOUNDED, SIZE

NEAR = 0.1  # relative difference allowed between the step's length and the radius
MOST = 10  # most factorisations for a step
# Relative pivot below which J'J has lost too many digits of the Jacobian, as a power of epsilon.
LOST, LOST_ROOT = 1e-10, 1e-28


@separate
def damped(damping, rooted, arrays):
    """Write the step with this damping; return the smallest relative pivot."""
    if rooted != 0.0:
        least = factorise_root(damping, arrays)
    else:
        least = factorise(damping, arrays)
    solve_factor(arrays)
    return least


@separate
def length_of(vector, arrays):
    """Return the length of a vector, measured by the diagonal; NaN if it is not finite."""
    total = 0.0
    for i in range(SIZE or vector.size):
        d = arrays.metric[i] * vector[i]
        total += d * d
    return math.sqrt(total)


@separate
def step_within(radius, damping, rooted, arrays):
    """Write the step that is not longer than `radius`; return its damping, and the least pivot.

    The step is Gauss and Newton's if that is short enough. Else the damping makes its length agree
    with the radius, roughly.
    """
    least = damped(0.0, rooted, arrays)
    sound = least > (LOST_ROOT if rooted != 0.0 else LOST)
    length = length_of(arrays.step, arrays)
    if sound and length - radius <= NEAR * radius:
        return 0.0, least
    low, gradient = 0.0, 0.0
    if sound:
        low = (length - radius) / (radius * stretch(length, arrays))
    for i in range(SIZE or arrays.step.size):
        if is_free(i, arrays):
            t = arrays.slopes[i] / arrays.metric[i]
            gradient += t * t
    gradient = math.sqrt(gradient)
    high = max(gradient / radius, 1e-300)
    damping = min(max(damping, low), high)
    if damping == 0.0:
        damping = gradient / length if sound else high
    excess = length - radius if sound else math.inf
    for turn in range(MOST):
        if damping == 0.0:
            damping = max(1e-300, 1e-3 * high)
        damped(damping, rooted, arrays)
        length = length_of(arrays.step, arrays)
        before, excess = excess, length - radius
        flat = low == 0.0 and excess <= before and before < 0.0
        if abs(excess) <= NEAR * radius or flat or turn == MOST - 1:
            break
        if not math.isfinite(length):  # the factor is not definite, by rounding
            low = max(low, damping)
            damping = min(max(10.0 * damping, 1e-3 * high), high)
            continue
        change = excess / (radius * stretch(length, arrays))
        if excess > 0.0:
            low = max(low, damping)
        else:
            high = min(high, damping)
        damping = max(low, damping + change)
    return damping, least


@separate
def project(damping, rooted, points, arrays):
    """Shorten the step at the bounds that it would cross, and solve for the other parameters."""
    x = points.x
    for _ in range(SIZE or x.size):
        crossed = False
        for i in range(SIZE or x.size):
            if is_free(i, arrays):
                new = x[i] + arrays.step[i]
                if new < arrays.low[i] or new > arrays.high[i]:
                    bound = arrays.low[i] if new < arrays.low[i] else arrays.high[i]
                    arrays.step[i], arrays.blocked[i], crossed = bound - x[i], 1.0, True
        if not crossed:
            return
        damped(damping, rooted, arrays)


@separate
def trial_of(points, arrays):
    """Write the trial point; return whether it differs from x."""
    moved = 0.0
    for i in range(SIZE or points.x.size):
        new = points.x[i] + arrays.step[i]
        if BOUNDED:
            new = min(max(new, arrays.low[i]), arrays.high[i])
        if new != points.x[i]:
            moved = 1.0
        points.new[i] = new
    return moved


@separate
def model_of(rooted, arrays):
    """Return the slope of the cost along the step, and the reduction that the equations predict."""
    n, slope, curvature = SIZE or arrays.step.size, 0.0, 0.0
    step, equations = arrays.step, arrays.equations
    for i in range(n):
        slope += arrays.slopes[i] * step[i]
        if rooted != 0.0:
            t = 0.0
            for k in range(i, n):
                t += equations[i, k] * step[k]
            curvature += t * t
        else:
            t = 0.5 * equations[i, i] * step[i]
            for k in range(i):
                t += equations[i, k] * step[k]
            curvature += 2.0 * t * step[i]
    return slope, -slope - 0.5 * curvature
