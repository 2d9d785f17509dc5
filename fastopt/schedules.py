"""Learning-rate schedules: the rate as a function of the iteration t = 1, 2, ...

Each is a named tuple of numbers that can be called, ``schedule(t)``, from Python and from compiled
loops. Give one as ``options={"learning_rate": ...}``. Any function of t works too.

Examples
--------
>>> from fastopt import schedules
>>> rate = schedules.exponential(0.1, decay=0.5, every=10)
>>> rate(1), rate(11)
(0.1, 0.05)
"""

import math
from typing import NamedTuple

from fastopt.solver.placeholders import schedule_function

__all__ = ["constant", "cosine", "exponential", "inverse_time", "polynomial"]


class constant(NamedTuple):
    """`rate`, always."""

    rate: float

    def __call__(self, t):
        return self.rate


class exponential(NamedTuple):
    """``rate decay^((t - 1) / every)``, in whole powers with `staircase`, never under `lowest`."""

    rate: float
    decay: float = 0.99
    every: float = 1.0
    staircase: bool = False
    lowest: float = 0.0

    def __call__(self, t):
        power = (t - 1.0) / self.every
        return max(
            self.rate * self.decay ** (math.floor(power) if self.staircase else power), self.lowest
        )


class inverse_time(NamedTuple):
    """``rate / (1 + decay (t - 1) / every)``: with every = 1 the `lr_decay` of torch's Adagrad."""

    rate: float
    decay: float = 1.0
    every: float = 1.0

    def __call__(self, t):
        return self.rate / (1.0 + self.decay * (t - 1.0) / self.every)


class polynomial(NamedTuple):
    """From `rate` to `end` over `steps` iterations along ``(1 - (t - 1) / steps)^power``."""

    rate: float
    steps: float
    power: float = 1.0
    end: float = 0.0

    def __call__(self, t):
        left = max(1.0 - (t - 1.0) / self.steps, 0.0)
        return self.end + (self.rate - self.end) * left**self.power


class cosine(NamedTuple):
    """Half a cosine from `rate` down to `end` over `steps` iterations, after a linear warm-up.

    With `restarts` it begins anew after each period, every period `stretch` times as long as the
    one before (Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5); without, it stays at `end`.
    """

    rate: float
    steps: float
    end: float = 0.0
    warmup: float = 0.0
    restarts: bool = False
    stretch: float = 1.0

    def __call__(self, t):
        if t <= self.warmup:
            return self.rate * t / self.warmup
        t, steps = t - 1.0 - self.warmup, self.steps
        if self.restarts and self.stretch == 1.0:
            t = t - math.floor(t / steps) * steps
        elif self.restarts:
            while t >= steps:
                t, steps = t - steps, steps * self.stretch
        return self.end + 0.5 * (self.rate - self.end) * (
            1.0 + math.cos(math.pi * min(t / steps, 1.0))
        )


KINDS = (constant, exponential, inverse_time, polynomial, cosine)


def own(schedule, t):
    """Return the rate of a schedule that is the user's own function."""
    return schedule_function(t)
