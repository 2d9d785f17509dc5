"""The step of a mini-batch with a learning rate that is found on the way.

    step = share * distance * u / spread

u is the rule's step for a rate of 1, and `spread` its root mean square so far. If the gradient over
the rule's diagonal is larger, it is that: momentum averages what is random. `share` is that of a
schedule, which falls from 1 to 0. `distance` is the largest lower bound so far of max|x* - x0|.
For a convex function, any points x and any weights w,

    sum w <g, x0 - x>  <=  sum w <g, x0 - x*>  <=  |sum w g|_1 max|x0 - x*|

(Defazio and Mishchenko 2023, D-Adaptation, arXiv:2301.07733). The weights are share times distance.
So later points count for more, as in Prodigy (Mishchenko and Defazio 2023, arXiv:2306.06101).

The distance begins rather too small. It grows within some tens of steps, since x moves by about one
distance a step as long as gradients agree.

The bound holds on the average of the rows, and for convex functions. Where x goes too far anyway,
the loss tells: `step` returns False, and the run begins again with a quarter of the distance.
"""

import math
from typing import NamedTuple

from fastopt.algorithms.compile_hints import separate, separate_reordered
from fastopt.algorithms.minibatch import ETA, RULE_SCALAR, decay_weights
from fastopt.algorithms.placeholders import (
    HAS_CLIPPING_AND_DECAY,
    SIZE,
    C,
    cast,
    coefficients,
    load,
    real,
    store,
    update,
)
from fastopt.algorithms.run_state import INF
from fastopt.algorithms.solve_loop import clip

# Indices of `DistanceRate`.
DISTANCE, CEILING, GAIN, KEEP, STEPS, DIRECTIONS, GRADIENTS = range(7)
TOP, BOTTOM, ABOVE, SPREAD, UNIT, NORMED = range(7, 13)
BEGIN = 1e-2  # the first distance, over the one in which the first gradient would reduce f to zero
OPPOSED = 0.7  # share of the slopes that lead back after the first step, if that was too long
MEMORY = 0.9995  # a sum keeps this part of itself in a step
# A mini-batch has gone too far if its loss is above all earlier ones by several times their range.
# ENOUGH steps make the range known. One mini-batch is not believed, since a row may be an outlier.
RANGES, ENOUGH, IN_A_ROW = 4.0, 8.0, 2.0


class DistanceRate(NamedTuple):
    """All scalars of the search for the rate."""

    distance: float = 0.0
    ceiling: float = INF  # the distance does not grow above it
    gain: float = 0.0  # sum w <g, x0 - x>
    keep: float = 1.0  # factor of the old sums in the next step
    steps: float = 0.0  # since the last beginning
    directions: float = 0.0  # sum of the mean squares of the rule's steps u
    gradients: float = 0.0  # and of the gradients over the rule's diagonal
    top: float = -INF  # the largest loss of a mini-batch
    bottom: float = INF  # and the smallest
    above: float = 0.0  # mini-batches in a row that have gone too far
    spread: float = 1.0
    unit: float = 1.0  # factor of gradients: a power of two that brings the first one to 1
    normed: float = 1.0  # whether the rule's diagonal brings gradients to 1; see `rules`


def step(record, points, state, options, plan, f):
    """Take the step on x; return False if x has gone too far."""
    x, g, _, found, origin, _, move = points
    share, t = record[ETA], found[STEPS] + 1.0
    if found[DISTANCE] == 0.0:
        begin(found, g, origin, f)
    c, record[RULE_SCALAR] = coefficients(options, 1.0, t, record[RULE_SCALAR])
    sums = directions(points, c, state, found[KEEP], share, found[UNIT])
    if gone_too_far(found, f, sums):
        return False
    found[STEPS] = t
    find_distance(found, sums, share, x.size)
    length = share * found[DISTANCE]
    if plan.decay > 0.0:  # whatever the size of the rule's steps: adadelta's are tiny
        decay_weights(x, length * plan.decay)
    subtract(x, move, length / found[SPREAD])
    return True


