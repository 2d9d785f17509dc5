"""Launches of `found_rate_kernels`, and the results that the host reads after them."""

from typing import NamedTuple

import numpy as np

from fastopt.arrays import device_views
from fastopt.targets.cuda.steps import step_on_device
from fastopt.targets.cuda.steps.found_rate_kernels import KINDS, RESULTS

# Elements per row of a table. It does not depend on the device, and so neither do sums.
ROW = 1 << 14


class Places(NamedTuple):
    """The addresses of the arrays of one parameter, which has n elements."""

    n: int
    x: int
    g: int
    own: tuple  # the rule's slots that are used
    origin: int
    trace: int
    lead: int
    last: int
    move: int

    @classmethod
    def of(cls, layout, move):
        """Return the addresses of an item whose slots are the rule's and the search's."""
        x, g, *own, origin, trace, lead, last = layout.addresses
        return cls(layout.n, x, g, tuple(own), origin, trace, lead, last, move)

    def arrays(self, kind):
        """Return the row of a table for a kernel."""
        arrays: dict = {
            "squares": (self.x, self.g),
            "begin": (self.x, self.g, self.origin, self.last),
            "go_back": (self.x, self.g, *self.own, self.origin, self.trace, self.lead, self.last),
            "measure": (self.x, self.g, *self.own, self.origin, self.trace, self.move),
            "advance": (self.x, self.move, self.lead, self.last),
        }
        return self.n, *arrays[kind]


class FoundRateLaunches:
    """Launches over the arrays of one group of parameters, which have one rule and one dtype.

    Parameters
    ----------
    target : `sweep_launcher.Launches`
    device : `device_memory.Device`
    rule, uses, all_uses, dtype
        `uses` are the slots of the rule that are used, `all_uses` those and the search's.
    """

    def __init__(self, target, device, rule, uses, all_uses, dtype):
        self.target, self.device = target, device
        self.rule, self.uses, self.all_uses, self.dtype = rule, uses, all_uses, dtype
        self.places, self.moves = [], []
        self.results = device.empty(RESULTS, np.float64)
        self.set_coefficients((0.0,) * len(rule.C._fields))

    def set_coefficients(self, c):
        """Set the coefficients of the next step."""
        self.c = step_on_device.pack_coefficients(self.rule, c, self.dtype)

    def look(self, items):
        """Check the arrays of the next step, ``(x, g, state)`` each, and read their addresses."""
        self.keepalive, layouts, many = [], [], len(items) > 1
        for k, item in enumerate(items):
            label = f" of item {k}" if many else ""
            described = step_on_device.descriptions(
                self.all_uses, item, 0, self.target.simulated, self.keepalive, label
            )
            layouts.append(step_on_device.layout_of(self.all_uses, described, label))
            if layouts[-1].lengths:
                raise ValueError(
                    f"x{label}, g{label} and their state must be contiguous for "
                    'learning_rate = "auto"; copy them first'
                )
        if not self.moves:
            self.moves = [self.device.empty(max(1, one.n), self.dtype) for one in layouts]
        self.places = [
            Places.of(one, self.address(move))
            for one, move in zip(layouts, self.moves, strict=True)
            if one.n
        ]
        self.n = sum(one.n for one in layouts)
        self.stream = device_views.stream_of(layouts)
        self.number = next((one.device for one in layouts if one.device is not None), None)

    def address(self, array):
        return self.target.tables.memory.address(array)

    def run(self, kind, found, v0=0.0):
        """Run a kernel; wait and return the results of all rows, if it has any.

        `found` are the search's scalars, and `v0` is the first value of the accumulators.
        """
        rows = sum(-(-one.n // ROW) for one in self.places)
        if self.results.size < RESULTS * rows:
            self.results = self.device.empty(RESULTS * rows, np.float64)
        arrays = tuple([one.arrays(kind) for one in self.places])
        how = self.target, self.rule, self.uses, self.c, self.dtype, self.stream
        step = step_on_device.Step(*how, *self.target.on(self.number))

        def launch(rows, table):
            numbers = *found.tolist(), v0, self.address(self.results)
            step.launcher(kind, min(rows, step.most()))(rows, table, *step.c, *numbers)

        with step.context:
            if rows:
                where = step.device, self.stream, arrays, ROW, self.dtype.itemsize
                self.target.tables.use(*where, launch)
            if KINDS[kind].combine is None:
                return None
            results, queue = np.empty(self.results.size), self.device.stream_numbered(self.stream)
            self.device.copy_from(self.results, results, queue)
        return results[: RESULTS * rows].reshape(rows, RESULTS)
