"""The compiled loop of `minimize_stochastic`, and the code compiled for its objective."""

import functools
from typing import Any

import numpy as np
from numba import types

from fastopt import schedules
from fastopt.algorithms import minibatch
from fastopt.algorithms.minibatch import (
    DATA,
    NIT,
    RATE,
    SCHEDULE,
    TURN,
    TURN_DATA,
    WORDS,
    EpochSettings,
)
from fastopt.algorithms.run_state import apart
from fastopt.algorithms.training import distance_rate, given_rate
from fastopt.compiling.compiler import jit
from fastopt.derivatives import gradient_methods, minibatch_gradients
from fastopt.targets.common import row_access
from fastopt.targets.cpu import calls_by_address
from fastopt.targets.cpu import cpu_target as cpu
from fastopt.targets.cpu.calls_by_address import (
    Block,
    address,
    driver,
    kind_and_size,
    place_of,
    pointer_to,
)

_BINDINGS = {name: getattr(row_access, name) for name in ("rows", "put", "first_rows", "prefetch")}


class Stepper:
    """The loop over mini-batches, for an objective and the arrays of one run.

    Parameters
    ----------
    through, turn, rate
        Compiled functions: for this objective, for any objective, and for the schedule. `rate` is
        None if the rate is constant.
    own, data : tuple
        The arguments of `turn` and `through`, except those that are added here.
    schedule : tuple
    """

    compiled_args: Any = ()  # arguments of the compiled code, once it is compiled

    def __init__(self, through, turn, rate, own, data, schedule):
        words = apart(WORDS + len(EpochSettings._fields), np.int64)
        self.calls, self.plan, self.record = words[:WORDS], words[WORDS:].view(float), own[0]
        self.block, self.schedule = Block.of((*own, self.plan, self.calls)), Block.of(schedule)
        self.through, self.turn, self.rate = through, turn, rate
        self.data, self.run_code = (self.record, self.calls, *data), driver()

    def compile(self):
        """Compile or load the code, if that has not been done."""
        code = address(self.through, pointer_to(kind_and_size(self.data)[0]))
        if self.rate is not None:
            self.calls[RATE] = address(self.rate, types.float64, self.schedule.kind)
            self.calls[SCHEDULE] = self.schedule.address
        kinds = types.float64, types.intp, types.intp, self.block.kind
        self.calls[TURN], self.calls[TURN_DATA] = address(self.turn, *kinds), self.block.address
        slot = place_of(self.calls) + 8 * DATA
        self.compiled_args = code, slot, slot, self.data

    def __call__(self, steps):
        """Take `steps` steps, or fewer if the epoch ends."""
        self.plan[-1] = self.record[NIT] + steps
        self.run_code(*self.compiled_args)


def stepper(rule, uses, dtype, objective, way, own, data, schedule, automatic):
    """Return the loop around the objective."""
    n = own[1][0].size
    small = n if n <= cpu.MAX_REGISTER_SIZE else 0
    one: dict = {
        "mean_and_gradient": minibatch_gradients.together
        if way.together
        else minibatch_gradients.BY_ROWS[way.name]
    }
    if way.name == "added":
        one["gradient"] = gradient_methods.already
    bindings = {
        **cpu.evaluation(dtype, False),
        **_BINDINGS,
        **objective.bindings,
        **one,
        "SIZE": small,
    }
    through = jit(
        minibatch.through, {**bindings, **calls_by_address.BINDINGS}, objective.refcounted
    )
    rate = None
    if type(schedule) is not schedules.constant:
        told = ("rate", "schedule_function")
        told = {k: objective.bindings[k] for k in told if k in objective.bindings}
        rate = jit(minibatch.rate_at, {**told, **calls_by_address.BINDINGS})
    turn = _turn(rule, uses, dtype, automatic)
    return Stepper(through, turn, rate, own, data, schedule)


@functools.cache
def _turn(rule, uses, dtype, automatic):
    """Return `minibatch.turn`, compiled for any objective."""
    own = cpu.rule_bindings(rule, uses, dtype)
    take = (distance_rate if automatic else given_rate).step
    bindings = {**own, **calls_by_address.BINDINGS, "SIZE": 0, "take_step": take}
    return jit(minibatch.turn, bindings)


def meter(dtype, objective, way):
    """Return `minibatch.sum_losses` around the objective."""
    summed = minibatch_gradients.sum_together if way.together else minibatch_gradients.sum_of_rows
    own = {**cpu.numbers(dtype), "real": dtype.type, "SIZE": 0, "sum_of_values": summed}
    bindings = {**own, **_BINDINGS, **objective.bindings}
    return jit(minibatch.sum_losses, bindings, objective.refcounted)
