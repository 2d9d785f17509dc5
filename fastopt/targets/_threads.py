"""Threads: for the sweeps over large arrays, and for batches of problems."""

import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np

from fastopt import _feed
from fastopt._compile import jit
from fastopt._run import Failed
from fastopt._status import INTERRUPTED, NOT_RUN
from fastopt.targets import _rows

OWN = {name: getattr(_rows, name) for name in ("add", "enter", "named", "rows")}


@functools.cache
def pool():
    """Plain threads over kernels that release the GIL.

    No second OpenMP runtime beside PyTorch's, one binary for any number of threads, safe to fork.
    """
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="fastopt")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.cache_clear)  # threads do not survive a fork


class Crew:
    """Threads that solve a batch, each taking the next problem when it is done with one.

    Parameters
    ----------
    problems : list of Problem
        One a thread, compiled; their arrays are the threads' own.
    bounded : bool
    given, results
        See `fastopt._feed`.
    begun : list of (int, dict)
        Problems to go on with, by number, and how far they are (`Problem.snapshot`): as many as
        there are threads; others begin anew.
    """

    def __init__(self, problems, bounded, given, results, begun=()):
        self.control, self.failure = np.zeros(_feed.CONTROL, np.int64), None
        self.problems, self.results, self.futures = problems, results, []
        self.work, self.calls = [], []
        entry = _rows.Entry(problems[0].solve, problems[0].arguments((0.0, 0.0)))
        for p in problems:
            at = np.full(1, -1)
            work = _feed.Work(p.record, p.x, p.moving, p.still, p.shaped, p.state, at)
            rest = p.fixed[-1][1:]
            rooms = tuple(map(room, given.fields))
            share = 8 * len(problems)
            self.calls.append((entry, self.control, share, work, given, rest, rooms, results))
            self.work.append(work)
        self.feed = jit(_feed.feed, {**OWN, "BOUNDED": bounded}, problems[0].objective.counted)
        self.control[_feed.STOP] = 1
        self.feed(np.empty(0, np.intp), *self.calls[0])  # compiles, once
        for problem, work, (b, state) in zip(problems, self.work, begun, strict=False):
            problem.restore(**state)
            work.at[0], results.status[b] = b, int(INTERRUPTED)
            if bounded:
                at = _feed.row_of(given.low, b)
                work.still[0][:], work.still[1][:] = given.low[at], given.high[at]
        self.start()

    def start(self):
        """Set the threads to work, on what they have begun and on all that has not run."""
        if self.failed():
            return
        todo = np.flatnonzero(self.results.status == NOT_RUN)
        begun = sum(work.at[0] >= 0 for work in self.work)
        self.before = self.results.status.size - todo.size - begun
        self.control[[_feed.NEXT, _feed.DONE, _feed.STOP]] = 0
        self.futures = [pool().submit(self.feed, todo, *call) for call in self.calls]
        # The clock of the threads, which the main thread, in a callback perhaps, does not stop.
        threading.Thread(target=self.beat, name="fastopt-clock", daemon=True).start()

    def pause(self):
        """Stop; the problems under way and how far they are, as `begun` above."""
        self.stop(INTERRUPTED)
        failed, begun = self.failed(), []
        for problem, work in zip(self.problems, self.work, strict=True):
            b = int(work.at[0])
            if b >= 0 and b not in failed:
                begun.append((b, {k: a.copy() for k, a in problem.snapshot().items()}))
        return begun

    def failed(self):
        """What fun has raised in threads that have ended, by the number of the problem."""
        ended = [(f, w) for f, w in zip(self.futures, self.work, strict=False) if f.done()]
        errors = {int(w.at[0]): f.exception() for f, w in ended if not f.cancelled()}
        return {b: error for b, error in errors.items() if error is not None}

    def beat(self):
        while wait(self.futures, _feed.BEAT).not_done:
            self.control[_feed.TICK] += 1

    def wait(self, seconds):
        """Whether all is done, after so many seconds at most."""
        busy = wait(self.futures, seconds, return_when="FIRST_EXCEPTION").not_done
        for b, error in self.failed().items():
            self.failure = Failed(error, b)
        return not busy

    @property
    def done(self):
        """Number of problems solved."""
        return self.before + int(self.control[_feed.DONE])

    def stop(self, status):
        """End it: problems under way get this status. Returns when all threads have stopped."""
        self.control[_feed.STOP] = int(status)
        for future in self.futures:
            future.cancel()  # where the pool is busy with another batch
        wait(self.futures)


def room(field):
    """Room for a row whose elements do not lie together."""
    if isinstance(field, np.ndarray) and field.ndim > 1 and not field.flags.c_contiguous:
        return np.empty(field.shape[1:], field.dtype)
    return ()
