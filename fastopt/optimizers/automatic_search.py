"""Steps with a learning rate that is found on the way: what is the same for host and device."""

import math
from typing import Any

import numpy as np

from fastopt import rules
from fastopt.algorithms.training import schedule_free
from fastopt.algorithms.training.distance_rate import (
    CEILING,
    DISTANCE,
    OPPOSED,
    STEPS,
    UNIT,
    DistanceRate,
)
from fastopt.compiling.compiler import jit
from fastopt.optimizers.prepared_step import coefficients

SLOTS = len(schedule_free.SLOTS)
FIRST = 1e-4  # the first distance over the largest parameter; if all are zero, in x's own unit
TOO_LONG, SHORTEST = 16.0, 1e-200  # a first distance that was too long is divided by the first


def beginning(rule):
    """Return the scalars of a search that has not begun."""
    return np.array([*DistanceRate(normed=rules.is_normed(rule)), 0.0])


def own_slots(groups):
    """Return the groups without the slots of the search."""
    return [group._replace(uses=group.rule.S(*group.uses[:-SLOTS])) for group in groups]


class AutomaticStep:
    """A prepared step whose rate is found as in `distance_rate`, to the points of `schedule_free`.

    There is no loss and no end of the run. The distance is too long if after the first step nearly
    all slopes lead back, or are not finite. The optimizer then begins again at the first point.

    A subclass has the arrays. `begin` keeps the first point, and returns the largest gradient and
    parameter. ``go_back(group, v0)`` returns to it. `measure` writes the rule's steps, and returns
    the sums that the search needs. `advance` moves the parameters.
    """

    found: np.ndarray  # the scalars of the search
    n: int  # number of all elements
    layout: Any
    groups: Any
    begin: Any
    go_back: Any
    measure: Any
    advance: Any

    def __init__(self, found):
        self.found, self.overflowed = found, False

    def can_go_on(self, good):
        """Return True for good gradients, and where a shorter first step may make them good."""
        self.overflowed = not good and self.found[STEPS] == 1.0
        return good or self.overflowed

    def without_overflow(self, squares):
        """Return the sum of squares, or zero where a shorter first step may make it finite."""
        self.can_go_on(math.isfinite(squares))
        return 0.0 if self.overflowed else squares

    def move(self):
        """Take a step."""
        overflowed, self.overflowed = self.overflowed, False
        found = self.found
        if self.n == 0:
            return
        if found[DISTANCE] == 0.0:
            self._set_first_distance(*self.begin())
        sums = self.measure()
        if found[STEPS] == 1.0 and (overflowed or sums[0] > OPPOSED * sums[1]):
            self._begin_again()
            return
        jit(schedule_free.measure, {})(found, sums, self.n)
        if found[DISTANCE] > 0.0:
            self.advance()

    def next_coefficients(self, group):
        """Return the coefficients of a group's next step for a rate of 1."""
        group.numbers[-2] = self.found[STEPS] + 1.0
        c, group.numbers[-1] = coefficients(group.rule, group.numbers)
        return c

    def _set_first_distance(self, top, size):
        """Set the first distance, rather too short, and the factor of gradients."""
        if 0.0 < top < math.inf:
            limits = min((np.finfo(dtype) for _, dtype in self.layout), key=lambda found: found.max)
            exponent = min(max(-math.floor(math.log2(top)), limits.minexp), limits.maxexp - 2)
            self.found[UNIT] = 2.0**exponent
            # So far x does not overflow, even if the function falls without end.
            self.found[CEILING] = float(limits.max) ** 0.9
            self.found[DISTANCE] = FIRST * (size or 1.0)

    def _begin_again(self):
        """Go back to the first point, with a shorter distance."""
        for group in self.groups:
            group.numbers[-1] = 1.0
            options = rules.options_class(group.rule)._make(group.numbers[:-2])
            self.go_back(group, getattr(options, "initial_accumulator", 0.0))
        kept = max(self.found[DISTANCE] / TOO_LONG, SHORTEST), *self.found[[CEILING, UNIT]]
        self.found[:] = beginning(self.groups[0].rule)
        self.found[[DISTANCE, CEILING, UNIT]] = kept
