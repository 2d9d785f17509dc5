"""The compiled code of `minibatch_loops`: the loop for an objective, and the step for a rule."""

import functools

from fastopt import schedules
from fastopt.algorithms import minibatch
from fastopt.algorithms.training import distance_rate, given_rate, minibatch_parts
from fastopt.compiling.compiler import jit
from fastopt.derivatives import gradient_methods, minibatch_gradients
from fastopt.targets.common import row_access
from fastopt.targets.cpu import calls_by_address
from fastopt.targets.cpu import cpu_target as cpu
from fastopt.targets.cpu.training.minibatch_loops import BINDINGS, Stepper, ThreadedStepper

_ROWS = {name: getattr(row_access, name) for name in ("rows", "put", "first_rows", "prefetch")}


def stepper(rule, uses, dtype, objective, way, own, threads, schedule, training):
    """Return the loop around the objective, with the arrays that each of the threads needs."""
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
        **_ROWS,
        **objective.bindings,
        **one,
        **BINDINGS,
        "SIZE": small,
        "ADDS": way.name == "added",
        "MOVES_X": threads[0][0] is not own[1][0],
    }
    through = minibatch_parts.work if training.parts else minibatch.through
    through = jit(through, bindings, objective.refcounted)
    rate = None
    if type(schedule) is not schedules.constant:
        told = ("rate", "schedule_function")
        told = {k: objective.bindings[k] for k in told if k in objective.bindings}
        rate = jit(minibatch.rate_at, {**told, **calls_by_address.BINDINGS})
    given = _turn(rule, uses, dtype, training.automatic), rate, own
    schedule = schedule if hasattr(schedule, "_fields") else ()
    if training.parts:
        return ThreadedStepper(through, *given, schedule, threads, training)
    return Stepper(through, *given, schedule, *threads)


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
    bindings = {**own, **_ROWS, **objective.bindings}
    return jit(minibatch.sum_losses, bindings, objective.refcounted)
