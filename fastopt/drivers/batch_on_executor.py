"""A batch in parts, each solved by a worker of an executor: processes, Dask, MPI."""

import functools
import math
import os
import pathlib
import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait

import numpy as np

from fastopt import rules
from fastopt.arrays import arguments, data_rows
from fastopt.compiling.compiler import dumps, loads, thread_limit
from fastopt.drivers import local_batch
from fastopt.solver.status_codes import MAXTIME, NOT_RUN, STOPPED

PARTS = 8  # for each place at which work is done, so that none of them is idle for long
LARGEST = 32e6  # bytes sent with one part
GRACE = 0.5  # seconds for parts under way to come in, when told to stop


class ExecutorScheduler:
    """Submit the parts of a batch to an executor; `local_batch.run_until_done` waits for them.

    Parameters
    ----------
    batch, results
        As for `local_batch.scheduler`.
    task : tuple of bytes
        What all parts share, from `task_of`.
    executor
        Any with the `submit` of `concurrent.futures.Executor`.
    """

    def __init__(self, batch, task, executor, results):
        self.batch, self.task, self.executor, self.results = batch, task, executor, results
        places = worker_count(executor)
        size = min(math.ceil(batch.problems / (PARTS * places)), int(LARGEST // weight(batch)))
        self.size, self.most = max(1, size), 2 * places
        firsts, left = range(0, batch.problems, self.size), results.status == NOT_RUN
        self.cuts = iter([first for first in firsts if left[first : first + self.size].any()])
        self.threads = max(1, thread_limit() // places) if is_here(executor) else 1
        self.until = time.time() + batch.chosen.maxtime
        self.futures, self.failure, self.executor_error, self.errors = {}, None, "", {}
        # What has begun cannot be taken back: workers on this machine look whether this is there.
        self.flag = None

    def submit_parts(self):
        """Keep the executor busy, without sending everything at once."""
        while len(self.futures) < self.most and not self.executor_error:
            first = next(self.cuts, None)
            if first is None:
                return
            last = min(first + self.size, self.batch.problems)
            part = dumps(cut(self.batch, first, last), f"the data of problems {first} to {last}")
            try:
                call = self.task, part, self.threads, self.until, self.flag
                future = self.executor.submit(work, *call)
            except Exception as error:  # a pool that is shut down or broken
                self.fail(error)
            else:
                if not isinstance(future, Future):
                    raise TypeError(
                        f"workers gives a {type(future).__name__}, not a concurrent.futures.Future;"
                        " with Dask, give client.get_executor()"
                    )
                self.futures[future] = first, last

    def fail(self, error):
        """The executor does not work: nothing more is sent, what it still brings is kept."""
        self.executor_error = f"{type(error).__name__}: {error}".rstrip(": ")

    def wait(self, seconds):
        """Whether all is done, after so many seconds at most.

        Here and in `stop`, `local_batch.run_until_done` lets no Ctrl-C through: the executor may
        hold locks.
        """
        self.submit_parts()
        ended = wait(list(self.futures), seconds, return_when=FIRST_COMPLETED).done
        for future in ended:
            self.take(future)
        self.submit_parts()
        if not self.futures:
            self.signal_stop()
        return not self.futures

    def signal_stop(self):
        """No part need go on."""
        if self.flag:
            pathlib.Path(self.flag).unlink(missing_ok=True)

    def take(self, future):
        first, last = self.futures.pop(future)
        try:
            arrays, errors = future.result()
        except BaseException as broken:  # of the executor: those of fun are returned
            if isinstance(broken, KeyboardInterrupt):
                raise
            self.fail(broken)
            return
        self.errors.update((first + b, error) for b, error in errors.items())
        for mine, theirs in zip(self.results, arrays, strict=True):
            mine[first:last] = theirs

    @property
    def done(self):
        """Number of problems solved."""
        return int(np.count_nonzero(self.results.status != NOT_RUN))

    def start(self):
        """Begin; or go on after `pause`, for which nothing has stopped."""
        if self.flag is None and is_here(self.executor):
            self.flag = new_file()

    def pause(self):
        """No state of parts under way: they begin again after a crash."""
        return []

    def stop(self, status):
        """Take back what has not begun, and what has on this machine, as far as it is done.

        At maxtime the workers stop by themselves.
        """
        for future in list(self.futures):
            if future.cancel():
                del self.futures[future]
        self.cuts = iter(())
        if status != MAXTIME:
            self.signal_stop()
        if self.flag or status == MAXTIME:
            for future in wait(list(self.futures), GRACE).done:
                self.take(future)
        self.signal_stop()
        self.futures.clear()
        self.results.status[self.results.status == STOPPED] = int(status)


def new_file():
    """Path of an empty file."""
    number, path = tempfile.mkstemp(prefix="fastopt-")
    os.close(number)
    return path


def task_of(fun, jac, rule, args):
    """What all parts share."""
    shared = dumps(args, "args")
    return dumps((fun, jac, rule.__name__.rpartition(".")[2]), "fun"), shared


@functools.lru_cache(8)
def task_from(task):
    """In a worker: once, so that nothing is compiled twice."""
    function, args = map(loads, task)
    return *function, arguments.ready(args)


def work(task, part, threads, until, flag):
    """In a worker: solve one part; (arrays, what fun raised, by the number in the part)."""
    from fastopt.targets.cpu import target as cpu

    fun, jac, name, args = task_from(task)
    batch = loads(part)
    given = batch.given._replace(args=args)
    chosen = batch.chosen._replace(maxtime=max(0.0, until - time.time()), disp=False)
    batch, results = batch._replace(chosen=chosen, given=given), local_batch.empty(batch)
    first = local_batch.compiled_template(batch, fun, jac, rules.get(name), cpu)
    scheduler = local_batch.scheduler(batch, first, rules.get(name), cpu, threads, results)
    local_batch.run_until_done(scheduler, batch, lambda *_: flag and not os.path.exists(flag))
    return tuple(results), {b: portable(error) for b, error in scheduler.errors.items()}


def portable(error):
    """Return an exception that can be sent: itself, or what it says."""
    try:
        loads(dumps(error, "an exception"))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def cut(batch, first, last):
    """Some of the problems."""

    def rows(table):
        return table[first:last] if len(table) > 1 else table

    given = batch.given
    given = given._replace(
        args=(),
        x0=rows(given.x0),
        low=rows(given.low),
        high=rows(given.high),
        fields=tuple(data_rows.cut(field, first, last) for field in given.fields),
        **{
            name: (getattr(given, name)[0], rows(getattr(given, name)[1]))
            for name in ("limits", "options", "schedule")
        },
    )
    return batch._replace(problems=last - first, given=given)


def weight(batch):
    """Bytes that a problem takes on its way."""
    fields = (field.flat if hasattr(field, "starts") else field for field in batch.given.fields)
    sent = sum(array.nbytes for array in (batch.given.x0, *fields)) / batch.problems
    return 1 + sent + 32 * math.prod(batch.shape)


def is_here(executor):
    """Whether its workers share this machine's processors."""
    return hasattr(executor, "_max_workers")


def worker_count(executor):
    """How many parts can be worked on at a time."""
    client = getattr(executor, "_client", None)  # of Dask's ClientExecutor
    if client is not None:
        return max(1, sum(client.nthreads().values()))
    number = getattr(executor, "_max_workers", None) or getattr(executor, "num_workers", None)
    return max(1, number or os.cpu_count() or 1)
