"""The plan of a prepared solver, and its template: a fresh problem as bytes that a call copies.

All arrays of a problem, and the blocks with their addresses, are parts of the template. A copy of
it is another problem, once the address of the copy is added to the pointers in it.
"""

import ctypes
from typing import Any

import numba
import numpy as np
from numba import types

from fastopt.algorithms.objective_evaluation import DATA as DATA_WORD
from fastopt.compiling.llvm_arrays import pointer_offsets
from fastopt.compiling.numba_internals import cpu_target
from fastopt.targets.cpu.calls_by_address import Block, address, driver, kind_and_size, place_of
from fastopt.targets.cpu.solvers import solver_call

LINE = 64  # bytes: each part begins on a cache line
BYTES = 8  # of a word
# Words from an array's owners, of which views have none, to the pointer to its elements.
OWNERS = 4


class Plan:
    """A compiled problem as a template, and where a call finds what in it: see `solver_call`.

    Parameters
    ----------
    problem : Problem or FitProblem
        Compiled, and not run.
    places : dict
        Arrays of the problem by their names in `solver_call`: X, BEST_X, BEST_F and so on.
    """

    def __init__(self, problem, places):
        solver = problem.solve
        args, *scratch = solver.data[0]
        data, words = Block.of(solver.data, problem.objective.refcounted), solver.calls
        arrays = problem.arrays, problem.scalars, words, solver.until, *_leaves(scratch)
        spans = [(place_of(a), a.nbytes) for a in arrays]
        spans += [(block.address, block.size) for block in (solver.block, data)]
        self.parts, size = _arranged(spans)
        self.template = np.zeros(size, np.uint8)
        for begin, length, at in self.parts:
            self.template[at : at + length] = _bytes_at(begin, length)
        whole, kind, moved = self.template.view(np.int64), data.kind.kind, []
        args_kind: Any = kind[0][0]
        in_args = set(_pointers(types.Tuple([types.Tuple([args_kind])])))
        in_blocks = (solver.block, set()), (data, in_args)
        for block, left_out in in_blocks:
            first = self.offset(block.address) // BYTES
            for offset in sorted({*_pointers(block.kind.kind)} - left_out):
                k = first + offset // BYTES
                whole[k - OWNERS : k - OWNERS + 2] = 0
                if (at := self.offset(int(whole[k]))) >= 0:
                    whole[k] = at
                    moved.append(k)
        moved.append(self.offset(place_of(words)) // BYTES + DATA_WORD)
        whole[moved[-1]] = BYTES * first
        self.moved = np.array(moved, np.int64)
        self.plan = np.full(solver_call.PLACES, -1, np.int64)
        self.core = address(solver_call.compiled(problem.x.dtype), types.intp)
        self.put(
            CORE=self.core,
            LOOP=solver.code,
            TEMPLATE=place_of(self.template),
            SIZE=size,
            MOVED=place_of(self.moved),
            COUNT=self.moved.size,
            N=problem.x.size,
            ARGS=kind_and_size(args)[1],
            BLOCK=self.offset(solver.block.address),
            DATA=BYTES * first,
        )
        places = {"RECORD": problem.record, "UNTIL": solver.until, **places}
        self.put(**{name: self.offset(place_of(array)) for name, array in places.items()})
        self.real, self.kinds = numba.from_dtype(problem.x.dtype), tuple(args_kind)
        self.address = place_of(self.plan)
        self.kept = problem, data  # the compiled code, and what its constants point to

    def put(self, **words):
        """Write words of the plan by their names."""
        for name, word in words.items():
            self.plan[getattr(solver_call, name)] = word

    def offset(self, place):
        """Return where the template holds what is at this address, or -1."""
        for begin, length, at in self.parts:
            if begin <= place < begin + length:
                return at + place - begin
        return -1


class Scratch:
    """The memory of one call from Python."""

    def __init__(self, plan, x0):
        memory = np.zeros(plan.template.size + LINE, np.uint8)
        self.x, self.found = np.empty_like(x0), np.empty(solver_call.NUMBERS)
        self.request = request = np.zeros(solver_call.REQUEST, np.int64)
        request[solver_call.PLAN] = plan.address
        request[solver_call.MEMORY] = -(-place_of(memory) // LINE) * LINE
        request[[solver_call.X_AT, solver_call.START_AT]] = place_of(self.x)
        request[solver_call.FOUND] = place_of(self.found)
        place = place_of(request)
        self.call = plan.core, place, place + BYTES * solver_call.ARGS_AT
        self.run, self.kept = driver(), (plan, memory)

    def begin(self, budget, args):
        """Run a fresh problem from x for at most `budget` evaluations."""
        self.request[solver_call.BUDGET :] = budget, solver_call.BEGIN
        self.run(*self.call, args)

    def go_on(self, budget, args):
        """Continue it."""
        self.request[solver_call.BUDGET :] = budget, solver_call.CONTINUE
        self.run(*self.call, args)

    def give_up(self):
        """Free what a problem holds that has not ended."""
        self.request[solver_call.TASK] = solver_call.GIVE_UP
        self.run(*self.call, ())


def _leaves(value):
    """Yield the arrays in nested tuples."""
    if isinstance(value, tuple | list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, np.ndarray):
        yield value


def _pointers(kind):
    return pointer_offsets(cpu_target.target_context, kind)


def _arranged(spans):
    """Return parts (address, bytes, offset), of spans that may overlap, and their total size."""
    merged = []
    for begin, length in sorted(set(spans)):
        if merged and begin < merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], begin + length)
        elif length:
            merged.append([begin, begin + length])
    parts, at = [], 0
    for begin, end in merged:
        parts.append((begin, end - begin, at))
        at += -(-(end - begin) // LINE) * LINE
    return parts, at


def _bytes_at(place, length):
    """Return the bytes at an address."""
    return np.frombuffer((ctypes.c_uint8 * length).from_address(place), np.uint8)
