"""The compiled loop around a compiled objective, for the arrays of one problem."""

from typing import Any

import numpy as np
from numba import types

from fastopt.algorithms.objective_evaluation import CODE, DATA, SEPARATE, WORDS
from fastopt.algorithms.run_state import FEW, apart
from fastopt.derivatives import gradient_methods, kept_refusals
from fastopt.targets.cpu.calls_by_address import Block, address, driver, kind_and_size, place_of
from fastopt.targets.cpu.objective_call import NEAR

POINTERS = {k: types.CPointer(t) for k, t in (("f", types.float32), ("d", types.float64))}


class Solver:
    """The loop around an objective, for the arrays of one problem.

    Parameters
    ----------
    loop, evaluate
        Compiled functions: the loop for any objective, the evaluation for this one.
    problem : Problem
    """

    kind: Any = None  # type of the evaluation's data, once it is compiled
    compiled_args: Any = ()  # arguments of the compiled code, once it is compiled

    def __init__(self, loop, evaluate, problem):
        words = apart(WORDS + 2, np.int64)
        self.calls, self.until = words[:WORDS], words[WORDS:].view(float)
        limits, options, schedule, data = problem.fixed
        self.own = problem.record, problem.iterates, problem.workspace, problem.state
        self.block = Block.of((*self.own, limits, options, schedule, self.calls, self.until))
        self.points = problem.x_shaped, problem.workspace.low, problem.workspace.high
        self.hold(data)
        self.real, self.near = problem.x.dtype.char, problem.x.size <= FEW[-1]
        self.bindings = problem.objective.bindings
        separate = self.bindings["gradient"] is not gradient_methods.already
        self.calls[SEPARATE] = separate
        self.loop, self.evaluate, self.run_code = loop, evaluate, driver()

    def hold(self, data):
        """Set the data for the objective; their types must not change."""
        self.data = data, *self.points
        if self.compiled_args:
            self.compiled_args = *self.compiled_args[:-1], self.data

    def compile(self):
        """Compile or load the code, if that has not been done."""
        kinds, beside = self.kinds(), NEAR if self.near else ""
        self.calls[CODE] = address(self.evaluate, *kinds, first=self.first, beside=beside)
        self.code = address(self.loop, self.block.kind)
        slot = place_of(self.calls) + 8 * DATA
        self.compiled_args = self.code, self.block.address, slot, self.data

    def kinds(self):
        """Return the types for which the evaluation is compiled."""
        self.kind, self.size = kind_and_size(self.data)
        if self.near:
            return (self.kind,)
        pointer = POINTERS[self.real]
        return types.intp, pointer, pointer, types.float64, self.kind

    def first(self, evaluate, kinds):
        """Raise the kept error if another process could not compile the objective."""
        bindings = self.bindings
        if bindings.get("DUAL") is not None or "reverse_gradient" in bindings:
            kept_refusals.require_none(evaluate, kinds, bindings["fun"])

    def __call__(self, until):
        """Run until the numbers of iterations and evaluations in `until` are reached."""
        if not self.compiled_args:
            self.compile()
        self.until[:] = until
        self.run_code(*self.compiled_args)

    def expect(self, limits, options, schedule):
        """Check that the loop was compiled for these types; raise a TypeError if not."""
        kind, _ = kind_and_size((*self.own, limits, options, schedule, self.calls, self.until))
        if kind != self.block.kind:
            raise TypeError(f"the loop was compiled for {self.block.kind}, not for {kind}")
