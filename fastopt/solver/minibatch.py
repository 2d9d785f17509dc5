"""Passes over the rows of data by mini-batches: a step of the rule for each.

All that a run knows is in `TrainingState` and in arrays, so that the loop can stop after any step,
and go on later with the same bits.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from fastopt.solver.placeholders import (
    SIZE,
    accumulator,
    asked,
    cast,
    coefficients,
    mean_and_gradient,
    opened,
    rate,
    real,
    sum_of_values,
)
from fastopt.solver.run_state import INF
from fastopt.solver.solve_loop import fill, sweep
from fastopt.solver.status_codes import NEGATIVE_RATE, NONFINITE, NONFINITE_RATE, RUNNING

# Places in `calls`: the address of `turn` and of what it reads, that of `rate_at`, or zero where
# the rate is constant, and of what it reads; the key of the epoch's random numbers.
TURN, HELD, RATE, SCHEDULE, KEY = range(5)
WORDS = 16
STATUS, NIT, ROW, LOSS, CARRY, AVERAGED, ETA = range(7)  # places of `TrainingState`
# Rows that memory is asked for ahead of time: without, a pass over 20 MB in random order takes
# three times as long.
AHEAD = 16


class TrainingState(NamedTuple):
    """All scalars that a run carries from call to call."""

    status: float = RUNNING
    nit: float = 0.0  # steps
    row: float = 0.0  # of the epoch, that comes next
    loss: float = 0.0  # summed over the rows before it
    carry: float = 1.0  # the rule's own scalar
    averaged: float = 0.0  # iterates in the mean
    rate: float = 0.0  # of the next step


class Part(NamedTuple):
    """Rows of the data, and the order in which they are taken."""

    order: Any
    fields: Any
    row_buffers: Any  # for rows that do not lie together; for mini-batches


class EpochSettings(NamedTuple):
    """What holds for an epoch, as floats, and until which step the loop goes on."""

    batch: float  # rows in a mini-batch
    shuffle: float
    decay: float  # of weights
    average: float  # whether iterates are averaged
    rate: float  # where it is constant
    until: float = 0.0


def through(held):
    """Go from mini-batch to mini-batch until `turn` says so: what is compiled for an objective.

    What is hoisted out of its loop is computed once, not for each mini-batch.
    """
    record, calls, points, part, data = opened(held)
    first = int(record[ROW])
    last = int(asked(calls, TURN, (0.0, first, first)))
    while last > first:
        f = 1.0 * mean_and_gradient(*points, part, first, last, data)
        first, last = last, int(asked(calls, TURN, (f, first, last)))


def turn(f, first, last, held):
    """Take the step of a mini-batch, if there is one, and return the end of the next, or zero."""
    record, points, order, state, options, numbers, calls = opened(held)
    plan, n, nit = cast(EpochSettings, np.float64, numbers), order.size, record[NIT]
    x, g, mean = points
    if last > first:
        if not (math.isfinite(f) and all_finite(g)):
            record[STATUS] = NONFINITE
            return 0.0
        nit, eta = nit + 1.0, record[ETA]
        c, carry = coefficients(options, eta, nit, record[CARRY])
        if plan.decay > 0.0:
            shrink(x, eta * plan.decay)
        sweep(x, g, c, state, x, x, False)
        if plan.average != 0.0:
            record[AVERAGED] += 1.0
            follow(mean, x, record[AVERAGED])
        record[NIT], record[CARRY], record[ROW] = nit, carry, float(last)
        record[LOSS] += f * (last - first)
    elif nit == 0.0:
        fill(state, x.size, accumulator(options))
    if last >= n or nit >= plan.until:
        return 0.0
    eta = plan.rate
    if calls[RATE] != 0:
        eta = asked(calls, RATE, (nit + 1.0,))
        if not 0.0 <= eta < INF:
            record[STATUS] = NEGATIVE_RATE if eta < 0.0 else NONFINITE_RATE
            return 0.0
    record[ETA] = eta
    end = min(last + int(plan.batch), n)
    if plan.shuffle != 0.0:
        ahead = max(AHEAD, int(plan.batch))
        draw(order, min(last + ahead, n) if last else 0, min(end + ahead, n), np.uint64(calls[KEY]))
    return float(end)


def rate_at(t, held):
    """Return the learning rate of step t: what is compiled for a schedule."""
    return 1.0 * rate(opened(held), t)


def draw(order, first, last, key):
    """Fisher and Yates's shuffle of the order, from place to place as the rows are needed.

    The random number for place i is SplitMix64's (Steele, Lea and Flood 2014), number i + 1 from
    `key`: none has to be kept.
    """
    for i in range(first, last):
        z = key + np.uint64(i + 1) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        below_one = np.float64(z >> np.uint64(11)) * 2.0**-53
        j = i + int(below_one * (order.size - i))
        order[i], order[j] = order[j], order[i]


def all_finite(g):
    wrong = 0  # counted, not left at: so it runs in vectors
    for i in range(SIZE or g.size):
        wrong += g[i] - g[i] != 0.0
    return wrong == 0


def shrink(x, share):
    """Weight decay beside the gradient (Loshchilov and Hutter 2019)."""
    kept = real(1.0 - share)
    for i in range(SIZE or x.size):
        x[i] *= kept


def follow(mean, x, count):
    """The mean of `count` iterates, x being the last (Polyak and Juditsky 1992)."""
    for i in range(SIZE or x.size):
        mean[i] += (x[i] - mean[i]) / count


def measure(total, x_shaped, own, part, data, batch, steps):
    """Add up fun's values for so many mini-batches; `total` is the sum and the row to go on at."""
    f, row = total[0], int(total[1])
    last = min(row + batch * int(steps), part.order.size)
    while row < last:
        end = min(row + batch, last)
        f += sum_of_values(x_shaped, own, part, row, end, data)
        row = end
    total[0], total[1] = f, row
