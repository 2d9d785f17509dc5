"""A batch in parts, each solved by a worker of an executor: processes, Dask, MPI."""

import functools
import math
import os
import pathlib
import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait

import numpy as np

from fastopt.algorithms.status_codes import MAXTIME, NOT_RUN, STOPPED
from fastopt.arrays import arguments, data_rows
from fastopt.compiling.compiler import dumps, loads, thread_limit
from fastopt.drivers import local_batch

PARTS = 8  # parts per worker: with several parts each, no worker is idle for long at the end
LARGEST = 32e6  # bytes sent with one part, at most
GRACE = 0.5  # seconds to wait for running parts when the batch is stopped


class ExecutorScheduler:
    """Submit the parts of a batch to an executor; `local_batch.run_until_done` waits for them.

    Parameters
    ----------
    batch, results
        As for `local_batch.scheduler`.
    work : `local_batch.Search` or `fit_batch.Fits`
        The task of each problem.
    executor
        Any object with the `submit` of `concurrent.futures.Executor`.
    """

    def __init__(self, batch, work, executor, results):
        self.batch, self.executor, self.results = batch, executor, results
        self.task = task_of(work, batch.problem_data.args)
        places = worker_count(executor)
        size = min(
            math.ceil(batch.problems / (PARTS * places)),
            int(LARGEST // bytes_per_problem(batch, results)),
        )
        self.size, self.most = max(1, size), 2 * places
        firsts, left = range(0, batch.problems, self.size), results.status == NOT_RUN
        self.cuts = iter([first for first in firsts if left[first : first + self.size].any()])
        self.threads = max(1, thread_limit() // places) if is_local_pool(executor) else 1
        self.until = time.time() + batch.settings.maxtime
        self.futures, self.failure, self.executor_error, self.errors = {}, None, "", {}
        # Running parts cannot be cancelled. Local workers stop when this file disappears.
        self.stop_file = None

    def submit_parts(self):
        """Keep the executor busy, without sending everything at once."""
        while len(self.futures) < self.most and not self.executor_error:
            first = next(self.cuts, None)
            if first is None:
                return
            last = min(first + self.size, self.batch.problems)
            part = dumps(
                slice_batch(self.batch, first, last), f"the data of problems {first} to {last}"
            )
            try:
                call = self.task, part, self.threads, self.until, self.stop_file
                future = self.executor.submit(solve_part, *call)
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
        """Note that the executor fails: send no more parts, but keep the results that arrive."""
        self.executor_error = f"{type(error).__name__}: {error}".rstrip(": ")

    def wait(self, seconds):
        """Wait at most `seconds` for a part; return True if all parts are done.

        Here and in `stop`, `local_batch.run_until_done` holds Ctrl-C back: the executor may hold
        locks.
        """
        self.submit_parts()
        ended = wait(list(self.futures), seconds, return_when=FIRST_COMPLETED).done
        for future in ended:
            self.collect(future)
        self.submit_parts()
        if not self.futures:
            self.signal_stop()
        return not self.futures

    def signal_stop(self):
        """Tell local workers to stop, by deleting the file that they watch."""
        if self.stop_file:
            pathlib.Path(self.stop_file).unlink(missing_ok=True)

    def collect(self, future):
        first, last = self.futures.pop(future)
        try:
            arrays, errors = future.result()
        except BaseException as broken:  # from the executor: exceptions of fun are returned
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
        """Start, or go on after `pause`, which stops nothing."""
        if self.stop_file is None and is_local_pool(self.executor):
            self.stop_file = new_file()

    def pause(self):
        """Return no states: unfinished parts start again after a crash."""
        return []

    def stop(self, status):
        """Cancel the parts that wait, and collect the running ones of local workers.

        At maxtime all workers stop by themselves.
        """
        for future in list(self.futures):
            if future.cancel():
                del self.futures[future]
        self.cuts = iter(())
        if status != MAXTIME:
            self.signal_stop()
        if self.stop_file or status == MAXTIME:
            for future in wait(list(self.futures), GRACE).done:
                self.collect(future)
        self.signal_stop()
        self.futures.clear()
        self.results.status[self.results.status == STOPPED] = int(status)


def new_file():
    """Return the path of a new, empty file."""
    number, path = tempfile.mkstemp(prefix="fastopt-")
    os.close(number)
    return path


def task_of(work, args):
    """Return what all parts share, pickled."""
    shared = dumps(args, "args")
    return dumps(work, "fun"), shared


@functools.lru_cache(8)
def task_from(task):
    """Unpickle a task in a worker; cached, so that nothing is compiled twice."""
    work, args = map(loads, task)
    return work, arguments.ready(args)


def solve_part(task, part, threads, until, stop_file):
    """Solve one part in a worker; return (arrays, exceptions of fun by number in the part)."""
    work, args = task_from(task)
    batch = loads(part)
    problem_data = batch.problem_data._replace(args=args)
    settings = batch.settings._replace(maxtime=max(0.0, until - time.time()), disp=False)
    batch = batch._replace(settings=settings, problem_data=problem_data)
    results = work.empty(batch)
    scheduler = work.scheduler(batch, threads, results)
    local_batch.run_until_done(
        scheduler, batch, lambda *_: stop_file and not os.path.exists(stop_file)
    )
    return tuple(results), {b: portable(error) for b, error in scheduler.errors.items()}


def portable(error):
    """Return an exception that can be pickled: itself, or a RuntimeError with its message."""
    try:
        loads(dumps(error, "an exception"))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def slice_batch(batch, first, last):
    """Return the batch of problems `first` to `last`, without args."""

    def rows(table):
        return table[first:last] if len(table) > 1 else table

    problem_data = batch.problem_data
    problem_data = problem_data._replace(
        args=(),
        x0=rows(problem_data.x0),
        low=rows(problem_data.low),
        high=rows(problem_data.high),
        fields=tuple(data_rows.slice_rows(field, first, last) for field in problem_data.fields),
        **{
            name: (getattr(problem_data, name)[0], rows(getattr(problem_data, name)[1]))
            for name in ("limits", "options", "schedule")
        },
    )
    return batch._replace(problems=last - first, problem_data=problem_data)


def bytes_per_problem(batch, results):
    """Return the bytes sent for one problem, there and back."""
    fields = (
        field.flat if hasattr(field, "starts") else field for field in batch.problem_data.fields
    )
    arrays = batch.problem_data.x0, *fields, *results
    return 1 + sum(array.nbytes for array in arrays) / batch.problems


def is_local_pool(executor):
    """Return True if the executor's workers share this machine's processors."""
    return hasattr(executor, "_max_workers")


def worker_count(executor):
    """Return the number of parts that the executor can run at a time."""
    client = getattr(executor, "_client", None)  # Dask's ClientExecutor has one
    if client is not None:
        return max(1, sum(client.nthreads().values()))
    number = getattr(executor, "_max_workers", None) or getattr(executor, "num_workers", None)
    return max(1, number or os.cpu_count() or 1)
