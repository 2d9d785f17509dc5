"""`minimize`: nanoseconds an iteration, over the hand-written loop, and microseconds a call.

The limit is the loop of limits.c: RMSProp on the 2-D Rosenbrock function by hand. It has
everything in registers, computes the gradient only, and runs in its own process. "interpreted" is
a plain Python function; most of its time is the interpreter's, for fun and the loop around it.
"""

import numba
import numpy as np

import fastopt

from .helpers import limits
from .helpers.shared import ITERATIONS, METHODS, iterate, known, median, over, per_call, rosenbrock

HOW = ("compiled", "interpreted")
START = np.tile([-1.2, 1.0], 15)


@numba.njit
def value(x):
    """Return the value of the 2-D Rosenbrock function, for a derived gradient."""
    return 100.0 * (x[1] - x[0] * x[0]) ** 2 + (1.0 - x[0]) ** 2


@numba.njit
def chained(x):
    """Return value and gradient of the chained Rosenbrock function (about 230 iterations)."""
    f, g = 0.0, np.zeros(x.size)
    for i in range(x.size - 1):
        a, b = x[i + 1] - x[i] * x[i], 1.0 - x[i]
        f += 100.0 * a * a + b * b
        g[i] -= 400.0 * a * x[i] + 2.0 * b
        g[i + 1] += 200.0 * a
    return f, g


def plain(x):
    """Return the same value and gradient by NumPy."""
    a, b = x[1:] - x[:-1] ** 2, 1.0 - x[:-1]
    g = np.zeros(x.size)
    g[:-1] = -400.0 * a * x[:-1] - 2.0 * b
    g[1:] += 200.0 * a
    return np.sum(100.0 * a * a + b * b), g


class TrackFixed:
    """Nanoseconds an iteration with a given rate, 2-D Rosenbrock function, gradient by hand."""

    params = (METHODS, HOW)
    param_names = ("method", "fun")
    unit = "ns"

    def setup(self, method, how):
        known(method)
        compiled = how == "compiled"
        self.fun = rosenbrock if compiled else rosenbrock.py_func
        self.iterations = ITERATIONS if compiled else 1_000
        self.run(method)

    def run(self, method):
        return iterate(method, self.fun, self.iterations)

    def track_iteration(self, method, how):
        return median(lambda: self.run(method)) / self.iterations * 1e9


class TrackAuto:
    """Nanoseconds an iteration of a whole solve, untuned, 30 parameters, gradient by hand."""

    params = (METHODS, HOW)
    param_names = ("method", "fun")
    unit = "ns"

    def setup(self, method, how):
        known(method)
        self.fun = chained if how == "compiled" else plain
        self.iterations = self.solve(method).nit

    def solve(self, method):
        return fastopt.minimize(self.fun, START, jac=True, method=method)

    def track_iteration(self, method, how):
        return median(lambda: self.solve(method)) / self.iterations * 1e9


class TrackOverLimit:
    """RMSProp's iteration over that of the hand-written loop; 1 is perfect."""

    params = ("by hand", "derived")
    param_names = ("gradient",)
    unit = "times the limit"

    def setup(self, gradient):
        limits.needed()
        self.how = {"fun": rosenbrock, "jac": True}
        if gradient == "derived":
            self.how = {"fun": value, "jac": None}
        self.run()

    def run(self):
        iterate(**self.how)

    def track_over_limit(self, gradient):
        return over(lambda: median(self.run, 5) / ITERATIONS, limits.rosenbrock)


class TrackCall:
    """Microseconds of a call: a whole solve of a tiny problem, and a single iteration.

    It is the 2-D Rosenbrock function with a gradient by hand. Most of the time is the overhead of
    a call.
    """

    params = (("whole solve", "one iteration"), HOW)
    param_names = ("job", "fun")
    unit = "µs"

    def setup(self, job, how):
        self.fun = rosenbrock if how == "compiled" else rosenbrock.py_func
        self.options = {} if job == "whole solve" else {"maxiter": 1}
        self.x0 = np.array([-1.2, 1.0])
        self.solve()

    def solve(self):
        return fastopt.minimize(self.fun, self.x0, jac=True, options=self.options)

    def track_call(self, job, how):
        return per_call(self.solve, 1e-2) * 1e6
