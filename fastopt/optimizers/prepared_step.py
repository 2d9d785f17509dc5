"""Steps over given arrays with all checks done: on the host, or on a device."""

import math
import sys
from typing import Any

import numpy as np

from fastopt import rules
from fastopt.arrays import device_views
from fastopt.arrays.arguments import is_elsewhere
from fastopt.concurrency.delayed_interrupts import DelayedInterrupts
from fastopt.concurrency.turns import T
from fastopt.optimizers import foreign_arrays
from fastopt.optimizers.foreign_arrays import is_torch, on_host
from fastopt.rules import _clipping_and_decay
from fastopt.targets.cpu import cpu_target as cpu

SCALE_INDEX = -2 - len(_clipping_and_decay.FIELDS)  # place of `scale` among the numbers of a group
COPY = "step a copy of it (.copy())"


class PreparedStep:
    """The common base of `HostStep` and `DeviceStep`.

    Parameters
    ----------
    tree : Tree
    layout : list of (shape, dtype)
        Shape and dtype of each array at the first step.
    """

    def __init__(self, tree, layout):
        self.tree, self.layout = tree, layout
        # For each group: its numbers, its schedule, the sign of its gradients.
        self.group_schedules: list = []
        # `step_by_address.checked_step` with its arguments, for a single small array.
        self.single_array_step: Any = None
        self.xs: list = []  # the parameters of the last step
        self.checks = False  # whether the gradients are checked before a step

    def check(self, k, what, shape, dtype):
        """Raise if array k of `what` does not have the shape and dtype of the first step."""
        name, wanted = self.tree.label(what, k), self.layout[k]
        other = "at the first step it had" if what == "params" else "its parameter has"
        if shape != wanted[0]:
            raise ValueError(f"{name} has shape {shape}, but {other} shape {wanted[0]}")
        if dtype != wanted[1]:
            raise TypeError(f"{name} has dtype {dtype}, but {other} dtype {wanted[1]}")

    def scale(self, factor):
        """Multiply the gradients of the next step."""
        for numbers, _, sign in self.group_schedules:
            numbers[SCALE_INDEX] = sign * factor


def coefficients(rule, numbers):
    """Return the next step's coefficients and the scalar after it (`prepared_arrays.Group`)."""
    *options, t, rule_scalar = numbers.tolist()
    o = rules.options_class(rule)._make(options)
    return rule.coefficients(o, o.learning_rate, t, rule_scalar)


class HostStep(PreparedStep):
    """A prepared step of host arrays."""

    synchronous = True

    def prepare(self, params, grads, states, groups):
        """Check the arrays, and read everything that stays the same from step to step."""
        xs, gs = self.arrays(params, "params"), self.arrays(grads, "grads")
        for k, x in enumerate(xs):
            for array, what in ((x, "params"), (gs[k], "grads")):
                if not array.flags.aligned:
                    raise ValueError(f"{self.tree.label(what, k)} is not aligned; {COPY}")
        self.reject_overlap(xs, gs)
        self.prepared = cpu.prepared(xs, gs, states, groups)
        self.xs, self.keepalive = self.prepared.xs, (*xs, *gs)
        self.tensors = [p for p in self.tree.leaves(params, "params") if is_torch(p)]
        if self.tree.shape is None:
            self.single_array_step = self.prepared.one

    def arrays(self, tree, what):
        """Return the arrays of a tree as NumPy arrays, checked against the first step."""
        found = []
        for k, leaf in enumerate(self.tree.leaves(tree, what)):
            array = on_host(leaf, self.tree.label(what, k))
            self.check(k, what, array.shape, array.dtype)
            if what == "params" and not array.flags.writeable:
                raise ValueError(f"{self.tree.label(what, k)} is read-only; {COPY}")
            if what == "params" and _overlaps_itself(array):
                raise ValueError(f"elements of {self.tree.label(what, k)} share memory; {COPY}")
            found.append(array)
        return found

    def reject_overlap(self, xs, gs):
        """Raise if a parameter shares memory with another array."""
        spans = [
            (*_span(array), what, k, array)
            for what, arrays in (("params", xs), ("grads", gs))
            for k, array in enumerate(arrays)
            if array.size
        ]
        open_spans: list = []  # earlier spans that end after the start of the current one
        for span in sorted(spans, key=lambda span: span[:2]):
            open_spans = [other for other in open_spans if other[1] > span[0]]
            for other in open_spans:
                if "params" in (span[2], other[2]) and _share(span[4], other[4]):
                    names = [self.tree.label(*s[2:4]) for s in (other, span)]
                    raise ValueError(
                        f"{names[0]} and {names[1]} share memory; copy one of them (.copy())"
                    )
            open_spans.append(span)

    def refresh(self, params, grads):
        """Read the addresses of these arrays; return False if a new prepared step is needed."""
        if type(params) is type(grads) is np.ndarray and self.tree.shape is None:
            self.keepalive = [params, grads]
            return self.prepared.look(self.keepalive)
        leaves = self.tree.quick_leaves(params, grads)
        if leaves is not None:
            self.keepalive = leaves
            found = self.prepared.look(leaves)
            if found is not None:
                return found
        leaves = self.tree.leaves(params, "params") + self.tree.leaves(grads, "grads")
        n = len(self.layout)
        self.tensors = [p for p in leaves[:n] if is_torch(p)]
        leaves = [
            leaf if type(leaf) is np.ndarray else on_host(leaf, self.label(k))
            for k, leaf in enumerate(leaves)
        ]
        self.keepalive = leaves
        return self.prepared.look(leaves)

    def label(self, k):
        n = len(self.layout)
        return self.tree.label("params" if k < n else "grads", k % n)

    def finite(self):
        return self.prepared.finite()

    def squares(self):
        return self.prepared.squares()

    def step(self, turns):
        """Take a step, and count it in the table of `Turns`."""
        self.prepared.step(turns)
        self.keepalive = None
        self.announce()

    def announce(self):
        """Tell autograd of the change, so that it can detect graphs that need the old values."""
        if self.tensors:
            sys.modules["torch"].autograd.graph.increment_version(self.tensors)


