"""One step over large arrays in blocks, which the caller computes, and other threads that come.

A thread that sleeps comes after some tens of microseconds, and none waits for it. Each thread takes
the next block until there is none. It stays for a moment after a step, in case another one follows.
Blocks are fixed, and so bits do not depend on who computes them.
"""

import functools

import numpy as np

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.placeholders import add, exchange, give_way, read
from fastopt.algorithms.run_state import apart
from fastopt.concurrency import thread_pool
from fastopt.concurrency.delayed_interrupts import DelayedInterrupts
from fastopt.targets.common import atomics
from fastopt.targets.cpu.steps.step_by_address import finite, squares, step

# Indices in `team`. The first three count blocks since the beginning, on cache lines of their own:
# taken by a thread, given, and done. Then come the first block of this pass, its job, and the
# elements of a block. Last is the number of blocks whose gradients are not finite.
TAKEN, THERE, DONE, BEFORE, JOB, SIZE, WRONG = 0, 16, 32, 48, 49, 50, 64
WORDS = 80  # number of integers in `team`
STEP, FINITE, SQUARES = range(3)  # jobs
# Bytes of a pass from which on threads share it: those that have to be called, and those that are
# still here. Measured on two threads with RMSProp over float32, one step after another
# (benchmarks/sweeps.py, TrackSharedSteps). At 200,000 elements, 2.4 MB, they take as long as one
# thread, at 400,000 70 us for 90, and at 1,000,000 145 us for 222.
BYTES_TO_CALL, BYTES_IF_HERE = 5_000_000, 3_000_000
WAIT = 300  # how often a thread without a block gives way to others before it leaves


@separate
def lead(team, table, numbers, sums, job, size, blocks):
    """Compute all blocks of a pass, with the threads that come; return when all are done."""
    team[BEFORE], team[JOB], team[SIZE], team[WRONG] = read(team, THERE), job, size, 0
    add(team, THERE, blocks)
    take_blocks(team, table, numbers, sums)
    while read(team, DONE) < read(team, THERE):
        give_way()


@separate
def assist(team, table, numbers, sums, wait):
    """Compute blocks of one pass after another, until there has been none for a while.

    `wait` is how often the thread gives way to others before it leaves.
    """
    idle = 0
    while idle < wait:
        before = read(team, TAKEN)
        take_blocks(team, table, numbers, sums)
        idle = 0 if read(team, TAKEN) != before else idle + 1
        give_way()


@separate
def take_blocks(team, table, numbers, sums):
    """Compute blocks, one after another, until all are taken."""
    k = read(team, TAKEN)
    while k < read(team, THERE):
        if exchange(team, TAKEN, k, k + 1):
            block = k - read(team, BEFORE)
            first = block * read(team, SIZE)
            last, job = first + read(team, SIZE), read(team, JOB)
            if job == STEP:
                step(table, first, last, numbers)
            elif job == SQUARES:
                sums[block] = squares(table, first, last)
            elif not finite(table, first, last):
                add(team, WRONG, 1)
            add(team, DONE, 1)
        k = read(team, TAKEN)


class Team:
    """The threads that compute the passes over the arrays of one table.

    Parameters
    ----------
    compiled : callable
        ``compiled(text)`` compiles `lead` and `assist`.
    table, numbers : array
        Their arguments, as those of `step_by_address.step`.
    sums : array of float64
        Memory for the sum of squares of each block.
    """

    def __init__(self, compiled, table, numbers, sums):
        self.team, self.lead = apart(WORDS, np.int64), compiled(lead)
        self.sums, self.arguments = sums, (self.team, table, numbers, sums)
        self.assist = functools.partial(compiled(assist), *self.arguments)
        self.assist(0)  # compiled here, not in another thread
        self.assistants, self.pool = [], None

    def are_here(self):
        """Return True if other threads are waiting for a pass, or computing one."""
        return any(one.called for one in self.assistants)

    def run(self, job, size, total, threads):
        """Compute a pass over `total` elements, in blocks of `size`."""
        with DelayedInterrupts():
            pool = thread_pool.assistants()
            pool.grow(threads - 1)
            if self.pool is not pool:  # also in a forked child, perhaps from the midst of a pass
                self.pool, self.assistants = pool, []
                self.team[:] = 0
            while len(self.assistants) < threads - 1:
                self.assistants.append(Assistant(self.assist, self.team))
            for one in self.assistants[: threads - 1]:
                one.call(pool)
            self.lead(*self.arguments, job, size, -(-total // size))

    def is_wrong(self):
        """Return True if a gradient of the last pass is not finite."""
        return self.team[WRONG] > 0


class Assistant:
    """A thread that computes blocks as long as there are some; nobody waits for it to come."""

    def __init__(self, work, team):
        self.work, self.team, self.called = work, team, False

    def call(self, pool):
        """Ask a pool for a thread, unless one is here."""
        if not self.called:
            self.called = True
            pool.tasks.put(self)

    def run(self):
        """Work until there are no blocks, even if some come while the thread leaves."""
        while True:
            self.work(WAIT)
            self.called = False
            if self.team[TAKEN] >= self.team[THERE]:
                return
            self.called = True


# Bindings of placeholders.
BINDINGS = atomics.BINDINGS
