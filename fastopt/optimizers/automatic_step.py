"""Steps with a learning rate that is found on the way, over arrays of the host."""

import functools
import math
from typing import Any

import numpy as np

from fastopt import rules
from fastopt.algorithms.run_state import apart
from fastopt.algorithms.training import distance_rate, schedule_free
from fastopt.algorithms.training.distance_rate import (
    CEILING,
    DISTANCE,
    KEEP,
    OPPOSED,
    STEPS,
    UNIT,
    DistanceRate,
)
from fastopt.compiling.compiler import jit, thread_limit
from fastopt.concurrency.delayed_interrupts import DelayedInterrupts
from fastopt.concurrency.turns import T
from fastopt.optimizers.prepared_step import HostStep, coefficients
from fastopt.targets.cpu import cpu_target as cpu
from fastopt.targets.cpu.thread_pool import map_threads

SLOTS = len(schedule_free.SLOTS)
FIRST = 1e-4  # the first distance over the largest parameter; if all are zero, in x's own unit
TOO_LONG, SHORTEST = 16.0, 1e-200  # a first distance that was too long is divided by the first
SMALL = 2048  # bytes
BLOCK = 1 << 17  # elements; blocks are fixed, so that sums do not depend on the number of threads


def beginning(rule):
    """Return the scalars of a search that has not begun."""
    return np.array([*DistanceRate(normed=rules.is_normed(rule)), 0.0])


@functools.cache
def kernels(rule, uses, dtype):
    """Return the compiled `directions` and `advance`."""
    bindings = {**cpu.rule_bindings(rule, uses, dtype), "SIZE": 0}
    return jit(distance_rate.directions, bindings), jit(schedule_free.advance, bindings)


