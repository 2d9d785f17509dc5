"""One step over large arrays in blocks, which the caller computes, and other threads that come.

A thread that sleeps comes after some tens of microseconds, and none waits for it. Each thread has a
share of the blocks, the same in every step, since its cache still has some of them. It then takes
blocks of the others' shares. It stays for a moment after a step, in case another one follows.
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

# Indices in `team`, whose numbers of blocks count from the beginning: those that are done, and all.
# Then come the job, the elements of a block, the number of shares, and the number of blocks whose
# gradients are not finite. Each share has a cache line with the numbers of blocks that are taken
# and that there are, and with what is added to such a number to get that of the block.
DONE, ALL, JOB, SIZE, SHARES, WRONG, FIRST = 0, 16, 17, 18, 19, 32, 48
TAKEN, THERE, OFFSET, LINE = 0, 1, 2, 16
STEP, FINITE, SQUARES = range(3)  # jobs
# Bytes of a pass from which on threads share it: those that have to be called, and those that are
# still here. Measured on two threads with RMSProp over float32, one step after another
# (benchmarks/sweeps.py, TrackSharedSteps). At 200,000 elements, 2.4 MB, they take as long as one
# thread, at 400,000 70 us for 90, and at 1,000,000 145 us for 222.
BYTES_TO_CALL, BYTES_IF_HERE = 5_000_000, 3_000_000
WAIT = 100  # how often a thread without a block gives way to others before it leaves


@separate
def lead(team, table, numbers, sums, job, size, blocks):
    """Compute all blocks of a pass, with the threads that come; return when all are done."""
    team[JOB], team[SIZE], team[WRONG], shares = job, size, 0, team[SHARES]
    add(team, ALL, blocks)
    for k in range(shares):
        share, first = FIRST + LINE * k, blocks * k // shares
        team[share + OFFSET] = first - read(team, share + THERE)
        add(team, share + THERE, blocks * (k + 1) // shares - first)
    take_blocks(team, table, numbers, sums, 0)
    while read(team, DONE) < read(team, ALL):
        give_way()


@separate
def assist(team, table, numbers, sums, me):
    """Compute blocks of one pass after another, until there has been none for a while."""
    idle = 0
    while idle < WAIT:
        idle = 0 if take_blocks(team, table, numbers, sums, me) > 0 else idle + 1
        give_way()


@separate
def take_blocks(team, table, numbers, sums, me):
    """Compute blocks of my share, then of the others', until all are taken; return how many."""
    mine = 0
    for k in range(team[SHARES]):
        share = FIRST + LINE * ((me + k) % team[SHARES])
        taken = read(team, share + TAKEN)
        while taken < read(team, share + THERE):
            if exchange(team, share + TAKEN, taken, taken + 1):
                compute(team, table, numbers, sums, taken + read(team, share + OFFSET))
                mine += 1
            taken = read(team, share + TAKEN)
    return mine


@separate
def compute(team, table, numbers, sums, block):
    """Do the job of the pass for a block."""
    job, size = read(team, JOB), read(team, SIZE)
    first, last = block * size, (block + 1) * size
    if job == STEP:
        step(table, first, last, numbers)
    elif job == SQUARES:
        sums[block] = squares(table, first, last)
    elif not finite(table, first, last):
        add(team, WRONG, 1)
    add(team, DONE, 1)


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
    threads : int
        The most threads that there can be.
    """

    def __init__(self, compiled, table, numbers, sums, threads):
        self.team, self.lead = apart(FIRST + LINE * threads, np.int64), compiled(lead)
        self.team[SHARES] = threads
        self.sums, self.arguments = sums, (self.team, table, numbers, sums)
        assistance = functools.partial(compiled(assist), *self.arguments)
        assistance(0)  # compiled here, not in another thread; there is nothing to do
        self.assistants = [Assistant(assistance, k) for k in range(1, threads)]

    def are_here(self):
        """Return True if other threads are waiting for a pass, or computing one."""
        return any(one.called for one in self.assistants)

    def run(self, job, size, total, threads):
        """Compute a pass over `total` elements, in blocks of `size`."""
        with DelayedInterrupts():
            pool = thread_pool.assistants()
            pool.grow(threads - 1)
            for one in self.assistants[: threads - 1]:
                one.call(pool)
            self.lead(*self.arguments, job, size, -(-total // size))

    def is_wrong(self):
        """Return True if a gradient of the last pass is not finite."""
        return self.team[WRONG] > 0


class Assistant:
    """A thread that computes blocks as long as there are some; nobody waits for it to come."""

    def __init__(self, work, number):
        self.work, self.number, self.called, self.pool = work, number, False, None

    def call(self, pool):
        """Ask a pool for a thread, unless one is here; a forked child has another pool."""
        if not self.called or self.pool is not pool:
            self.called, self.pool = True, pool
            pool.tasks.put(self)

    def run(self):
        try:
            self.work(self.number)
        finally:
            self.called = False


# Bindings of placeholders.
BINDINGS = atomics.BINDINGS
