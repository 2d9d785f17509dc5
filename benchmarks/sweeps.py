"""One step of each rule over whole arrays, in place.

The limit is the stream of limits.c: a pass that reads and writes the same number of arrays. These
are 3 words an element and 2 more for each array of state. It uses the same number of threads, in
its own process. It has no root and no division, which cost more than the traffic of cached arrays.
"""

import functools
import math
import os
import statistics
import time

import numba
import numpy as np

import fastopt

from .helpers import limits
from .helpers.shared import METHODS, Sweep, clock, median, over, per_call

DTYPES = ("float32", "float64")
SIZES = tuple(10**k for k in range(2, 9))
LARGE = 10_000_000  # elements above which a single pass is slow enough to be timed


def memory():
    """Return the memory of this machine in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class TrackSerial:
    """A step on one thread: nanoseconds an element, and time over the limit's; 1 is perfect.

    For small arrays it is mostly the overhead of a call.
    """

    params = (METHODS, DTYPES, SIZES)
    param_names = ("method", "dtype", "n")
    timeout = 120
    threads = 1

    def setup(self, method, dtype, n):
        if 2 * 5 * n * np.dtype(dtype).itemsize > memory() // 2:  # ours and the limit's
            raise NotImplementedError("not enough memory")
        self.sweep = Sweep(method, n, dtype)

    def seconds(self):
        """Return the seconds of a step."""
        step = functools.partial(self.sweep, self.threads)
        return per_call(step) if self.sweep.x.size < LARGE else median(step, 3)

    def track_element(self, method, dtype, n):
        return self.seconds() / n * 1e9

    track_element.unit = "ns"

    def track_over_stream(self, method, dtype, n):
        if limits.program() is None:
            return math.nan
        threads = self.threads or numba.get_num_threads()
        return over(self.seconds, lambda: limits.stream(dtype, self.sweep.slots, n, threads), 3)

    track_over_stream.unit = "times the limit"


class TrackParallel(TrackSerial):
    """A step on the number of threads that fastopt chooses, over the limit on all threads."""

    params = (METHODS, DTYPES, SIZES[-3:])
    threads = None

    def setup(self, method, dtype, n):
        if numba.get_num_threads() < 2:
            raise NotImplementedError("one processor only")
        super().setup(method, dtype, n)


class TrackCall:
    """Nanoseconds of a call of the kernel from Python, 1,000 elements; the goal is 2,000."""

    params = (METHODS, DTYPES)
    param_names = ("method", "dtype")
    unit = "ns"

    def setup(self, method, dtype):
        self.sweep = Sweep(method, 1_000, dtype)

    def track_call(self, method, dtype):
        return per_call(self.sweep.bare) * 1e9


class TrackThreads:
    """RMSProp on two threads over one; `cpu.BYTES_PER_THREAD` is the size at which it is 1."""

    params = (100_000, 300_000, 1_000_000, 3_000_000)
    param_names = ("n",)
    unit = "times one thread"

    def setup(self, n):
        if numba.config.NUMBA_NUM_THREADS < 2:
            raise NotImplementedError("one processor only")
        self.sweep = Sweep("rmsprop", n, "float32")

    def track_two_over_one(self, n):
        two, one = functools.partial(self.sweep, 2), functools.partial(self.sweep, 1)
        return over(lambda: per_call(two), lambda: per_call(one))


class TrackSharedSteps:
    """A step of an optimizer object that threads share, over one on a single thread.

    After a pause the other threads sleep, and the step begins without them.
    """

    params = ((400_000, 1_000_000, 4_000_000), (0.0, 2.0))
    param_names = ("float32 elements", "pause before each step, ms")
    unit = "times one thread"

    def setup(self, n, pause):
        if numba.config.NUMBA_NUM_THREADS < 2:
            raise NotImplementedError("one processor only")
        self.x, self.g = np.ones(n, np.float32), np.full(n, 0.1, np.float32)
        self.numbers = numba.get_num_threads()

    def teardown(self, n, pause):
        numba.set_num_threads(self.numbers)

    def seconds(self, threads, pause):
        """Return the median seconds of a step."""
        numba.set_num_threads(threads)
        step, found = fastopt.RMSProp(1e-3, on_nonfinite="propagate").step, []
        for _ in range(100):
            time.sleep(pause * 1e-3)
            found.append(clock(lambda: step(self.x, self.g)))
        return statistics.median(found)

    def track_two_over_one(self, n, pause):
        two, one = (functools.partial(self.seconds, threads, pause) for threads in (2, 1))
        return over(two, one)
