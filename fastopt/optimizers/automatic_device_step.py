"""Steps with a learning rate that is found on the way, over arrays on a device."""

import math

import numpy as np

from fastopt.concurrency.delayed_interrupts import DelayedInterrupts
from fastopt.concurrency.turns import T
from fastopt.optimizers.automatic_search import AutomaticStep, own_slots
from fastopt.optimizers.prepared_step import DeviceStep


class AutomaticDeviceStep(AutomaticStep, DeviceStep):
    """A prepared step of arrays on a device. The host waits for the sums of a step."""

    synchronous = True

    def __init__(self, found, tree, layout):
        DeviceStep.__init__(self, tree, layout)
        AutomaticStep.__init__(self, found)
        self.launches: list = []  # for each group

    def prepare(self, params, grads, states, groups):
        super().prepare(params, grads, states, groups)
        self.groups = own_slots(groups)
        self.launches = [
            self.cuda.found_rate(own.rule, own.uses, group.uses, own.dtype)
            for group, own in zip(groups, self.groups, strict=True)
        ]
        self._look()
        self.n = sum(launches.n for launches in self.launches)

    def refresh(self, params, grads):
        found = super().refresh(params, grads)
        if found:
            self._look()
        return found

    def _look(self):
        for launches, group in zip(self.launches, self.groups, strict=False):
            launches.look([self.items[k] for k in group.members])

    def finite(self):
        return self.can_go_on(math.isfinite(self._squares()))

    def squares(self):
        return self.without_overflow(self._squares())

    def _squares(self):
        return sum(self._results("squares")[:, 0].tolist())

    def step(self, turns):
        with DelayedInterrupts():
            self.move()
            turns[T] += 1

    def begin(self):
        return self._results("begin")[:, :2].max(axis=0).tolist()

    def go_back(self, group, v0):
        (launches,) = (a for a, g in zip(self.launches, self.groups, strict=True) if g is group)
        launches.run("go_back", self.found, v0)

    def measure(self):
        for launches, group in zip(self.launches, self.groups, strict=True):
            launches.set_coefficients(self.next_coefficients(group))
        return tuple(map(sum, zip(*self._results("measure").tolist(), strict=True)))

    def advance(self):
        for launches in self.launches:
            launches.run("advance", self.found)

    def _results(self, kind):
        """Return the results of all rows of all groups."""
        return np.concatenate([launches.run(kind, self.found) for launches in self.launches])
