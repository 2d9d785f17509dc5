"""Threads for batches of problems; each thread claims the next problem when it finishes one."""

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numba import types

from fastopt.algorithms import batch_worker, objective_evaluation
from fastopt.algorithms.objective_evaluation import DATA, PLACE, SOURCE
from fastopt.algorithms.status_codes import INTERRUPTED, NOT_RUN, RAISED
from fastopt.arrays import data_rows
from fastopt.compiling.compiler import jit
from fastopt.concurrency.thread_pool import Shift
from fastopt.targets.common import atomics, row_access
from fastopt.targets.cpu import calls_by_address
from fastopt.targets.cpu.calls_by_address import Block, address, driver, kind_and_size, place_of

BINDINGS = {
    **calls_by_address.BINDINGS,
    **{f.__name__: f for f in (atomics.add, row_access.named, row_access.rows)},
}


class ThreadScheduler:
    """Threads that solve a batch, once they are started.

    Parameters
    ----------
    problems : list of Problem
        One per thread, compiled; their arrays belong to the threads.
    bounded : bool
    problem_data, results
        See `fastopt.algorithms.batch_worker`.
    begun : list of (int, dict)
        Interrupted problems to resume, by number, with their state (`Problem.snapshot`). At most
        one per thread is resumed; others start again.
    """

    # Other texts for `load_problem` and `write_result` of `batch_worker`.
    texts: Mapping = MappingProxyType({})

    def __init__(self, problems, bounded, problem_data, results, begun=()):
        self.control, self.failure = np.zeros(batch_worker.CONTROL, np.int64), None
        self.problems, self.results, self.shift = problems, results, None
        self.errors, self.before = {}, 0  # exceptions of fun, by the number of the problem
        self.work, self.calls = [], []
        own = {"BOUNDED": bounded, **self.texts, **self.bindings_of(problems[0])}
        self.worker_loop = jit(batch_worker.worker_loop, {**BINDINGS, **own})
        self.put_row = jit(objective_evaluation.put_row, BINDINGS, problems[0].objective.refcounted)
        shared = problem_data._replace(fields=(), args=())
        divisor = 8 * len(problems)  # of the problems left: a thread claims that part of them
        for p in problems:
            solver, at = p.solve, np.full(1, -1)
            solver.compile()
            work = batch_worker.WorkerBuffers(
                p.record, p.x, p.iterates, p.workspace, p.state, solver.calls, solver.until, at
            )
            row_buffers = tuple(map(data_rows.row_buffer, problem_data.fields))
            scratch, points = p.fixed[-1][1:], solver.data[1:]
            source = problem_data.fields, row_buffers, problem_data.args, scratch, points
            target = Block(solver.kind, solver.size)
            kinds = types.intp, kind_and_size(source)[0], target.kind
            solver.calls[PLACE] = address(self.put_row, *kinds)
            solver.calls[DATA] = target.address
            todo = np.empty(0, np.intp)
            solver.expect(problem_data.limits[0], problem_data.options[0], problem_data.schedule[0])
            own = solver.code, solver.block.address, self.control, divisor, work, shared, results
            block = Block.of((todo, *own))
            code = address(self.worker_loop, block.kind)
            slot = place_of(solver.calls[SOURCE:])
            self.calls.append((own, target, code, block, slot, source))
            self.work.append(work)
        self.run_code = driver()
        for problem, work, (b, state) in zip(problems, self.work, begun, strict=False):
            problem.restore(**state)
            work.at[0], results.status[b] = b, int(INTERRUPTED)
            if bounded:
                at = batch_worker.row_of(problem_data.low, b)
                work.workspace.low[:] = problem_data.low[at]
                work.workspace.high[:] = problem_data.high[at]

    def start(self):
        """Start the threads, on the problems to resume and on all that have not run."""
        todo = np.flatnonzero(self.results.status == NOT_RUN)
        begun = sum(work.at[0] >= 0 for work in self.work)
        self.before = self.results.status.size - todo.size - begun
        self.control[[batch_worker.NEXT, batch_worker.DONE, batch_worker.STOP]] = 0
        parts = zip(self.work, self.calls, strict=True)
        calls = [(self.work_on, (todo, work, call)) for work, call in parts]
        self.shift = Shift(calls, self.tick)
        self.shift.start()

    def work_on(self, todo, work, call):
        """Solve problems in a thread of its own; record those for which fun raises."""
        own, _, code, block, slot, source = call
        block.fill((todo, *own))
        while True:
            try:
                self.run_code(code, block.address, slot, source)
                return
            except Exception as error:
                b = int(work.at[0])
                if b < 0:  # not raised by fun
                    self.failure = error
                    return
                self.write_raised(b, work)
                self.errors[b] = error.with_traceback(None)
                work.at[0] = -1

    def bindings_of(self, problem):
        """Return the bindings of `texts`."""
        return {}

    def write_raised(self, b, work):
        """Write the results of a problem whose fun raised."""
        batch_worker.write_result(b, RAISED, work, self.results)
        if math.isnan(self.results.fun[b]):
            self.results.fun_last[b] = math.nan

    def tick(self):
        """Advance the clock of the threads; it ticks also while the main thread runs a callback."""
        self.control[batch_worker.TICK] += 1

    def pause(self):
        """Stop, and return the unfinished problems with their state, like `begun` above."""
        self.stop(INTERRUPTED)
        begun = []
        for problem, work in zip(self.problems, self.work, strict=True):
            b = int(work.at[0])
            if b >= 0:
                begun.append((b, {k: a.copy() for k, a in problem.snapshot().items()}))
        return begun

    def wait(self, seconds):
        """Wait for at most `seconds`, and return True if all problems are done."""
        if self.shift is None or not self.shift.wait(seconds):
            return False
        # A thread claims several problems at once: if one of them raised, the others were left.
        left = bool(self.errors) and self.failure is None and not self.control[batch_worker.STOP]
        if left and (self.results.status == NOT_RUN).any():
            self.start()
            return False
        return True

    @property
    def done(self):
        """Return the number of problems solved."""
        return self.before + int(self.control[batch_worker.DONE])

    def stop(self, status):
        """Stop all threads, and wait for them; running problems get this status."""
        self.control[batch_worker.STOP] = int(status)
        if self.shift is not None:
            self.shift.close()
