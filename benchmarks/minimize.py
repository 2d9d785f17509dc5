"""The solve loop: nanoseconds an iteration, and times over the hand-written loop."""

import numpy as np

import fastopt

from . import limits
from .work import ITERATIONS, iterate, median, rosenbrock


class TrackIteration:
    """Textbook iterations on the 2-D Rosenbrock function, value and analytic gradient compiled."""

    params = ("adadelta", "adagrad", "adam", "adamax", "nadam", "rmsprop", "sgd")
    param_names = ("method",)

    def setup(self, method):
        iterate(method)

    def track_iteration(self, method):
        return median(lambda: iterate(method)) / ITERATIONS * 1e9

    track_iteration.unit = "ns"


class TrackLimit:
    """RMSProp's iteration over the loop of limits.c, which computes the gradient only."""

    unit = "times the limit"

    def setup(self):
        if limits.program() is None:
            raise NotImplementedError("no C compiler")
        iterate()

    def track_over_limit(self):
        return median(iterate) / ITERATIONS / limits.measure()["rosenbrock"]


class TimeSolve:
    """Seconds for a whole solve of the Rosenbrock function, nothing tuned."""

    params = ("adagrad", "rmsprop")
    param_names = ("method",)

    def setup(self, method):
        self.x0 = np.array([-1.2, 1.0])
        self.time_compiled(method)
        self.time_plain(method)

    def time_compiled(self, method):
        fastopt.minimize(rosenbrock, self.x0, jac=True, method=method)

    def time_plain(self, method):
        fastopt.minimize(rosenbrock.py_func, self.x0, jac=True, method=method)
