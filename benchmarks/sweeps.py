"""Sweeps over arrays: seconds a step, and times over the in-place streaming limit."""

import numpy as np

from . import limits
from .work import Sweep, median

METHODS = ("adadelta", "adagrad", "adam", "adamax", "nadam", "rmsprop", "sgd")


class TimeSweep:
    """Seconds for one step, arguments checked and threads chosen."""

    params = (METHODS, ("float32", "float64"), (1_000, 100_000, 1_000_000, 20_000_000))
    param_names = ("method", "dtype", "n")

    def setup(self, method, dtype, n):
        self.sweep = Sweep(method, n, dtype)

    def time_step(self, method, dtype, n):
        self.sweep()


class TimeKernel:
    """Seconds for a call of the compiled kernel on 1,000 elements; at most 2 µs is wanted."""

    params = (METHODS, ("float32", "float64"))
    param_names = ("method", "dtype")

    def setup(self, method, dtype):
        self.sweep = Sweep(method, 1_000, dtype)

    def time_call(self, method, dtype):
        self.sweep.bare()


class TimeThreads:
    """Seconds for RMSProp on one thread and on two: the origin of `cpu.PARALLEL_FROM`."""

    params = ((100_000, 300_000, 1_000_000, 3_000_000), (1, 2))
    param_names = ("n", "threads")

    def setup(self, n, threads):
        self.sweep = Sweep("rmsprop", n, np.float32)

    def time_step(self, n, threads):
        self.sweep(threads)


class TrackLimit:
    """Time of RMSProp over 20 million elements over that of the stream with the same bytes."""

    params = ("float32", "float64")
    param_names = ("dtype",)
    unit = "times the limit"

    def setup(self, dtype):
        if limits.program() is None:
            raise NotImplementedError("no C compiler")
        self.sweep = Sweep("rmsprop", 20_000_000, dtype)

    def track_over_limit(self, dtype):
        limit = limits.measure()[{"float32": "stream_f32", "float64": "stream_f64"}[dtype]]
        return median(self.sweep) / limit
