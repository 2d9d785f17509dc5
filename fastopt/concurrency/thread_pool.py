"""Plain threads over kernels that release the GIL, which no signal can leave locked.

Python runs signal handlers in the main thread, between any two instructions. The locks of
`threading` and `concurrent.futures` are acquired by Python code. A KeyboardInterrupt there leaves
them locked for the rest of the process. Here `_thread` starts the threads, which communicate
through locks and queues written in C.
"""

import _thread
import contextlib
import os
import queue
import time

from fastopt.concurrency import time_slices
from fastopt.concurrency.delayed_interrupts import DelayedInterrupts


class _Task:
    """A call for a thread of the pool."""

    def __init__(self, function, arguments):
        self.function, self.arguments = function, arguments
        self.taken, self.news = _thread.allocate_lock(), _thread.allocate_lock()
        self.news.acquire()
        self.ended, self.result, self.error = False, None, None

    def run(self):
        if not self.taken.acquire(blocking=False):  # it was queued a second time
            return
        try:
            self.result = self.function(*self.arguments)
        except BaseException as error:
            self.error = error
        self.ended = True
        self.news.release()

    def wait(self):
        while not self.ended:
            self.news.acquire(timeout=time_slices.CHECK_INTERVAL)


class _Pool:
    """Threads that wait for tasks: at most one per processor."""

    def __init__(self):
        self.tasks: queue.SimpleQueue = queue.SimpleQueue()
        self.count = 0

    def grow(self, wanted):
        """Start threads, unless the system refuses: the caller can do all the work."""
        with contextlib.suppress(RuntimeError):
            while self.count < min(wanted, os.cpu_count() or 1):
                _thread.start_new_thread(_serve, (self.tasks,))
                self.count += 1


def _serve(tasks):
    while True:
        tasks.get().run()


_pool, _assistants = _Pool(), _Pool()


def _renew():
    global _pool, _assistants
    _pool, _assistants = _Pool(), _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)  # threads do not survive a fork


def assistants():
    """Return the pool of threads that nobody waits for; a forked child has another one."""
    return _assistants


def map_threads(function, calls):
    """Return ``function(*call)`` of each call: the first in this thread, the others in the pool.

    Calls that no thread of the pool has taken by then follow in this one.

    They work on memory of the caller's, so all have ended when this returns or raises. Ctrl-C waits
    until then.
    """
    with DelayedInterrupts():
        return _map_threads(function, calls)


def _map_threads(function, calls):
    first, *others = calls
    pool, tasks = _pool, [_Task(function, call) for call in others]
    pool.grow(len(tasks))
    try:
        for task in tasks:
            pool.tasks.put(task)
        results = [function(*first)]
        for task in tasks:
            task.run()  # if no thread has taken it yet
            task.wait()
    except BaseException:
        _finish(pool, tasks)
        raise
    for task in tasks:
        if task.error is not None:
            raise task.error
        results.append(task.result)
    return results


def _finish(pool, tasks):
    """Wait for all tasks, regardless of signals; the last ones may not have been queued yet."""
    while True:
        try:
            for task in tasks:
                if not task.ended:
                    pool.tasks.put(task)
            for task in tasks:
                task.wait()
            return
        except KeyboardInterrupt:
            pass


class Shift:
    """Threads that work until each has ended, and a clock that ticks during that time.

    Parameters
    ----------
    calls : list of (function, arguments)
        One per thread. Exceptions of a function are lost: it must record its errors itself.
    tick : callable
        Called every CHECK_INTERVAL seconds.
    """

    def __init__(self, calls, tick):
        self.calls, self.tick = calls, tick
        self.gate, self.news, self.over = (_thread.allocate_lock() for _ in range(3))
        self.news.acquire()
        self.over.acquire()
        self.closed, self.begun, self.running = False, 0, 0

    def start(self):
        for function, arguments in self.calls:
            _thread.start_new_thread(self._run, (function, arguments))
        _thread.start_new_thread(self._clock, ())

    def _run(self, function, arguments):
        with self.gate:
            if self.closed:
                return
            self.begun += 1
            self.running += 1
        try:
            function(*arguments)
        finally:
            with self.gate:
                self.running -= 1
            if self.ended():
                _open(self.over)
                _open(self.news)

    def _clock(self):
        while not self.over.acquire(timeout=time_slices.CHECK_INTERVAL):
            self.tick()

    def ended(self):
        """Return True if no thread is running and none will still start."""
        return self.running == 0 and (self.closed or self.begun == len(self.calls))

    def wait(self, seconds):
        """Wait for at most `seconds`, and return True if all have ended."""
        if not self.ended():
            self.news.acquire(timeout=max(0.0, min(seconds, _thread.TIMEOUT_MAX)))
        return self.ended()

    def close(self):
        """Prevent threads that have not started from starting, and wait for the others."""
        with self.gate:
            self.closed = True
        try:
            while not self.ended():
                self.news.acquire(timeout=time_slices.CHECK_INTERVAL)
                time.sleep(0)
        finally:
            _open(self.over)


def _open(lock):
    with contextlib.suppress(RuntimeError):  # it is not locked
        lock.release()
