"""The jobs that several benchmarks time."""

import time

import numba
import numpy as np

import fastopt
from fastopt import rules
from fastopt.targets import cpu


class Sweep:
    """One step of a rule over arrays of n elements."""

    def __init__(self, method, n, dtype, **options):
        self.rule = rules.get(method)
        options = rules.options_class(self.rule)(**options)
        self.uses = rules.uses(self.rule, options)
        self.x, self.g = np.ones(n, dtype), np.full(n, 0.1, dtype)
        self.state = tuple(np.zeros(n, dtype) if used else self.x for used in self.uses)
        self.c = np.array(self.rule.coefficients(options, 1e-3, 1.0, 1.0)[0], dtype)
        self.kernel = cpu.kernel(self.rule, self.uses, self.x.dtype)
        self()

    def __call__(self, threads=None):
        cpu.sweep(self.rule, self.uses, self.x, self.g, self.c, self.state, threads)

    def bare(self):
        """The kernel alone, as an optimizer that prepared its arguments calls it."""
        self.kernel(self.x, self.g, self.c, self.state, self.x, self.x, False)


@numba.njit
def rosenbrock(x):
    """Value and gradient; a tuple costs no allocation."""
    a = x[1] - x[0] * x[0]
    return 100.0 * a * a + (1.0 - x[0]) ** 2, (-400.0 * x[0] * a - 2.0 * (1.0 - x[0]), 200.0 * a)


ITERATIONS = 300_000


def iterate(method="rmsprop", fun=rosenbrock):
    """ITERATIONS textbook iterations on the Rosenbrock function."""
    options = {"learning_rate": 1e-4, "maxiter": ITERATIONS}
    return fastopt.minimize(fun, [-1.2, 1.0], jac=True, method=method, options=options)


def median(job, repeats=9):
    """Median seconds of `job()`."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        job()
        times.append(time.perf_counter() - begin)
    return sorted(times)[repeats // 2]


def quartile(job, repeats):
    """Seconds of `job()` that a quarter of the runs stay below: other work on a host only adds."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        job()
        times.append(time.perf_counter() - begin)
    return sorted(times)[repeats // 4]