class AutomaticStep(HostStep):
    """A prepared step whose rate is found as in `distance_rate`, to the points of `schedule_free`.

    There is no loss and no end of the run. The distance is too long if after the first step nearly
    all slopes lead back, or are not finite. The optimizer then begins again at the first point.
    """

    keepalive: Any  # the arrays of the next step

    def __init__(self, found, tree, layout):
        super().__init__(tree, layout)
        self.found, self.overflowed = found, False

    def prepare(self, params, grads, states, groups):
        own = [group.rule.S(*group.uses[:-SLOTS]) for group in groups]
        groups = [g._replace(uses=uses) for g, uses in zip(groups, own, strict=True)]
        super().prepare(params, grads, [state[:-SLOTS] for state in states], groups)
        self.alone, self.states, self.groups = None, states, groups
        self.moves = [apart(x.size, x.dtype) for x in self.xs]
        each = zip(self.xs, self.keepalive[len(self.xs) :], states, strict=True)
        self.copies = [self._copies(x, g, *state) for x, g, state in each]
        self.n = sum(x.size for x in self.xs)
        self.bytes = sum(x.nbytes for x in self.xs) * (4 + len(own[0]))

    def finite(self):
        return self._can_go_on(super().finite())

    def squares(self):
        squares = super().squares()
        self._can_go_on(math.isfinite(squares))
        return 0.0 if self.overflowed else squares

    def _can_go_on(self, good):
        """Return True for good gradients, and where a shorter first step may make them good."""
        self.overflowed = not good and self.found[STEPS] == 1.0
        return good or self.overflowed

    def step(self, turns):
        """Take a step, and count it in the table of `Turns`."""
        with DelayedInterrupts():
            n = len(self.layout)
            each = zip(self.keepalive[:n], self.keepalive[n:], self.states, strict=True)
            arrays = [(x, g, *state) for x, g, state in each]
            vectors = [self._vectors(k, own) for k, own in enumerate(arrays)]
            self._step(vectors)
            for k, own in enumerate(arrays):
                self._bring_back(k, own, vectors[k])
            turns[T] += 1
        self.keepalive, self.overflowed = None, False
        self.announce()

    def _copies(self, *arrays):
        """Return memory for copies of arrays that are small or not contiguous, else None.

        A loop takes another way through small arrays that are close together in memory, with sums
        in another order. Copies have distances that do not change.
        """
        x = arrays[0]
        if x.nbytes >= SMALL and all(a is None or a.flags.c_contiguous for a in arrays):
            return None
        width = x.size + SMALL // x.itemsize
        return apart(len(arrays) * width, x.dtype).reshape(-1, width)[:, : x.size]

    def _vectors(self, k, arrays):
        """Return the arrays as vectors; for a slot that is not used, any."""
        if self.copies[k] is None:
            return [(arrays[0] if array is None else array).reshape(-1) for array in arrays]
        for row, array in zip(self.copies[k], arrays, strict=True):
            row[:] = 0.0 if array is None else array.reshape(-1)
        return [*self.copies[k]]

    def _bring_back(self, k, arrays, vectors):
        """Write what a step has changed, if its vectors are copies."""
        if self.copies[k] is None:
            return
        for place, array in enumerate(arrays):
            if place != 1 and array is not None:  # all but the gradient
                array[...] = vectors[place].reshape(array.shape)

    def _step(self, vectors):
        """Take a step on (x, g, slots of the rule, origin, trace, lead, last) of each array."""
        found = self.found
        if self.n == 0:
            return
        if found[DISTANCE] == 0.0:
            self._begin(vectors)
        parts = [part for group in self.groups for part in self._parts(group, vectors)]
        sums = [sum(column) for column in zip(*self._map(Part.measure, parts, found), strict=True)]
        if found[STEPS] == 1.0 and (self.overflowed or sums[0] > OPPOSED * sums[1]):
            self._begin_again(vectors)
            return
        jit(schedule_free.measure, {})(found, tuple(sums), self.n)
        if found[DISTANCE] > 0.0:
            self._map(Part.advance, parts, found)

    def _begin(self, vectors):
        """Set the first distance, rather too short, and the factor of gradients."""
        top = max(float(abs(g).max(initial=0.0)) for _, g, *_ in vectors)
        size = max(float(abs(x).max(initial=0.0)) for x, *_ in vectors)
        for x, *_, origin, _, _, last in vectors:
            origin[:], last[:] = x, x
        if 0.0 < top < math.inf:
            limits = min((np.finfo(x.dtype) for x, *_ in vectors), key=lambda limits: limits.max)
            exponent = min(max(-math.floor(math.log2(top)), limits.minexp), limits.maxexp - 2)
            self.found[UNIT] = 2.0**exponent
            # So far x does not overflow, even if the function falls without end.
            self.found[CEILING] = float(limits.max) ** 0.9
            self.found[DISTANCE] = FIRST * (size or 1.0)

    def _begin_again(self, vectors):
        """Go back to the first point, with a shorter distance."""
        for group in self.groups:
            group.numbers[-1] = 1.0
            kept = rules.options_class(group.rule)._make(group.numbers[:-2])
            for k in group.members:
                x, _, *slots, origin, trace, lead, last = vectors[k]
                for name, slot in zip(group.rule.S._fields, slots, strict=True):
                    slot[:] = getattr(kept, "initial_accumulator", 0.0) if name == "v" else 0.0
                x[:], last[:], trace[:], lead[:] = origin, origin, 0.0, 0.0
        kept = max(self.found[DISTANCE] / TOO_LONG, SHORTEST), *self.found[[CEILING, UNIT]]
        self.found[:] = beginning(self.groups[0].rule)
        self.found[[DISTANCE, CEILING, UNIT]] = kept

    def _parts(self, group, vectors):
        """Return the blocks of a group's arrays, with the coefficients of the next step."""
        group.numbers[-2] = self.found[STEPS] + 1.0
        c, group.numbers[-1] = coefficients(group.rule, group.numbers)
        c, compiled = np.array(c, group.dtype), kernels(group.rule, group.uses, group.dtype)
        return [
            Part(compiled, c, *(a[first : first + BLOCK] for a in (self.moves[k], *vectors[k])))
            for k in group.members
            for first in range(0, self.moves[k].size, BLOCK)
        ]

    def _map(self, function, parts, found):
        """Return the results for all parts, in threads if the arrays are large."""
        calls = [(part, found) for part in parts]
        if thread_limit() == 1 or self.bytes < 2 * cpu.BYTES_PER_THREAD:
            return [function(*call) for call in calls]
        return map_threads(function, calls)


class Part:
    """Some elements of an array: all that a step reads and writes."""

    def __init__(self, compiled, c, move, x, g, *state):
        self.compiled, self.c, self.move, self.x, self.g = compiled, c, move, x, g
        *self.slots, self.origin, self.trace, self.lead, self.last = state

    def measure(self, found):
        """Write the rule's steps, and return the sums that the search needs."""
        points = self.x, self.g, None, None, self.origin, self.trace, self.move
        state = tuple(self.slots)
        return self.compiled[0](points, self.c, state, found[KEEP], 1.0, found[UNIT])

    def advance(self, found):
        """Move the points."""
        self.compiled[1](self.x, self.lead, self.last, self.move, found, self.c)
