"""The CPU target: sweeps over arrays in threads, and the solve loop around a compiled objective."""

import functools
import sys
from typing import Any

import numpy as np
from numba.extending import overload

from fastopt.algorithms import automatic_rate, objective_evaluation, solve_loop
from fastopt.algorithms.placeholders import (
    RUN,
    SIZE,
    bring_back,
    fetch,
    load_run,
    load_value,
    store_run,
)
from fastopt.algorithms.run_state import FEW
from fastopt.algorithms.solve_loop import loop
from fastopt.compiling.compiler import (
    content_of,
    inline,
    jit,
    link,
    numba_config,
    thread_limit,
    undecorated,
)
from fastopt.compiling.numba_internals import cpu_target
from fastopt.concurrency.thread_pool import map_threads
from fastopt.rules import _state_slots
from fastopt.targets.common import intrinsics, step_functions
from fastopt.targets.common.loop_constants import SINGLE_WORKER, narrow_to, numbers
from fastopt.targets.cpu import (
    array_roots,
    interpreted_loop,
    magnitudes,
    objective_call,
    solve_entry,
)
from fastopt.targets.cpu.batch_threads import ThreadScheduler
from fastopt.targets.cpu.calls_by_address import kind_and_size
from fastopt.targets.cpu.steps import prepared_arrays, step_by_address

NAME = "cpu"
__all__ = [
    "ThreadScheduler",
    "compiled_solver",
    "kernel",
    "kind_and_size",
    "plain_solver",
    "prepared",
    "step_function",
    "sweep",
]

# Bytes of a sweep's arrays per thread: 2 threads from 830,000 float32 elements of RMSProp on.
# Measured (benchmarks/sweeps.py, TrackThreads): at 400,000 two threads lose (138 against 126 us),
# at 1,000,000 they win (248 against 310).
BYTES_PER_THREAD = 5_000_000
COPIED = 4096  # elements of arrays that are not contiguous that are copied at once
# Largest number of parameters for which the loop over mini-batches is compiled for that number.
MAX_REGISTER_SIZE = 8


@functools.cache
def rule_bindings(rule, uses, dtype, bounded=False):
    """Return a rule's bindings for compiled code, with its arithmetic in the element type."""
    bound = _state_slots.bindings(rule, uses)
    slots = {name: bound[name] for name in ("C", "S", "USES")}
    narrow = narrow_to(dtype)
    for name in ("update", "start", "load", "store"):
        linked = link(bound[name], slots, inline, narrow=narrow)
        bound[name] = inline(linked, bound[name])
    names = "cast", "load_run", "store_run", "fetch", "bring_back"
    own = {name: getattr(intrinsics, name) for name in names}
    return {
        **bound,
        **own,
        **SINGLE_WORKER,
        **numbers(dtype),
        **magnitudes.BINDINGS,
        "real": dtype.type,
        "BOUNDED": bounded,
    }


@functools.cache
def array_bindings(rule, uses, dtype):
    """Return `rule_bindings` for sweeps over arrays, whose loops are vectorised."""
    bound = {**rule_bindings(rule, uses, dtype), "TRACKED": False}
    if not array_roots.are_reciprocal(rule):
        return bound
    own = {name: bound[name] for name in ("C", "S", "USES")}
    own["over_root"] = array_roots.over_root
    update = inline(link(rule.update, own, inline, narrow=narrow_to(dtype)), rule.update)
    return {**bound, "update": update, "OWN_LOOP": bound["HAS_CLIPPING_AND_DECAY"]}


@functools.cache
def kernel(rule, uses, dtype):
    """Return the compiled sweep ``(x, g, c, state, low, high, track)`` over vectors."""
    bindings = array_bindings(rule, uses, dtype)
    if numba_config.DISABLE_JIT:
        return link(
            solve_loop.sweep, {**bindings, "cast": interpreted_loop.plain_cast}, undecorated
        )
    top = step_by_address.swept if array_roots.are_reciprocal(rule) else solve_loop.sweep
    return jit(top, bindings)


