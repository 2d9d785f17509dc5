"""Steps without an end in sight: gradients at one point, and an average that needs no schedule.

    base <- base - step;   average <- average + share (base - average)
    x <- (1 - BETA) base + BETA average

Defazio et al. (2024), The road less scheduled, arXiv:2405.15682. Gradients are taken at x. The
average is what the run is for. It is not stored: x and `lead` = base - average tell it. An element
that a user has moved since, to keep it inside of bounds for example, begins again where it is.
"""

import numpy as np

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.placeholders import C, cast, real
from fastopt.algorithms.training.distance_rate import (
    DISTANCE,
    SPREAD,
    STEPS,
    DistanceRate,
    find_distance,
)

BETA = 0.8  # of 0.7 to 0.98 the best on ten tasks after 10 or 20 epochs
WEIGHTS = len(DistanceRate._fields)  # place of the sum of weights, over the weight of the last step
# Arrays of a search for the rate, for each parameter. No rule has slots of these names.
SLOTS = "origin", "trace", "lead", "last_x"


@separate
def measure(found, sums, n):
    """Find the distance of the next step; an iterate weighs the square of its distance."""
    before = found[DISTANCE]
    found[STEPS] += 1.0
    find_distance(found, sums, 1.0, n)
    if before > 0.0:
        found[WEIGHTS] = 1.0 + found[WEIGHTS] * (before / found[DISTANCE]) ** 2


@separate
def advance(x, lead, last, move, found, c):
    """Move x by the rule's steps, and by weight decay."""
    eta = real(found[DISTANCE] / found[SPREAD])
    shrink = cast(C, real, c).shrink * real(found[DISTANCE])
    share, rest = real(1.0 / found[WEIGHTS]), real(1.0 - BETA)
    kept = real(1.0) - share
    for i in range(x.size):
        before = lead[i] if x[i] == last[i] else real(0.0)
        average = x[i] - rest * before
        ahead = before - eta * move[i] - shrink * x[i]
        x[i] = average + (share + rest * kept) * ahead
        last[i], lead[i] = x[i], kept * ahead


def average_of(x, lead, last):
    """Return the average."""
    return np.where(x == last, x - x.dtype.type(1.0 - BETA) * lead, x)
