"""The memory of a prepared solver: a fresh problem as bytes that every call copies.

All arrays of a problem, and the blocks with their addresses, go into one piece of memory, the
template. A copy of it is another problem, once the address of the copy is added to the pointers.
"""

from typing import Any

import numpy as np

from fastopt.compiling.compiler import jit
from fastopt.compiling.llvm_arrays import pointer_offsets
from fastopt.solver.objective_evaluation import DATA
from fastopt.targets.cpu import solver_call
from fastopt.targets.cpu.calls_by_address import Block, address, place_of
from fastopt.targets.cpu.solver_call import COUNT, HEADER

ALIGNED = 64  # bytes: parts of the template begin on cache lines
WORD = 8  # bytes


class Template:
    """A compiled problem as a template, and the plan that compiled code reads: see `solver_call`.

    Parameters
    ----------
    problem : Problem or FitProblem
        Compiled, and not yet run.
    places : dict
        The arrays that a call reads or writes, by their names in `solver_call`.
    scratch : tuple
        The objective's data besides its arguments.
    """

    def __init__(self, problem, places, scratch, store=None):
        solver = problem.solve
        data = Block.of(solver.data)
        parts = [_span(a) for a in (problem.arrays, problem.scalars, solver.calls, solver.until)]
        parts += [_span(a) for a in _arrays(scratch)]
        blocks = (solver.block, solver.kinds and solver.block_size), (data, solver.size)
        parts += [(block.address, size) for block, size in blocks]
        self.parts, self.size = _arranged(parts)
        self.bytes = np.zeros(self.size, np.uint8)
        for begin, end, at in self.parts:
            self.bytes[at : at + end - begin] = _bytes_at(begin, end - begin)
        words, moved = self.bytes.view(np.int64), []
        for block, first in ((solver.block, 0), (data, 1)):
            for offset in pointer_offsets(block.kind.kind, skip=first):
                k = (self.offset(block.address) + offset) // WORD
                at = self.offset(int(words[k]))
                if at >= 0:
                    words[k] = at
                    moved.append(k)
        k = self.offset(place_of(solver.calls)) // WORD + DATA
        words[k] = self.offset(data.address)
        moved.append(k)
        self.plan = np.full(HEADER + len(moved), -1, np.int64)
        self.plan[COUNT], self.plan[HEADER:] = len(moved), moved
        self.kept: Any = problem, data
