"""Passes over the rows of data in mini-batches, with a step of the rule for each mini-batch.

The entire state of a run is in `TrainingState` and in arrays. So the loop can stop after any step,
and continue later with the same bits.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.finiteness import all_finite
from fastopt.algorithms.placeholders import (
    SIZE,
    accumulator,
    call_function,
    cast,
    load_value,
    mean_and_gradient,
    rate,
    real,
    sum_of_values,
    take_step,
)
from fastopt.algorithms.run_state import INF
from fastopt.algorithms.solve_loop import fill
from fastopt.algorithms.status_codes import (
    DIVERGED,
    NEGATIVE_RATE,
    NONFINITE,
    NONFINITE_RATE,
    RUNNING,
)

# Indices in `calls`. TURN and TURN_DATA are the addresses of `turn` and of its data. RATE and
# SCHEDULE are those of `rate_at` and its data, or zero if the rate is constant. DATA is the address
# of the data of `through`. KEY is the key of the epoch's random numbers. LEAD and LEAD_DATA are the
# addresses of `lead` in `minibatch_parts` and of its data.
TURN, TURN_DATA, RATE, SCHEDULE, DATA, KEY, LEAD, LEAD_DATA = range(8)
WORDS = 16  # number of integers in `calls`
# Indices of `TrainingState`.
STATUS, NIT, ROW, LOSS, RULE_SCALAR, AVERAGED, ETA, BEGUN, SHUFFLED = range(9)
# Rows prefetched in advance: without, a pass over 20 MB in random order takes three times as long.
PREFETCH_ROWS = 16


class TrainingState(NamedTuple):
    """All scalars that a run carries from call to call."""

    status: float = RUNNING
    nit: float = 0.0  # number of steps
    row: float = 0.0  # next row of the epoch
    loss: float = 0.0  # sum over the rows before `row`
    rule_scalar: float = 1.0  # the rule's own scalar
    averaged: float = 0.0  # number of iterates in the mean
    rate: float = 0.0  # learning rate of the next step, or its share of one that is found
    begun: float = 0.0  # whether the rule's state has been filled
    # Places of the order that are shuffled in this epoch. No place is shuffled twice, even if fun
    # raises and the run continues from a checkpoint.
    shuffled: float = 0.0


class Part(NamedTuple):
    """Rows of the data, and the order in which they are used."""

    order: Any
    fields: Any
    row_buffers: Any  # for rows that are not contiguous, and for mini-batches


class EpochSettings(NamedTuple):
    """The settings of an epoch, as floats, and the step at which the loop returns."""

    batch: float  # rows in a mini-batch
    shuffle: float  # whether the order is shuffled
    decay: float  # decoupled weight decay
    average: float  # whether iterates are averaged
    rate: float  # the learning rate if it is constant
    until: float = 0.0  # number of steps


@separate
def through(place):
    """Process mini-batches until `turn` returns zero; compiled for each objective.

    The pointer to its data is at `place`.

    Code that is hoisted out of this loop runs once, not for each mini-batch.
    """
    record, calls, points, part, data = load_value(load_value(place))
    first = int(record[ROW])
    last = int(call_function(calls, TURN, (0.0, first, first)))
    while last > first:
        f = 1.0 * mean_and_gradient(*points, part, first, last, data)
        first, last = last, int(call_function(calls, TURN, (f, first, last)))


def turn(f, first, last, pointer):
    """Take the step of a mini-batch, if any, and return the end of the next one, or zero."""
    record, points, order, state, options, numbers, calls = load_value(pointer)
    plan, n, nit = cast(EpochSettings, np.float64, numbers), order.size, record[NIT]
    x, g, mean = points[0], points[1], points[2]
    if last > first:
        if not (math.isfinite(f) and all_finite(g)):
            record[STATUS] = NONFINITE
            return 0.0
        if not take_step(record, points, state, options, plan, f):
            record[STATUS] = DIVERGED
            return 0.0
        nit += 1.0
        if plan.average != 0.0:
            record[AVERAGED] += 1.0
            update_average(mean, x, record[AVERAGED])
        record[NIT], record[ROW] = nit, float(last)
        record[LOSS] += f * (last - first)
    elif record[BEGUN] == 0.0:
        fill(state, x.size, accumulator(options))
        record[BEGUN] = 1.0
    if last >= n or nit >= plan.until:
        return 0.0
    eta = plan.rate
    if calls[RATE] != 0:
        eta = call_function(calls, RATE, (nit + 1.0,))
        if not 0.0 <= eta < INF:
            record[STATUS] = NEGATIVE_RATE if eta < 0.0 else NONFINITE_RATE
            return 0.0
    record[ETA] = eta
    end = min(last + int(plan.batch), n)
    if plan.shuffle != 0.0:
        shuffled = min(end + max(PREFETCH_ROWS, int(plan.batch)), n)
        shuffle_ahead(order, int(record[SHUFFLED]), shuffled, np.uint64(calls[KEY]))
        record[SHUFFLED] = float(shuffled)
    return float(end)


def rate_at(t, pointer):
    """Return the learning rate of step t; compiled for each schedule."""
    return 1.0 * rate(load_value(pointer), t)


@separate
def shuffle_ahead(order, first, last, key):
    """Shuffle the order (Fisher and Yates) from `first` to `last`, shortly before its use.

    The random number for place i is number i + 1 of SplitMix64 (Steele, Lea and Flood 2014) from
    `key`. So there is no generator state to store.
    """
    for i in range(first, last):
        z = key + np.uint64(i + 1) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        below_one = np.float64(z >> np.uint64(11)) * 2.0**-53
        j = i + int(below_one * (order.size - i))
        order[i], order[j] = order[j], order[i]


@separate
def decay_weights(x, share):
    """Apply decoupled weight decay (Loshchilov and Hutter 2019)."""
    kept = real(1.0 - share)
    for i in range(SIZE or x.size):
        x[i] *= kept


@separate
def update_average(mean, x, count):
    """Update the mean of `count` iterates, of which x is the last (Polyak and Juditsky 1992)."""
    for i in range(SIZE or x.size):
        mean[i] += (x[i] - mean[i]) / count


@separate
def sum_losses(total, x_shaped, own, part, data, batch, steps):
    """Add fun's values for `steps` mini-batches; `total` is the sum and the next row."""
    f, row = total[0], int(total[1])
    last = min(row + batch * int(steps), part.order.size)
    while row < last:
        end = min(row + batch, last)
        f += sum_of_values(x_shaped, own, part, row, end, data)
        row = end
    total[0], total[1] = f, row