def begin(found, g, origin, f):
    """Set the first distance, rather too small in x's units: for f = 0, from the size of x0."""
    slopes = sizes = top = 0.0
    for i in range(g.size):
        slope = abs(1.0 * g[i])
        slopes, top = slopes + slope, max(top, slope)
        sizes = max(sizes, abs(1.0 * origin[i]))
    if slopes == 0.0:
        return
    found[DISTANCE] = BEGIN * (sizes if sizes > 0.0 else 1.0)
    if f != 0.0:
        found[DISTANCE] = BEGIN * abs(f) / slopes
    found[UNIT] = 2.0 ** -math.floor(math.log2(top))


def directions(points, c, state, keep, share, unit):
    """Write the rule's steps for a rate of 1, and the trace of gradients; return the sums."""
    x, g, _, _, origin, trace, move = points
    c, unit = cast(C, real, c), real(unit)
    squares, ratios = rule_steps(x, g, state, move, c, unit)
    away, either, slopes = add_to_trace(x, g, origin, trace, real(keep), real(share), c, unit)
    return away, either, slopes, squares, ratios


# Two loops, of few arrays each: the compiler has to prove that none overlaps another.
@separate_reordered
def rule_steps(x, g, state, move, c, unit):
    """Write the rule's steps; return the sums of their squares and of the gradients' over d."""
    squares = ratios = 0.0
    for i in range(SIZE or g.size):
        slope = slope_at(x, g, c, unit, i)
        u, d, s = update(slope, load(state, i), c)
        store(state, i, s)
        move[i] = u
        squares += (1.0 * u) * u
        ratio = slope / d if d > 0.0 else 0.0 * slope
        ratios += (1.0 * ratio) * ratio
    return squares, ratios


@separate_reordered
def add_to_trace(x, g, origin, trace, keep, weight, c, unit):
    """Add gradients to their trace; return the slopes towards x0, and the size of the trace."""
    away = either = slopes = 0.0
    for i in range(SIZE or x.size):
        slope = slope_at(x, g, c, unit, i)
        trace[i] = keep * trace[i] + weight * slope
        change = 1.0 * slope * (x[i] - origin[i])
        away += change
        either += abs(change)
        slopes += abs(1.0 * trace[i])
    return away, either, slopes


def slope_at(x, g, c, unit, i):
    """Return a component of the gradient that the rule gets."""
    slope = g[i]
    if HAS_CLIPPING_AND_DECAY:
        slope = clip(c.scale * slope, -c.limit, c.limit) + c.decay * x[i]
    return unit * slope


def gone_too_far(found, f, sums):
    """Return True if slopes or losses show that x has gone too far.

    After the first step it is loss and slopes: f has a constant, perhaps, and the first distance
    was too long. Later it is the losses of several mini-batches in a row.
    """
    top, bottom, (away, either, _, _, _) = found[TOP], found[BOTTOM], sums
    if found[STEPS] == 1.0 and f > top and away > OPPOSED * either:
        return True
    if found[STEPS] >= ENOUGH and away > 0.0 and f > top + RANGES * (top - bottom):
        found[ABOVE] += 1.0
    else:
        found[ABOVE], found[TOP], found[BOTTOM] = 0.0, max(top, f), min(bottom, f)
    return found[ABOVE] >= IN_A_ROW


def find_distance(found, sums, share, n):
    """Raise the distance to the bound that the sums give, and measure the rule's steps."""
    away, _, slopes, squares, ratios = sums
    found[DIRECTIONS] += squares / n
    found[GRADIENTS] += ratios / n
    ratios = found[NORMED] * found[GRADIENTS]
    spread = math.sqrt(max(found[DIRECTIONS], ratios) / found[STEPS])
    found[SPREAD] = spread if spread > 0.0 else 1.0
    found[GAIN] = found[KEEP] * found[GAIN] - share * away
    before = found[DISTANCE]
    if found[GAIN] > before * slopes:
        found[DISTANCE] = max(before, min(found[GAIN] / slopes, found[CEILING]))
    # Weights are relative to the present distance, so that no sum grows with its square.
    found[KEEP] = MEMORY * (before / found[DISTANCE] if before > 0.0 else 1.0)


@separate
def subtract(x, move, eta):
    """Subtract eta times the rule's steps."""
    eta = real(eta)
    for i in range(SIZE or x.size):
        x[i] -= eta * move[i]
