"""Batches of small fits: time a fit, over the limit, over two processes, and with a heavy tail."""

import subprocess
import sys
import time

import numba
import numpy as np

import fastopt

from . import fits, limits
from .work import median

PROBLEMS, START = 10_000, np.ones(3)
AUTO = {"gtol": 1e-6}
FIXED = {"learning_rate": 0.01, "maxiter": 500}
SECONDS = 3.0  # that throughput is counted for


def misfit(p, y, t):
    return np.sum((p[0] * np.exp(-p[1] * t) + p[2] - y) ** 2)


@numba.njit(fastmath=True)
def free(p, y, t):
    """The same where sums may be added up in any order, as in C with -ffast-math and in XLA."""
    s = 0.0
    for i in range(len(t)):
        s += (p[0] * np.exp(-p[1] * t[i]) + p[2] - y[i]) ** 2
    return s


def solve(t, y, options=AUTO, method="adagrad", workers=None, fun=misfit):
    """All fits; the metric of AdaGrad is the one of limits_fits.c."""
    return fastopt.minimize_batch(
        fun, START, y, (t,), method=method, options=options, workers=workers
    )


def fixed(t, y, fun=misfit):
    """500 iterations of RMSProp with a given rate."""
    return solve(t, y, FIXED, "rmsprop", fun=fun)


def tail(problems=PROBLEMS, place="last"):
    """Options of a mix: 1 % of the problems take a thousand times as many iterations."""
    iterations, heavy = np.full(problems, 20.0), problems // 100
    at = {
        "first": slice(heavy),
        "last": slice(problems - heavy, None),
        "spread": slice(None, None, 100),
    }
    iterations[at[place]] *= 1000
    return {**FIXED, "maxiter": iterations}


def throughput(workers, t, y, begin=None):
    """Fits a second, counted for a while, from the moment `begin` on."""
    solve(t, y, workers=workers)
    while begin and time.time() < begin:
        pass
    start, rounds = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        solve(t, y, workers=workers)
        rounds += 1
    return rounds * len(y) / (time.perf_counter() - start)


def processes(count):
    """Fits a second of so many processes side by side, each with one thread and fits of its own."""
    begin = time.time() + 10.0
    command = [sys.executable, "-m", "benchmarks.batch", str(begin)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    return sum(float(process.communicate()[0]) for process in running)


class TrackFits:
    """Nanoseconds a fit, on all threads."""

    params = ("to gtol 1e-6", "500 iterations")
    param_names = ("job",)
    unit = "ns"

    def setup(self, job):
        self.t, self.y = fits.make(PROBLEMS)
        self.job = solve if job.startswith("to") else fixed
        self.job(self.t, self.y)

    def track_fit(self, job):
        return median(lambda: self.job(self.t, self.y), 5) / PROBLEMS * 1e9


class TrackLimit(TrackFits):
    """The same over hand-written C on as many threads."""

    unit = "times the limit"

    def setup(self, job):
        if limits.program() is None:
            raise NotImplementedError("no C compiler")
        super().setup(job)

    track_fit = None

    def track_over_limit(self, job):
        name = "fits_auto" if self.job is solve else "fits_fixed"
        ours = median(lambda: self.job(self.t, self.y), 5)
        return ours / limits.measure("limits_fits")[name]


class TrackTail:
    """All threads' time over the single thread's divided by their number; 1 is perfect."""

    params = ("first", "last", "spread")
    param_names = ("heavy problems",)
    unit = "times the work"

    def setup(self, place):
        self.t, self.y = fits.make(PROBLEMS)
        self.options, self.threads = tail(place=place), numba.get_num_threads()
        if self.threads < 2:
            raise NotImplementedError("one processor only")
        self.seconds(1)

    def seconds(self, workers):
        begin = time.perf_counter()
        solve(self.t, self.y, self.options, "rmsprop", workers)
        return time.perf_counter() - begin

    def track_balance(self, place):
        ratios = [self.seconds(None) / self.seconds(1) * self.threads for _ in range(5)]
        return sorted(ratios)[2]


class TrackBatches:
    """Nanoseconds a fit in batches of several sizes: the cost is linear."""

    params = (1_000, 10_000, 100_000)
    param_names = ("problems",)
    unit = "ns"

    def setup(self, problems):
        self.t, self.y = fits.make(problems)
        solve(self.t, self.y)

    def track_fit(self, problems):
        return median(lambda: solve(self.t, self.y), 5) / problems * 1e9


if __name__ == "__main__":
    print(throughput(1, *fits.make(PROBLEMS), float(sys.argv[1])))
