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
from typing import Any, NamedTuple, TypeVar

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.placeholders import schedule_function

__all__ = ["constant", "cosine", "exponential", "inverse_time", "polynomial"]
_T = TypeVar("_T")


class Schedule(type):
    """The class of schedules. `help` shows the schedule, without the methods of a tuple."""

    def __dir__(cls):
        return ["__call__"]


def schedule(cls: type[_T]) -> type[_T]:
    """Make a class of `Schedule` from a named tuple."""
    own = {k: v for k, v in vars(cls).items() if k not in ("__dict__", "__weakref__")}
    made: Any = Schedule(cls.__name__, (tuple,), own)
    return made


@schedule
class constant(NamedTuple):
    """Return the same rate at each iteration.

    Parameters
    ----------
    rate : float
        The learning rate.

    Examples
    --------
    >>> from fastopt import schedules
    >>> rate = schedules.constant(0.1)
    >>> rate(1), rate(1000)
    (0.1, 0.1)
    """

    rate: float

    def __call__(self, t):
        """Return the learning rate of iteration t = 1, 2, ..."""
        return self.rate


@schedule
class exponential(NamedTuple):
    """Decrease the rate exponentially: ``rate * decay ** ((t - 1) / every)``.

    Parameters
    ----------
    rate : float
        The rate at t = 1.
    decay : float
        The factor of each `every` iterations.
    every : float
        Iterations for one factor `decay`.
    staircase : bool
        If True, the power is rounded down to a whole number.
    lowest : float
        The rate does not fall below this.

    Examples
    --------
    >>> from fastopt import schedules
    >>> rate = schedules.exponential(0.1, decay=0.5, every=10, lowest=0.02)
    >>> rate(1), rate(11), rate(1000)
    (0.1, 0.05, 0.02)
    """

    rate: float
    decay: float = 0.99
    every: float = 1.0
    staircase: bool = False
    lowest: float = 0.0

    def __call__(self, t):
        """Return the learning rate of iteration t = 1, 2, ..."""
        power = (t - 1.0) / self.every
        return max(
            self.rate * self.decay ** (math.floor(power) if self.staircase else power), self.lowest
        )


@schedule
class inverse_time(NamedTuple):
    """Decrease the rate as one over the iteration: ``rate / (1 + decay * (t - 1) / every)``.

    With ``every=1``, `decay` is the `lr_decay` of torch's Adagrad.

    Parameters
    ----------
    rate : float
        The rate at t = 1.
    decay : float
        How fast the rate falls.
    every : float
        Iterations in which the denominator grows by `decay`.

    Examples
    --------
    >>> from fastopt import schedules
    >>> rate = schedules.inverse_time(0.1, decay=1.0, every=10)
    >>> rate(1), rate(11)
    (0.1, 0.05)
    """

    rate: float
    decay: float = 1.0
    every: float = 1.0

    def __call__(self, t):
        """Return the learning rate of iteration t = 1, 2, ..."""
        return self.rate / (1.0 + self.decay * (t - 1.0) / self.every)


@schedule
class polynomial(NamedTuple):
    """Go from `rate` to `end` along ``(1 - (t - 1) / steps) ** power``.

    Parameters
    ----------
    rate : float
        The rate at t = 1.
    steps : float
        Iterations until `end`, where the rate stays.
    power : float
        1 is a straight line.
    end : float
        The last rate.

    Examples
    --------
    >>> from fastopt import schedules
    >>> rate = schedules.polynomial(0.1, steps=100)
    >>> rate(1), rate(51), rate(1000)
    (0.1, 0.05, 0.0)
    """

    rate: float
    steps: float
    power: float = 1.0
    end: float = 0.0

    def __call__(self, t):
        """Return the learning rate of iteration t = 1, 2, ..."""
        left = max(1.0 - (t - 1.0) / self.steps, 0.0)
        return self.end + (self.rate - self.end) * left**self.power


@schedule
class cosine(NamedTuple):
    """Go from `rate` down to `end` along half a cosine, after a linear warm-up.

    After the warm-up: ``end + (rate - end) * (1 + cos(pi * (t - 1 - warmup) / steps)) / 2``.

    Parameters
    ----------
    rate : float
        The rate at the end of the warm-up.
    steps : float
        Iterations from `rate` to `end`, where the rate stays.
    end : float
        The last rate.
    warmup : float
        Iterations of the warm-up: the rate is ``rate * t / warmup``.
    restarts : bool
        If True, the rate starts again at `rate` after each `steps` (Loshchilov and Hutter 2017,
        arXiv:1608.03983, eq. 5).
    stretch : float
        With `restarts`: each period is this many times as long as the previous one.

    Examples
    --------
    >>> from fastopt import schedules
    >>> rate = schedules.cosine(0.1, steps=100, warmup=10)
    >>> rate(5), rate(11), round(rate(61), 3), rate(1000)
    (0.05, 0.1, 0.05, 0.0)
    """

    rate: float
    steps: float
    end: float = 0.0
    warmup: float = 0.0
    restarts: bool = False
    stretch: float = 1.0

    @separate
    def __call__(self, t):
        """Return the learning rate of iteration t = 1, 2, ..."""
        if self.warmup > 0.0 and t <= self.warmup:  # at t = 0, of a plot, nothing is divided by 0
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