def _span(array):
    """Return the address of an array's first byte, and of the first byte after it."""
    reach = [(n - 1) * s for n, s in zip(array.shape, array.strides, strict=True)]
    first = array.ctypes.data + sum(min(r, 0) for r in reach)
    return first, first + sum(map(abs, reach)) + array.itemsize


def _overlaps_itself(array):
    """Return True if elements of an array may share memory, as with `as_strided`."""
    reach = array.itemsize if array.size else 0
    for stride, n in sorted((abs(s), n) for s, n in zip(array.strides, array.shape, strict=True)):
        if n > 1 and stride < reach:
            return True
        reach += stride * (n - 1) if n > 1 else 0
    return False


def _share(a, b):
    try:
        work: Any = 100_000
        return np.shares_memory(a, b, max_work=work)
    except np.exceptions.TooHardError:
        return True


class DeviceStep(PreparedStep):
    """A prepared step of arrays on a device."""

    synchronous = False

    def prepare(self, params, grads, states, groups):
        self.cuda = foreign_arrays.cuda_for(self.tree.leaves(params, "params")[0])
        self.states, self.groups, self.seen, self.places = states, groups, None, []
        self.refresh(params, grads)

    def refresh(self, params, grads):
        xs, gs = self.tree.leaves(params, "params"), self.tree.leaves(grads, "grads")
        seen = [*map(id, xs), *map(id, gs)]
        xs, gs = ([foreign_arrays.detached(array) for array in arrays] for arrays in (xs, gs))
        if seen != self.seen:
            simulated, places = self.cuda.simulated(), []
            for what, arrays in (("params", xs), ("grads", gs)):
                for k, array in enumerate(arrays):
                    name = self.tree.label(what, k)
                    if not is_elsewhere(array):
                        raise ValueError(f"{name} is on the host, but the parameters are on a GPU")
                    view = device_views.view(array, name, host=simulated)
                    self.check(k, what, view.shape, view.dtype)
                    if what == "params" and view.readonly:
                        raise ValueError(f"{name} is read-only; {COPY}")
                    places += [view.address] if what == "params" else []
            if self.places not in ([], places):
                return False
            self.places = places
        self.xs = xs
        self.seen, self.items = seen, list(zip(xs, gs, self.states, strict=True))
        return True

    def finite(self):
        return math.isfinite(self.squares())

    def squares(self):
        return sum(self.cuda.squares(g) for _, g, _ in self.items)

    def step(self, turns):
        with DelayedInterrupts():
            for group in self.groups:
                c, group.numbers[-1] = coefficients(group.rule, group.numbers)
                items = [self.items[k] for k in group.members]
                self.cuda.sweep_all(group.rule, group.uses, items, c)
            turns[T] += 1
