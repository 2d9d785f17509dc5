"""Steps with a learning rate that is found on the way, over arrays of the host."""

import functools
from typing import Any

import numpy as np

from fastopt.algorithms.run_state import apart
from fastopt.algorithms.training import distance_rate, schedule_free
from fastopt.algorithms.training.distance_rate import KEEP, UNIT
from fastopt.compiling.compiler import jit, thread_limit
from fastopt.concurrency.delayed_interrupts import DelayedInterrupts
from fastopt.concurrency.thread_pool import map_threads
from fastopt.concurrency.turns import T
from fastopt.optimizers.automatic_search import SLOTS, AutomaticStep, own_slots
from fastopt.optimizers.prepared_step import HostStep
from fastopt.targets.cpu import cpu_target as cpu

SMALL = 2048  # bytes
BLOCK = 1 << 17  # elements; blocks are fixed, so that sums do not depend on the number of threads


@functools.cache
def kernels(rule, uses, dtype):
    """Return the compiled `directions` and `advance`."""
    bindings = {**cpu.rule_bindings(rule, uses, dtype), "SIZE": 0}
    return jit(distance_rate.directions, bindings), jit(schedule_free.advance, bindings)


class AutomaticHostStep(AutomaticStep, HostStep):
    """A prepared step of host arrays."""

    keepalive: Any  # the arrays of the next step
    vectors: Any  # as vectors

    def __init__(self, found, tree, layout):
        HostStep.__init__(self, tree, layout)
        AutomaticStep.__init__(self, found)

    def prepare(self, params, grads, states, groups):
        groups = own_slots(groups)
        super().prepare(params, grads, [state[:-SLOTS] for state in states], groups)
        self.single_array_step = None
        self.states, self.groups = states, groups
        self.moves = [apart(x.size, x.dtype) for x in self.xs]
        each = zip(self.xs, self.keepalive[len(self.xs) :], states, strict=True)
        self.copies = [self._copies(x, g, *state) for x, g, state in each]
        self.n = sum(x.size for x in self.xs)
        self.bytes = sum(x.nbytes for x in self.xs) * (4 + len(groups[0].uses))

    def finite(self):
        return self.can_go_on(super().finite())

    def squares(self):
        return self.without_overflow(super().squares())

    def step(self, turns):
        """Take a step, and count it in the table of `Turns`."""
        with DelayedInterrupts():
            n = len(self.layout)
            each = zip(self.keepalive[:n], self.keepalive[n:], self.states, strict=True)
            arrays = [(x, g, *state) for x, g, state in each]
            self.vectors = [self._vectors(k, own) for k, own in enumerate(arrays)]
            self.move()
            for k, own in enumerate(arrays):
                self._bring_back(k, own, self.vectors[k])
            turns[T] += 1
        self.keepalive = self.vectors = None
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

    def begin(self):
        for x, *_, origin, _, _, last in self.vectors:
            origin[:], last[:] = x, x
        top = max(float(abs(g).max(initial=0.0)) for _, g, *_ in self.vectors)
        return top, max(float(abs(x).max(initial=0.0)) for x, *_ in self.vectors)

    def go_back(self, group, v0):
        for k in group.members:
            x, _, *slots, origin, trace, lead, last = self.vectors[k]
            for name, slot in zip(group.rule.S._fields, slots, strict=True):
                slot[:] = v0 if name == "v" else 0.0
            x[:], last[:], trace[:], lead[:] = origin, origin, 0.0, 0.0

    def measure(self):
        self.parts = [part for group in self.groups for part in self._parts(group)]
        sums = self._map(Part.measure, self.parts)
        return tuple(sum(column) for column in zip(*sums, strict=True))

    def advance(self):
        self._map(Part.advance, self.parts)

    def _parts(self, group):
        """Return the blocks of a group's arrays, with the coefficients of the next step."""
        c = np.array(self.next_coefficients(group), group.dtype)
        compiled = kernels(group.rule, group.uses, group.dtype)
        return [
            Part(compiled, c, *(a[at : at + BLOCK] for a in (self.moves[k], *self.vectors[k])))
            for k in group.members
            for at in range(0, self.moves[k].size, BLOCK)
        ]

    def _map(self, function, parts):
        """Return the results for all parts, in threads if the arrays are large."""
        calls = [(part, self.found) for part in parts]
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
