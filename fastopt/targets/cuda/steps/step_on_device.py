"""One step on device arrays, in place: the checks and the choice of launches, on the host.

Nothing here copies or waits. The target (`sweep_launcher.Launches`) makes the launches.
"""

import functools
import itertools
import math
import operator
import struct
from typing import Any, NamedTuple

import numpy as np

from fastopt.arrays import device_views
from fastopt.targets.cuda.steps import address_tables

THREADS = 256  # threads per block
BLOCKS_PER_SM = 8  # blocks per multiprocessor, which 2,048 threads fill
LINE = 16  # bytes of the widest access of a thread


class ArrayLayout(NamedTuple):
    """The memory layout of a set of arrays: x, g and the used slots."""

    n: int
    addresses: tuple
    lengths: tuple  # lengths of the axes; empty if all arrays are contiguous
    strides: tuple  # a tuple for each array, in elements
    dtype: np.dtype
    device: int | None
    stream: int | None
    torch: bool


@functools.lru_cache(1024)
def names(uses, label):
    """Return the names of the arrays of a set, for error messages."""
    used = [slot for slot, use in uses._asdict().items() if use]
    return f"x{label}", f"g{label}", *(f"the state's {slot}{label}" for slot in used)


def descriptions(uses, item, stream, host, keepalive, label):
    """Return the descriptions of the arrays of an item ``(x, g, state)``."""
    x, g, state = item
    if len(state) != len(uses):
        slots = ", ".join(uses._fields)
        raise ValueError(f"state{label} has {len(state)} arrays, but must have one a slot: {slots}")
    arrays = [x, g, *itertools.compress(state, uses)]
    describe = device_views.describe
    return tuple(
        [
            describe(array, name, stream, host, keepalive)
            for array, name in zip(arrays, names(uses, label), strict=True)
        ]
    )


@functools.lru_cache(4096)
def layout_of(uses, descriptions, label):
    """Check the arrays of an item against each other, and return their layout.

    Results are cached by description.
    """
    labels = names(uses, label)
    views = [device_views.check(d, n) for d, n in zip(descriptions, labels, strict=True)]
    first, device = views[0], None
    for v, name in zip(views, labels, strict=True):
        if v.shape != first.shape:
            raise ValueError(
                f"{name} has the shape {v.shape}, but {labels[0]} has the shape {first.shape}"
            )
        if v.dtype != first.dtype:
            raise TypeError(
                f"{name} has elements of {v.dtype}, but {labels[0]} has elements of {first.dtype}"
            )
        if name is not labels[1] and v.readonly:
            raise ValueError(f"{name} is read-only, but a step writes to it")
        if v.device is not None and device not in (None, v.device):
            raise ValueError(f"{name} is on device {v.device}, but others are on device {device}")
        device = v.device if device is None else device
    lengths, strides = (), ()
    if any(v.strides is not None for v in views):
        strides = [v.strides or device_views.packed(v.shape) for v in views]
        lengths, strides = collapse_axes(first.shape, strides)
        for steps, name in zip(strides, labels, strict=True):
            if name is not labels[1] and 0 in steps and 0 not in lengths:
                raise ValueError(f"{name} has elements that share memory; it cannot be written")
        if all(steps == (1,) for steps in strides):
            lengths, strides = (), ()
    addresses, n = tuple(v.address for v in views), math.prod(first.shape)
    torch, streams = any(v.torch for v in views), {v.stream for v in views} - {None}
    if len(streams) > 1:
        streams = {device_views.stream_of(views)}
    stream = next(iter(streams), None)
    return ArrayLayout(n, addresses, lengths, strides, first.dtype, device, stream, torch)


def collapse_axes(shape, strides):
    """Merge axes for all arrays as far as possible; put that with the smallest strides last."""
    axes = [k for k, length in enumerate(shape) if length != 1]
    axes.sort(key=lambda k: -abs(strides[0][k]))
    lengths, steps = [], []
    for k in axes:
        step = [s[k] for s in strides]
        if steps and all(a == b * shape[k] for a, b in zip(steps[-1], step, strict=True)):
            lengths[-1] *= shape[k]
            steps[-1] = step
        else:
            lengths.append(shape[k])
            steps.append(step)
    if not lengths:
        lengths, steps = [1], [[1] * len(strides)]
    return tuple(lengths), tuple(zip(*steps, strict=True))


