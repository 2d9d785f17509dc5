"""How many mini-batches fit into a slice, after which limits and Ctrl-C are looked at."""

import math
import time

from fastopt.concurrency.time_slices import next_amount


class StepsPerSlice:
    """The number of mini-batches that fit into a slice, for the training or for the validation."""

    def __init__(self):
        self.number = 1.0

    def run(self, job, left):
        """Call ``job(steps)`` for one slice, with at most the steps that are left."""
        steps, began = float(min(self.number, math.ceil(left))), time.perf_counter()
        job(steps)
        seconds = time.perf_counter() - began
        self.number = next_amount(self.number, steps, seconds)
