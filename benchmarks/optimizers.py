"""Optimizer objects: seconds a step from Python.

`contests/array_steps.py` compares them with the streaming limit and the steps of other libraries.
"""

import numpy as np

import fastopt

NAMES = ("AdaGrad", "RMSProp", "Adam")


def optimizer(name, *rate, **options):
    """Return an optimizer object; older commits have none."""
    if not hasattr(fastopt, name):
        raise NotImplementedError("no optimizer objects")
    return getattr(fastopt, name)(*rate, **options)


class Stepped:
    """A step over arrays of n elements, with gradients in the same arrays each time."""

    def __init__(self, name, count, n, dtype=np.float32, **options):
        self.params = [np.ones(n, dtype) for _ in range(count)]
        self.grads = [np.full(n, 0.1, dtype) for _ in range(count)]
        if count == 1:
            self.params, self.grads = self.params[0], self.grads[0]
        self.opt = optimizer(name, 1e-3, **options)
        self()

    def __call__(self):
        self.opt.step(self.params, self.grads)


class TimeStep:
    """Seconds for one array; the goal for 1,000 float32 is at most 3 µs."""

    params = (NAMES, (1_000, 100_000, 20_000_000))
    param_names = ("optimizer", "n")

    def setup(self, name, n):
        self.step = Stepped(name, 1, n)

    def time_step(self, name, n):
        self.step()


class TimeManyArrays:
    """Seconds for 200 arrays of 1,000 float32, in one step."""

    params = (NAMES, (None, 1.0))
    param_names = ("optimizer", "clip_norm")

    def setup(self, name, clip_norm):
        self.step = Stepped(name, 200, 1_000, clip_norm=clip_norm)
        self.fresh = [g.copy() for g in self.step.grads]

    def time_step(self, name, clip_norm):
        self.step()

    def time_gradients_elsewhere(self, name, clip_norm):
        """Take two steps with gradients in two different places."""
        self.step.grads, self.fresh = self.fresh, self.step.grads
        self.step()
        self.step.grads, self.fresh = self.fresh, self.step.grads
        self.step()


class TimeRows:
    """Seconds for 4,096 rows of an embedding of 100,000 × 64 float32, drawn with repetition."""

    params = ((False, True),)
    param_names = ("row_wise",)

    def setup(self, row_wise):
        rng = np.random.default_rng(0)
        self.opt = optimizer("AdaGrad", 1e-2, row_wise=row_wise)
        self.x = np.zeros((100_000, 64), "f4")
        self.rows, self.g = rng.integers(100_000, size=4096), np.ones((4096, 64), "f4")
        self.time_step(row_wise)

    def time_step(self, row_wise):
        self.opt.step_rows(self.x, self.rows, self.g)
