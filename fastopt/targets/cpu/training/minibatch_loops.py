"""Loops over mini-batches, with the arrays of one run: in one thread, or in parts in several."""

import functools
from typing import Any

import numpy as np
from numba import types

from fastopt.algorithms import minibatch
from fastopt.algorithms.minibatch import (
    DATA,
    LEAD,
    LEAD_DATA,
    NIT,
    RATE,
    ROW,
    SCHEDULE,
    TURN,
    TURN_DATA,
    EpochSettings,
)
from fastopt.algorithms.run_state import apart
from fastopt.algorithms.training import minibatch_parts
from fastopt.algorithms.training.minibatch_parts import FIRST, LAST, OVER
from fastopt.compiling.compiler import jit
from fastopt.concurrency.delayed_interrupts import DelayedInterrupts
from fastopt.concurrency.thread_pool import map_threads
from fastopt.targets.common import atomics
from fastopt.targets.common.loop_constants import SINGLE_WORKER
from fastopt.targets.cpu import calls_by_address
from fastopt.targets.cpu.calls_by_address import (
    Block,
    address,
    driver,
    kind_and_size,
    place_of,
    pointer_to,
)
from fastopt.targets.cpu.training.blas_threads import OneThread

BINDINGS = {**calls_by_address.BINDINGS, **atomics.BINDINGS}


class Stepper:
    """The loop over mini-batches.

    Parameters
    ----------
    through, turn, rate
        Compiled functions: for this objective, for any objective, and for the schedule. `rate` is
        None if the rate is constant.
    own, data : tuple
        The arguments of `turn` and `through`, except those that are added here.
    schedule : tuple
        The numbers of the schedule.
    """

    compiled_args: Any = ()  # arguments of the compiled code, once it is compiled

    def __init__(self, through, turn, rate, own, schedule, data):
        words = apart(minibatch.WORDS + len(EpochSettings._fields), np.int64)
        self.calls, self.plan = words[: minibatch.WORDS], words[minibatch.WORDS :].view(float)
        self.record = own[0]
        self.block, self.schedule = Block.of((*own, self.plan, self.calls)), Block.of(schedule)
        self.through, self.turn, self.rate = through, turn, rate
        self.data, self.run_code = (self.record, self.calls, *data), driver()

    def compile(self):
        """Compile or load the code, if that has not been done."""
        self.compile_through()
        if self.rate is not None:
            self.calls[RATE] = address(self.rate, types.float64, self.schedule.kind)
            self.calls[SCHEDULE] = self.schedule.address
        kinds = types.float64, types.intp, types.intp, self.block.kind
        self.calls[TURN], self.calls[TURN_DATA] = address(self.turn, *kinds), self.block.address

    def compile_through(self):
        code = address(self.through, pointer_to(kind_and_size(self.data)[0]))
        slot = place_of(self.calls) + 8 * DATA
        self.compiled_args = code, slot, slot, self.data

    def __call__(self, steps):
        """Take `steps` steps, or fewer if the epoch ends."""
        self.plan[-1] = self.record[NIT] + steps
        self.run()

    def run(self):
        self.run_code(*self.compiled_args)


class ThreadedStepper(Stepper):
    """The loop over mini-batches in parts; see `fastopt.algorithms.training.minibatch_parts`.

    Parameters
    ----------
    threads : list of tuple
        Each thread's own: x, flat and in its shape, a buffer for the gradient of a row, the rows,
        and the data of the objective.
    training : TrainingData
        Its `parts` and `rows`.
    """

    def __init__(self, work, turn, rate, own, schedule, threads, training):
        super().__init__(work, turn, rate, own, schedule, ())
        (x, g, *_), parts, rows = own[1], training.parts, training.rows
        sums = apart(parts * x.size, x.dtype).reshape(parts, x.size), apart(parts, np.float64)
        self.team = apart(minibatch_parts.WORDS, np.int64)
        self.lead = _lead(x.dtype)
        shared = self.team, self.calls, g, rows, *sums
        self.lead_block = Block.of(shared)
        self.threads = [(k == 0, shared, x, *thread) for k, thread in enumerate(threads)]
        self.slots = [apart(1, np.int64) for _ in threads]

    def compile_through(self):
        self.calls[LEAD] = address(self.lead, types.intp, self.lead_block.kind)
        self.calls[LEAD_DATA] = self.lead_block.address
        code = address(self.through, pointer_to(kind_and_size(self.threads[0])[0]))
        pairs = zip(map(place_of, self.slots), self.threads, strict=True)
        self.compiled_args = [(code, slot, slot, thread) for slot, thread in pairs]

    def run(self):
        self.team[:] = 0
        self.team[[FIRST, LAST]] = int(self.record[ROW])
        with DelayedInterrupts(), OneThread():
            map_threads(self.work, self.compiled_args)

    def work(self, *compiled_args):
        """Compute parts; if fun raises, the other threads end too."""
        try:
            self.run_code(*compiled_args)
        finally:
            self.team[OVER] = 1


@functools.cache
def _lead(dtype):
    """Return `minibatch_parts.lead`, compiled for any objective and rule."""
    own = {**SINGLE_WORKER, "real": dtype.type, "SIZE": 0}
    return jit(minibatch_parts.lead, {**BINDINGS, **own})
