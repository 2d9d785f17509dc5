"""Benchmarks on a GPU, timed with the device's own events; n/a without one.

The limit of a sweep is a copy of the same number of bytes within the device. That of a batch is
the CPU with all its cores, that of `minimize` the user's function alone. `python
benchmarks/gpu_report.py` makes a whole report. In Numba's simulator sizes are tiny and figures are
no measurements.
"""

import functools

import numpy as np

import fastopt

from .helpers.shared import METHODS, known, over

DTYPES = ("float32", "float64")


def place():
    """Return a `Place` and sizes for it; raise NotImplementedError with the reason if no GPU."""
    try:
        from fastopt.targets.dispatch import why_not_cuda

        from .gpu_parts import plan, sweeps
    except ImportError as error:
        raise NotImplementedError(str(error)) from error
    reason = why_not_cuda()
    if reason:
        raise NotImplementedError(reason)
    here = sweeps.Place()
    return here, plan.SIMULATED if here.simulated else plan.How()


class Sweeps:
    """A step of a rule over arrays on the device."""

    params = (METHODS, DTYPES)
    param_names = ("method", "dtype")
    timeout = 120

    def setup(self, method, dtype):
        self.place, self.how = place()
        known(method)
        from .gpu_parts.sweeps import Rule

        self.rule = Rule(method)
        self.x, self.g, state = self.rule.item(self.pool(dtype))
        c = np.array(self.rule.c, dtype)
        sweep = self.place.target.sweep
        self.step = functools.partial(
            *(sweep, self.rule.rule, self.rule.uses, self.x, self.g, c, state)
        )
        self.step()

    def pool(self, dtype):
        return self.place.pool(self.rule.count(), self.how.elements, dtype)


class TrackSweep(Sweeps):
    """100 million elements: nanoseconds an element, and time over that of a copy of the bytes."""

    def seconds(self):
        return self.place.clock.device(self.step)["median"]

    def copy(self):
        """Return the seconds of copying the bytes that a step reads and writes."""
        if self.place.simulated:
            job = functools.partial(np.copyto, self.g, self.x)
        else:
            stream = self.place.cuda.default_stream()
            job = functools.partial(self.g.copy_to_device, self.x, stream)
        share = self.rule.bytes(self.x.size, self.x.dtype) / (2 * self.x.nbytes)
        return self.place.clock.device(job)["median"] * share

    def track_element(self, method, dtype):
        return self.seconds() / self.x.size * 1e9

    track_element.unit = "ns"

    def track_over_copy(self, method, dtype):
        return over(self.seconds, self.copy, 3)

    track_over_copy.unit = "times a copy"


class TrackCall(Sweeps):
    """1,000 elements: microseconds of the device behind a queue, and of a call with its wait."""

    unit = "µs"

    def pool(self, dtype):
        return self.place.pool(self.rule.count(), self.how.small, dtype)

    def track_device(self, method, dtype):
        return self.place.clock.queued(self.step)["median"] * 1e6

    def track_call(self, method, dtype):
        inner = 1 if self.place.simulated else 300
        return self.place.clock.wall(self.step, 9, inner)["median"] * 1e6


class TrackBatch:
    """A million decay fits in the device's memory: nanoseconds a fit, and time over the CPU's.

    The CPU uses all cores and adds up its sums in any order too. Transfers are not included.
    """

    params = DTYPES
    param_names = ("dtype",)
    timeout = 300

    def setup(self, dtype):
        self.place, how = place()
        import numba

        from .gpu_parts import jobs

        self.job = jobs.decays(how.problems).cast(dtype)
        self.host = self.job._replace(fun=numba.njit(fastmath=True)(jobs.decay))
        self.y = self.place.cuda.to_device(self.job.y)
        self.here()
        self.cpu()

    def here(self):
        from .gpu_parts.batches import solve

        solve(self.job, y=self.y)

    def cpu(self):
        from .gpu_parts.batches import clock, solve

        return clock(lambda: solve(self.host, "cpu"), 1)[0]["median"]

    def seconds(self):
        return self.place.clock.device(self.here, 3, 1)["median"]

    def track_fit(self, dtype):
        return self.seconds() / len(self.job.y) * 1e9

    track_fit.unit = "ns"

    def track_over_cpu(self, dtype):
        return over(self.seconds, self.cpu, 3)

    track_over_cpu.unit = "times the CPU"


class TrackMinimize:
    """Time of an evaluation of `minimize` on device arrays over the user's function alone."""

    params = (1_000, 1_000_000)
    param_names = ("n",)
    unit = "times fun"
    timeout = 120

    def setup(self, n):
        self.place, how = place()
        from .gpu_parts.single import Numbas

        simulated = self.place.simulated
        threads, n = (64, how.sizes[0]) if simulated else (256, n)
        self.fun = Numbas(n, np.dtype("float64"), threads)
        self.x, self.inner = self.fun.start(), 1 if simulated else 50
        self.options = {"maxfev": how.evaluations, "gtol": 0.0, "ftol": 0.0}
        self.nfev = self.solve().nfev

    def solve(self):
        return fastopt.minimize(self.fun, self.fun.start(), jac=True, options=self.options)

    def ours(self):
        return self.place.clock.device(self.solve, 3, 1)["median"] / self.nfev

    def alone(self):
        job = functools.partial(self.fun, self.x)
        return self.place.clock.device(job, 5, self.inner)["median"]

    def track_over_fun(self, n):
        return over(self.ours, self.alone, 3)
