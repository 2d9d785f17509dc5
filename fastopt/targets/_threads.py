"""Threads: for the sweeps over large arrays, and for batches of problems."""

import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np

from fastopt import _feed
from fastopt._compile import jit
from fastopt._run import Failed
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
    """

    def __init__(self, problems, bounded, given, results):
        self.control, self.failure = np.zeros(_feed.CONTROL, np.int64), None
        self.work, calls = [], []
        entry = _rows.Entry(problems[0].solve, problems[0].arguments((0.0, 0.0)))
        for p in problems:
            at = np.full(1, -1)
            work = _feed.Work(p.record, p.x, p.moving, p.still, p.shaped, p.state, at)
            rest = p.fixed[-1][1:]
            rooms = tuple(map(room, given.fields))
            share = 8 * len(problems)
            calls.append((entry, self.control, share, work, given, rest, rooms, results))
            self.work.append(work)
        feed = jit(
            _feed.feed, {**OWN, "BOUNDED": bounded}, bounded, True, problems[0].objective.counted
        )
        self.control[_feed.STOP] = 1
        feed(*calls[0])  # compiles, once
        self.control[_feed.STOP] = 0
        self.futures = [pool().submit(feed, *call) for call in calls]
        # The clock of the threads, which the main thread, in a callback perhaps, does not stop.
        threading.Thread(target=self.beat, name="fastopt-clock", daemon=True).start()

    def beat(self):
        while wait(self.futures, _feed.BEAT).not_done:
            self.control[_feed.TICK] += 1

    def wait(self, seconds):
        """Whether all is done, after so many seconds at most."""
        done, busy = wait(self.futures, seconds, return_when="FIRST_EXCEPTION")
        for future, work in zip(self.futures, self.work, strict=True):
            if future in done and future.exception() is not None:
                self.failure = Failed(future.exception(), int(work.at[0]))
        return not busy

    @property
    def done(self):
        """Number of problems solved."""
        return int(self.control[_feed.DONE])

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
