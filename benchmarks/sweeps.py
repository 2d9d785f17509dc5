"""One step of each rule over whole arrays, in place.

The limit is the stream of limits.c: a pass that reads and writes as many arrays, 3 words an element
and 2 more for each array of state, on as many threads, in a process of its own. It has no root and
no division, which cost more than the traffic of arrays that lie in the caches. "serial" is one
thread, "parallel" what fastopt takes by itself, where it takes several.
"""

import functools
import os

import numba
import numpy as np

from . import limits
from .work import METHODS, Sweep, median, over, per_call

DTYPES = ("float32", "float64")
SIZES = tuple(10**k for k in range(2, 9))
LARGE = 10_000_000  # elements from which on a pass is slow enough to be timed by itself


def memory():
    """Bytes of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class Steps:
    """A step for each combination, those that make no sense here left out."""

    params = (METHODS, DTYPES, SIZES, ("serial", "parallel"))
    param_names = ("method", "dtype", "n", "threads")
    timeout = 120

    def setup(self, method, dtype, n, threads):
        parallel = threads == "parallel"
        self.threads = numba.get_num_threads() if parallel else 1
        if parallel and (self.threads < 2 or n < 1_000_000):
            raise NotImplementedError("one thread is used")
        if 2 * 5 * n * np.dtype(dtype).itemsize > memory() // 2:  # ours and the limit's
            raise NotImplementedError("not enough memory")
        self.sweep = Sweep(method, n, dtype)

    def step(self):
        self.sweep(None if self.threads > 1 else 1)

    def seconds(self):
        """Of a step."""
        if self.sweep.x.size < LARGE:
            return per_call(self.step)
        return median(self.step, 3)


class TrackElement(Steps):
    """Nanoseconds an element; of small arrays, mostly what a call costs."""

    unit = "ns"

    def track_element(self, method, dtype, n, threads):
        return self.seconds() / n * 1e9


class TrackOverStream(Steps):
    """Time over the streaming limit's; 1 is perfect."""

    unit = "times the limit"

    def setup(self, method, dtype, n, threads):
        limits.needed()
        super().setup(method, dtype, n, threads)

    def track_over_stream(self, method, dtype, n, threads):
        def stream():
            return limits.stream(dtype, self.sweep.slots, n, self.threads)

        return over(self.seconds, stream, 3)


class TrackCall:
    """Nanoseconds of a call of the kernel from Python, 1,000 elements; at most 2,000 is wanted."""

    params = (METHODS, DTYPES)
    param_names = ("method", "dtype")
    unit = "ns"

    def setup(self, method, dtype):
        self.sweep = Sweep(method, 1_000, dtype)

    def track_call(self, method, dtype):
        return per_call(self.sweep.bare) * 1e9


class TrackThreads:
    """RMSProp on two threads over one: where it falls below 1 is `cpu.PARALLEL_FROM`."""

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
