"""Seconds of work on a device: by its own events, or by the wall clock with a wait at the end."""

import statistics
import time

import numpy as np


def spread(seconds):
    """Return median, least and most as a dict."""
    seconds = sorted(seconds)
    return {"median": statistics.median(seconds), "low": seconds[0], "high": seconds[-1]}


def spin(out, turns):
    """Keep the device busy."""
    for _ in range(turns):
        out[0] = out[0] * 0.5 + 1.0


class Clock:
    """Clocks of a device; in Numba's simulator, whose events have no times, the wall clock.

    Parameters
    ----------
    cuda
        The module of numba-cuda.
    """

    def __init__(self, cuda):
        self.cuda, self.simulated = cuda, "simulator" in cuda.jit.__module__
        self.spin, self.turns = cuda.jit(spin), 0
        self.out = cuda.to_device(np.zeros(1))

    def wall(self, job, repeats=5, inner=1):
        """Return the seconds of ``job()``, from `inner` calls and a wait for the device."""
        job()
        times = []
        for _ in range(repeats):
            self.cuda.synchronize()
            began = time.perf_counter()
            for _ in range(inner):
                job()
            self.cuda.synchronize()
            times.append((time.perf_counter() - began) / inner)
        return spread(times)

    def device(self, job, repeats=7, inner=10):
        """Return seconds of the device between two events, for work longer than its launches."""
        if self.simulated:
            return self.wall(job, 1, 1)
        job()
        times, first, last = [], self.cuda.event(), self.cuda.event()
        for _ in range(repeats):
            first.record()
            for _ in range(inner):
                job()
            last.record()
            last.synchronize()
            times.append(first.elapsed_time(last) * 1e-3 / inner)
        return spread(times)

    def queued(self, job, repeats=7, inner=200):
        """Return the same for shorter work, which is queued behind a long kernel first."""
        if self.simulated:
            return self.wall(job, 1, 1)
        job()
        if not self.turns:
            self.turns = int(0.03 / self.busy(1_000_000) * 1_000_000)
        times, first, last = [], self.cuda.event(), self.cuda.event()
        for _ in range(5 * repeats):
            self.spin[1, 1](self.out, self.turns)
            first.record()
            for _ in range(inner):
                job()
            last.record()
            if first.query():  # the device was idle before all was sent
                self.turns *= 2
                self.cuda.synchronize()
                continue
            last.synchronize()
            times.append(first.elapsed_time(last) * 1e-3 / inner)
            if len(times) == repeats:
                return spread(times)
        raise RuntimeError("launches take longer than the kernel that they are to wait behind")

    def busy(self, turns):
        """Return the seconds of `turns` turns of `spin`."""
        first, last = self.cuda.event(), self.cuda.event()
        for _ in range(2):
            first.record()
            self.spin[1, 1](self.out, turns)
            last.record()
            last.synchronize()
        return first.elapsed_time(last) * 1e-3
