"""A step over given arrays, prepared: on the host, or on a device."""

import math
import sys
from typing import Any

import numpy as np

from fastopt import rules
from fastopt.arrays import device_views
from fastopt.arrays.arguments import is_elsewhere
from fastopt.concurrency.interrupts import Held
from fastopt.concurrency.turns import T
from fastopt.optimizers import foreign_arrays
from fastopt.optimizers.foreign_arrays import is_torch, on_host
from fastopt.rules import _clipping_and_decay
from fastopt.targets.cpu import target as cpu

SCALE_INDEX = -2 - len(_clipping_and_decay.FIELDS)  # place of `scale` among the numbers of a group


class PreparedStep:
    """What both have in common.

    Parameters
    ----------
    tree : Tree
    layout : list of (shape, dtype)
        Of each array, as at the first step.
    """

    def __init__(self, tree, layout):
        self.tree, self.layout = tree, layout
        # For each group: its numbers, its schedule, the sign of its gradients.
        self.group_schedules: list = []
        # `step_by_address.whole` with its arguments, for a single small array.
        self.alone: Any = None
        self.xs: list = []  # the parameters of the last step
        self.checks = False  # whether the gradients are looked at before a step

    def check(self, k, what, shape, dtype):
        """Whether array k of `what` is like the parameter at the first step."""
        name, wanted = self.tree.label(what, k), self.layout[k]
        if shape != wanted[0]:
            raise ValueError(f"{name} has the shape {shape}, the parameter {wanted[0]}")
        if dtype != wanted[1]:
            raise TypeError(f"{name} has dtype {dtype}, the parameter {wanted[1]}")

    def scale(self, factor):
        """Multiply the gradients of the next step."""
        for numbers, _, sign in self.group_schedules:
            numbers[SCALE_INDEX] = sign * factor


def coefficients(rule, numbers):
    """Those of the next step, and the carry after it; see `prepared_arrays.Group`."""
    *options, t, carry = numbers.tolist()
    o = rules.options_class(rule)._make(options)
    return rule.coefficients(o, o.learning_rate, t, carry)


class HostStep(PreparedStep):
    """Arrays of the host's."""

    synchronous = True

    def prepare(self, params, grads, states, groups):
        """Check the arrays, and look up what is looked up once."""
        xs, gs = self.arrays(params, "params"), self.arrays(grads, "grads")
        for k, x in enumerate(xs):
            for array, what in ((x, "params"), (gs[k], "grads")):
                if not array.flags.aligned:
                    raise ValueError(f"{self.tree.label(what, k)} is not aligned")
        self.apart(xs, gs)
        self.prepared = cpu.prepared(xs, gs, states, groups)
        self.xs, self.keepalive = self.prepared.xs, (*xs, *gs)
        self.tensors = [p for p in self.tree.leaves(params, "params") if is_torch(p)]
        if self.tree.shape is None:
            self.alone = self.prepared.one

    def arrays(self, tree, what):
        """The arrays of a tree, as NumPy's, of the dtypes and shapes of the first step."""
        found = []
        for k, leaf in enumerate(self.tree.leaves(tree, what)):
            array = on_host(leaf, self.tree.label(what, k))
            self.check(k, what, array.shape, array.dtype)
            if what == "params" and not array.flags.writeable:
                raise ValueError(f"{self.tree.label(what, k)} is read-only")
            if what == "params" and _meets_itself(array):
                raise ValueError(f"elements of {self.tree.label(what, k)} share memory")
            found.append(array)
        return found

    def apart(self, xs, gs):
        """Refuse a parameter that shares memory with another array."""
        spans = [
            (*_span(array), what, k, array)
            for what, arrays in (("params", xs), ("grads", gs))
            for k, array in enumerate(arrays)
            if array.size
        ]
        near: list = []  # what reaches beyond the beginning of the next
        for span in sorted(spans, key=lambda span: span[:2]):
            near = [other for other in near if other[1] > span[0]]
            for other in near:
                if "params" in (span[2], other[2]) and _share(span[4], other[4]):
                    names = [self.tree.label(*s[2:4]) for s in (other, span)]
                    raise ValueError(f"{names[0]} and {names[1]} share memory")
            near.append(span)

    def look(self, params, grads):
        """Whether these arrays are as those it was prepared for, wherever they lie."""
        if type(params) is type(grads) is np.ndarray and self.tree.shape is None:
            self.keepalive = params, grads
            return self.prepared.look(self.keepalive)
        leaves = self.tree.leaves(params, "params") + self.tree.leaves(grads, "grads")
        if {*map(type, leaves)} != {np.ndarray}:
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
        """Tell autograd, which notices then where it still needs the old values."""
        if self.tensors:
            sys.modules["torch"].autograd.graph.increment_version(self.tensors)


def _span(array):
    """The first byte of an array, and the first one after it."""
    reach = [(n - 1) * s for n, s in zip(array.shape, array.strides, strict=True)]
    first = array.ctypes.data + sum(min(r, 0) for r in reach)
    return first, first + sum(map(abs, reach)) + array.itemsize


def _meets_itself(array):
    """Whether elements of an array may lie on one another, as `as_strided` can make them."""
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
    """Arrays on a device."""

    synchronous = False

    def prepare(self, params, grads, states, groups):
        self.cuda = foreign_arrays.cuda_for(self.tree.leaves(params, "params")[0])
        self.states, self.groups, self.seen, self.places = states, groups, None, []
        self.look(params, grads)

    def look(self, params, grads):
        xs, gs = self.tree.leaves(params, "params"), self.tree.leaves(grads, "grads")
        seen = [*map(id, xs), *map(id, gs)]
        xs, gs = ([foreign_arrays.detached(array) for array in arrays] for arrays in (xs, gs))
        if seen != self.seen:
            simulated, places = self.cuda.simulated(), []
            for what, arrays in (("params", xs), ("grads", gs)):
                for k, array in enumerate(arrays):
                    name = self.tree.label(what, k)
                    if not is_elsewhere(array):
                        raise ValueError(f"{name} lives on the host, the parameters on a GPU")
                    view = device_views.view(array, name, host=simulated)
                    self.check(k, what, view.shape, view.dtype)
                    if what == "params" and view.readonly:
                        raise ValueError(f"{name} is read-only")
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
        with Held():
            for group in self.groups:
                c, group.numbers[-1] = coefficients(group.rule, group.numbers)
                items = [self.items[k] for k in group.members]
                self.cuda.sweep_all(group.rule, group.uses, items, c)
            turns[T] += 1