@functools.cache
def _packing(count, itemsize):
    """Return the formats of the elements, padded to 8-byte words, and of the words."""
    words = -(-count * itemsize // 8)
    kind, filling = {4: "f", 8: "d"}[itemsize], 8 * words - count * itemsize
    return struct.Struct(f"={count}{kind}{filling}x"), struct.Struct(f"={words}q")


def pack_coefficients(rule, c, dtype):
    """Return the coefficients' bits, in the element type, as integers, which are quick to pass."""
    count = len(rule.C._fields)
    if len(c) != count:
        fields = ", ".join(rule.C._fields)
        raise ValueError(f"c has {len(c)} coefficients; {count} are accepted: {fields}")
    elements, words = _packing(count, dtype.itemsize)
    return words.unpack(elements.pack(*np.asarray(c, dtype).tolist()))


def sweep(target, rule, uses, items, c, stream):
    """Take a step of a rule on each item ``(x, g, state)``."""
    if stream is not None:
        stream = 0 if target.simulated else device_views.handle(stream)
    many, keepalive = len(items) > 1, []
    groups, sets = {}, []
    for k, item in enumerate(items):
        label = f" of item {k}" if many else ""
        described = descriptions(uses, item, stream or 0, target.simulated, keepalive, label)
        one = layout_of(uses, described, label)
        sets.append(one)
        if one.n:
            groups.setdefault((one.dtype, one.device), []).append(one)
    if stream is None:
        stream = device_views.stream_of(sets)
    for (dtype, device), group in groups.items():
        step = Step(
            target, rule, uses, pack_coefficients(rule, c, dtype), dtype, stream, *target.on(device)
        )
        with step.context:
            together = [one for one in group if not one.lengths]
            if len(together) > 1:
                launch_table(step, together)
            for one in group:
                if one.lengths:
                    launch_strided(step, one)
                elif len(together) == 1:
                    launch_single(step, one)


class Step(NamedTuple):
    """The arguments that the launches of a step have in common."""

    target: Any
    rule: Any
    uses: Any
    c: tuple  # the coefficients' bits
    dtype: np.dtype
    stream: int
    device: int
    context: Any  # the context in which the device is current

    def most(self):
        """Return the number of blocks that fit on the device at a time."""
        return BLOCKS_PER_SM * self.target.multiprocessors(self.device)

    def launcher(self, kind, blocks):
        return self.target.launcher(
            kind, self.rule, self.uses, self.dtype, blocks, THREADS, self.stream, self.device
        )


def launch_single(step, one):
    """Launch a kernel for one set of arrays, without a table."""
    accesses = -(-one.n * one.dtype.itemsize // LINE)
    run = step.launcher("together", min(-(-accesses // THREADS), step.most()))
    run(one.n, *one.addresses, *step.c)


def launch_strided(step, one):
    """Launch a kernel for strided arrays: one launch for each row along the last axis."""
    *outer, n = one.lengths
    run = step.launcher("strided", min(-(-n // THREADS), step.most()))
    inner = [strides[-1] for strides in one.strides]
    for at in itertools.product(*map(range, outer)):
        starts = [
            address + one.dtype.itemsize * sum(map(operator.mul, at, strides))
            for address, strides in zip(one.addresses, one.strides, strict=True)
        ]
        run(n, *starts, *inner, *step.c)


def launch_table(step, sets):
    """Launch one kernel for several sets of arrays, with a table of their addresses."""
    most = step.most()
    size = address_tables.chunk(sum(one.n for one in sets), most)

    def launch(rows, table):
        step.launcher("several", min(rows, most))(rows, table, *step.c)

    flat = tuple([(one.n, *one.addresses) for one in sets])
    itemsize = step.dtype.itemsize
    step.target.tables.use(step.device, step.stream, flat, size, itemsize, launch)