def sweep(rule, uses, x, g, c, state, threads=None):
    """Take a step of a rule on arrays, in place.

    Parameters
    ----------
    rule, uses
        The rule's module and its used slots (`fastopt.rules.uses`).
    x, g : ndarray
        Parameters and gradient: one shape and dtype (float32 or float64), any strides.
    c : ndarray
        The rule's coefficients, in the element type.
    state : tuple of ndarray
        An array like x for each slot. An unused one may be any array, for example x itself.
    threads : int, optional
        By default one for small arrays, and at most the number set by `numba.set_num_threads`.
        The bits do not depend on it.
    """
    run = kernel(rule, uses, x.dtype)
    x, g, *state = _flat(x, g, *state)
    if x.ndim > 1:
        for row in range(x.shape[0]):
            sweep(rule, uses, x[row], g[row], c, tuple(s[row] for s in state), threads)
        return
    n, state = x.size, tuple(state)
    if not all(a.flags.c_contiguous for a in (x, g, *state)):
        _sweep_copies(run, uses, x, g, c, state)
        return
    if threads is None:
        threads = n * x.itemsize * (2 + sum(uses)) // BYTES_PER_THREAD
        threads = min(threads, thread_limit()) if threads > 1 else 1
    if threads < 2:
        run(x, g, c, state, x, x, False)
        return
    cuts = [n * k // threads for k in range(threads + 1)]

    def part(k):
        at = slice(cuts[k], cuts[k + 1])
        run(x[at], g[at], c, tuple(s[at] for s in state), x[at], x[at], False)

    map_threads(part, [(k,) for k in range(threads)])


def _sweep_copies(run, uses, x, g, c, state):
    """Take a step on vectors that are not contiguous, in contiguous copies of their parts."""
    for first in range(0, x.size, COPIED):
        at = slice(first, first + COPIED)
        near = x[at].copy()
        slots = tuple(s[at].copy() if use else near for s, use in zip(state, uses, strict=True))
        run(near, g[at].copy(), c, slots, near, near, False)
        x[at] = near
        for array, copied, use in zip(state, slots, uses, strict=True):
            if use:
                array[at] = copied


def _flat(*arrays):
    """Flatten the arrays if their memory order allows it without copies."""
    if all(a.flags.f_contiguous for a in arrays):
        arrays = tuple(a.T for a in arrays)
    if all(a.flags.c_contiguous for a in arrays):
        arrays = tuple(a.reshape(-1) for a in arrays)
    return arrays


def solve(record, iterates, workspace, x_shaped, state, limits, options, schedule, data, until):
    """Run the loop from the scalars in `record`, and write them back.

    They are updated in place, since Python may drop a returned value if Ctrl-C arrives at that
    moment. `iterates` and `workspace` are as in `problem_arrays`. `x_shaped` is the trial point in
    x0's shape.
    """
    run = load_run(RUN, np.float64, record)
    run = loop(run, iterates, workspace, x_shaped, state, limits, options, schedule, data, until)
    store_run(run, record)


def solve_at_pointer(pointer):
    """Run `solve` for an objective called by its address, with all arguments behind a pointer."""
    record, iterates, workspace, state, limits, options, schedule, calls, until = load_value(
        pointer
    )
    run = load_run(RUN, np.float64, record)
    run = loop(
        run, iterates, workspace, iterates.new, state, limits, options, schedule, calls, until
    )
    store_run(run, record)


def solve_in_registers(pointer):
    """Run `solve_at_pointer` for a few parameters, with the arrays copied to registers and back."""
    record, iterates, workspace, state, limits, options, schedule, calls, until = load_value(
        pointer
    )
    run = load_run(RUN, np.float64, record)
    near, near_state = fetch(iterates, SIZE), fetch(state, SIZE)
    run = loop(run, near, workspace, near.new, near_state, limits, options, schedule, calls, until)
    bring_back(near_state, state, SIZE)  # before x, since an unused slot is x
    bring_back(near, iterates, SIZE)
    store_run(run, record)


# Bindings of an objective that the loop needs.
_LOOP = "propose", "judge", "RUN", "rate", "schedule_function", "EXACT", "CENTRAL"
_ASKED = {"value": objective_evaluation.ask_value, "gradient": objective_evaluation.ask_gradient}
_EVALUATE = {  # keys: whether parameters are few, and whether args are refcounted
    (False, False): objective_evaluation.evaluate,
    (False, True): objective_evaluation.evaluate_counted,
    (True, False): objective_evaluation.evaluate_near,
    (True, True): objective_evaluation.evaluate_near_counted,
}


def compiled_solver(rule, uses, dtype, bounded, problem):
    """Return the compiled loop around a compiled objective, for the arrays of a problem."""
    objective, n = problem.objective, problem.x.size
    few = problem.arrays.shape[1] if n <= FEW[-1] else 0
    own = tuple(objective.bindings.get(name) for name in _LOOP)
    loop = _loop(rule, uses, dtype, bounded, few, problem.fused, own)
    bindings = {**evaluation(dtype, bounded), **objective.bindings}
    bindings.update(SIZE=n if few else 0, LOOP_SIZE=few)
    evaluate = jit(_EVALUATE[few > 0, objective.refcounted], bindings, objective.refcounted)
    return solve_entry.Solver(loop, evaluate, problem)


@functools.lru_cache(1000)
def _loop(rule, uses, dtype, bounded, few, fused, own):
    """Return the compiled loop, for any objective."""
    own = dict(zip(_LOOP, own, strict=True))
    bindings = {
        **rule_bindings(rule, uses, dtype, bounded),
        **own,
        **_ASKED,
        **objective_call.BINDINGS,
    }
    bindings.update(SIZE=few, PADDED=few > 0, FUSED=fused)
    if own["propose"] is automatic_rate.propose:
        # Six arrays would use up all registers: a fit of three parameters takes 3 % longer.
        bindings["fetch"] = intrinsics.fetch_to_memory
    return jit(solve_in_registers if few else solve_at_pointer, bindings)


@functools.cache
def evaluation(dtype, bounded):
    """Return the bindings of the code that is compiled for an objective."""
    return {
        **numbers(dtype),
        "real": dtype.type,
        "BOUNDED": bounded,
        **SINGLE_WORKER,
        **objective_call.BINDINGS,
    }


def plain_solver(rule, uses, dtype, bounded, problem):
    """Return `solve` for the interpreter around a Python objective, with compiled array helpers."""
    helpers = _helpers(rule, uses, dtype, bounded, problem.fused)
    return link(solve, {**helpers, **problem.objective.bindings}, undecorated)


@functools.cache
def _helpers(rule, uses, dtype, bounded, fused):
    return interpreted_loop.helpers({**rule_bindings(rule, uses, dtype, bounded), "FUSED": fused})


def adopt(name, array):
    raise ValueError(f"{name} lives on a GPU, but device='cpu' was given; copy it to the host")


def prepared(xs, gs, states, groups):
    """Return an object for repeated steps over many arrays: see `prepared_arrays.Prepared`."""
    return prepared_arrays.Prepared(xs, gs, states, groups, sys.modules[__name__])


@functools.cache
def step_function(method):
    """Return a method's step for users' @njit functions."""
    step = step_functions.made(method, _inner_sweep, overload, kernel)
    context: Any = cpu_target.target_context
    context.refresh()  # the caller may be a function that is being compiled
    return step


def _inner_sweep(rule, uses, dtype):
    bindings = array_bindings(rule, uses, dtype)
    suffix = f"_{content_of(solve_loop.sweep, bindings).digest[:16]}"
    return link(solve_loop.sweep, bindings, inline, top=inline, suffix=suffix)
