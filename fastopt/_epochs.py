"""Passes over the rows of data by mini-batches: a step of the rule for each.

All that a run knows is in `Pass` and in arrays, so that the loop can stop after any step, and go on
later with the same bits.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from fastopt._descent import fill, sweep
from fastopt._open import (
    SIZE,
    accumulator,
    cast,
    coefficients,
    mean_and_gradient,
    rate,
    real,
    sum_of_values,
)
from fastopt._run import INF
from fastopt._status import NEGATIVE_RATE, NONFINITE, NONFINITE_RATE, RUNNING

# Rows that memory is asked for ahead of time: without, a pass over 20 MB in random order takes
# three times as long.
AHEAD = 16


class Pass(NamedTuple):
    """All scalars that a run carries from call to call."""

    status: float = RUNNING
    nit: float = 0.0  # steps
    row: float = 0.0  # of the epoch, that comes next
    loss: float = 0.0  # summed over the rows before it
    carry: float = 1.0  # the rule's own scalar
    averaged: float = 0.0  # iterates in the mean


class Part(NamedTuple):
    """Rows of the data, and the order in which they are taken."""

    order: Any
    fields: Any
    rooms: Any  # for rows that do not lie together; for mini-batches


class Plan(NamedTuple):
    """What holds for an epoch."""

    batch: int  # rows in a mini-batch
    shuffle: bool
    key: Any  # of the epoch's random numbers
    decay: float  # of weights
    average: bool


def advance(record, points, part, state, options, schedule, data, plan, steps):
    """Go on for so many steps, or to the end of the epoch."""
    status, nit, row, loss, carry, averaged = cast(Pass, np.float64, record)
    x, shaped, g, own, mean = points
    n, until = part.order.size, nit + steps
    if nit == 0.0:
        fill(state, x.size, accumulator(options))
    while status == RUNNING and row < n and nit < until:
        eta = rate(schedule, nit + 1.0)
        if not 0.0 <= eta < INF:
            status = NEGATIVE_RATE if eta < 0.0 else NONFINITE_RATE
            break
        first, last = int(row), min(int(row) + plan.batch, n)
        if plan.shuffle:
            ahead = max(AHEAD, plan.batch)
            begin = min(first + ahead, n) if first else 0
            draw(part.order, begin, min(last + ahead, n), plan.key)
        f = mean_and_gradient(x, shaped, g, own, part, first, last, data)
        if not (math.isfinite(f) and all_finite(g)):
            status = NONFINITE
            break
        nit += 1.0
        c, carry = coefficients(options, eta, nit, carry)
        if plan.decay > 0.0:
            shrink(x, eta * plan.decay)
        sweep(x, g, c, state, x, x, False)
        if plan.average:
            averaged += 1.0
            follow(mean, x, averaged)
        loss += f * (last - first)
        row = float(last)
    now = status, nit, row, loss, carry, averaged
    for i in range(len(now)):
        record[i] = now[i]


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


def measure(total, shaped, own, part, data, batch, steps):
    """Add up fun's values for so many mini-batches; `total` is the sum and the row to go on at."""
    f, row = total[0], int(total[1])
    last = min(row + batch * int(steps), part.order.size)
    while row < last:
        end = min(row + batch, last)
        f += sum_of_values(shaped, own, part, row, end, data)
        row = end
    total[0], total[1] = f, row
