"""The loop of a fit on the CPU: compiled around compiled residuals, else interpreted."""

import functools
from types import MappingProxyType

import numpy as np
from numba import types

from fastopt.algorithms.fits import fit_loop, fit_worker, shared_worker
from fastopt.algorithms.fits.fit_loop import loop
from fastopt.algorithms.fits.fit_state import NFEV, NIT, NJEV, FitRun
from fastopt.algorithms.fits.losses import LOSSES, weigh_all, weigh_counts
from fastopt.algorithms.objective_evaluation import CODE, DATA, WORDS
from fastopt.algorithms.placeholders import RUN, ask, load_run, load_value, store_run
from fastopt.algorithms.run_state import FEW, apart
from fastopt.algorithms.status_codes import RAISED
from fastopt.compiling.compiler import jit, link, numba_config, undecorated
from fastopt.derivatives import fit_equations
from fastopt.rules import _state_slots
from fastopt.targets.common.loop_constants import numbers
from fastopt.targets.cpu import interpreted_loop, objective_call
from fastopt.targets.cpu.batch_threads import ThreadScheduler
from fastopt.targets.cpu.calls_by_address import Block, address, driver, kind_and_size, place_of
from fastopt.targets.cpu.cpu_target import evaluation, rule_bindings
from fastopt.targets.cpu.solve_entry import POINTERS, Solver

FLOAT64 = np.dtype(np.float64)


def solve_at_pointer(pointer):
    """Run the loop with all arguments behind a pointer; the residuals are called by address."""
    record, points, arrays, state, limits, options, _, calls, until = load_value(pointer)
    run = load_run(RUN, np.float64, record)
    run = loop(run, points, arrays, state, limits, options, calls, until)
    store_run(run, record)


def ask_equations(rooted, x, found, calls):
    """Evaluate the residuals; return the cost."""
    return ask(int(rooted), x, found, 0.0, calls, 0)


@functools.cache
def compiled_loop(rule, uses, bounded, n):
    """Return the compiled loop, for any residuals; for a few parameters it is one of their own."""
    bindings = {
        **rule_bindings(rule, uses, FLOAT64, bounded),
        **objective_call.BINDINGS,
        "RUN": FitRun(),
        "fold": ask_equations,
        "SIZE": n if n <= FEW[-1] else 0,
    }
    return jit(solve_at_pointer, bindings)


@functools.cache
def plain_loop(rule, uses, bounded, n):
    """Return the loop for the interpreter; its `data` is a function ``(rooted, x, found) -> cost``.

    For a few parameters nothing is compiled: that would take longer than hundreds of fits. For more
    parameters it is everything besides the evaluations.
    """
    if n <= FEW[-1] or numba_config.DISABLE_JIT:
        own = _state_slots.bindings(rule, uses)
        own |= {**numbers(FLOAT64), "real": float, "BOUNDED": bounded}
        own["cast"] = interpreted_loop.plain_cast
        return link(loop, {**own, "SIZE": 0, "fold": called}, undecorated)
    bindings = {**rule_bindings(rule, uses, FLOAT64, bounded), "SIZE": 0, "fold": called}
    for part in (fit_loop.next_trial, fit_loop.judge_trial):
        bindings[part.__name__] = jit(part, bindings)
    return link(loop, bindings, undecorated)


def called(rooted, x, found, data):
    return data(rooted, x, found)


@functools.cache
def losses(loss):
    """Return the function ``(residuals, scale, numbers)`` that writes a loss for each residual."""
    bindings = {**numbers(FLOAT64), "loss": LOSSES[loss]}
    if numba_config.DISABLE_JIT:
        return link(weigh_all, bindings, undecorated)
    return jit(weigh_all, bindings)


@functools.cache
def count_losses():
    """Return the function ``(values, y, numbers)`` that writes the loss for each count."""
    return jit(weigh_counts, {})


class FitSolver(Solver):
    """The loop around compiled residuals, for the arrays of one problem."""

    def __init__(self, problem, rule, uses, bounded):
        words = apart(WORDS + 2, np.int64)
        self.calls, self.until = words[:WORDS], words[WORDS:].view(float)
        limits, options, schedule, data = problem.fixed
        self.own = problem.record, problem.iterates, problem.workspace, problem.state
        self.block = Block.of((*self.own, limits, options, schedule, self.calls, self.until))
        self.points = problem.iterates.new, problem.workspace.found
        self.hold(data)
        self.bindings = problem.objective.bindings
        self.loop = compiled_loop(rule, uses, bounded, problem.x.size)
        bindings = {**evaluation(FLOAT64, False), **self.bindings}
        refcounted = problem.objective.refcounted
        self.evaluate = jit(fit_equations.evaluate, bindings, refcounted)
        self.run_code = driver()

    def compile(self):
        """Compile or load the code, if that has not been done."""
        self.calls[CODE] = address(self.evaluate, *self.kinds(), first=self.first)
        self.code = address(self.loop, self.block.kind)
        slot = place_of(self.calls) + 8 * DATA
        self.compiled_args = self.code, self.block.address, slot, self.data

    def kinds(self):
        """Return the types for which the evaluation is compiled."""
        self.kind, self.size = kind_and_size(self.data)
        pointer = POINTERS["d"]
        return types.intp, pointer, pointer, types.float64, self.kind


class FitScheduler(ThreadScheduler):
    """Threads that solve a batch of fits."""

    texts = MappingProxyType(
        {"load_problem": fit_worker.load_fit, "write_result": fit_worker.write_fit}
    )

    def bindings_of(self, problem):
        n = problem.x.size
        return {"SIZE": n if n <= FEW[-1] else 0}

    def write_raised(self, b, work):
        results = self.results
        results.status[b] = int(RAISED)
        results.x[b] = work.x
        results.nit[b], results.nfev[b], results.njev[b] = work.record[[NIT, NFEV, NJEV]]


class SharedFitScheduler(FitScheduler):
    """Threads that solve the fits of a batch for given values of shared parameters."""

    texts = MappingProxyType(
        {"load_problem": fit_worker.load_fit, "write_result": shared_worker.write_shared}
    )


def jacobian_writer(objective):
    """Return the compiled function that writes residuals and their derivatives."""
    bindings = {**evaluation(FLOAT64, False), **objective.bindings}
    return jit(fit_equations.residuals_and_jacobian, bindings, objective.refcounted)
