"""What the epoch_*.py scripts share: their data, and the line that they print."""

import json
import statistics
import time

import numpy as np

BATCH, RATE, RHO, EPS = 32, 1e-3, 0.9, 1e-8


def load(file):
    """(features, labels of -1 and 1, the rows of each epoch in their order)."""
    with np.load(file) as given:
        return given["a"], given["b"], given["orders"]


def report(name, version, epoch, orders):
    """Print a peer's line of JSON: the losses, and the median seconds of all epochs but the first.

    In that one something is compiled, or made for the first time.
    """
    losses, seconds = [], []
    for order in orders:
        begin = time.perf_counter()
        losses.append(float(epoch(order)))
        seconds.append(time.perf_counter() - begin)
    line = {
        "name": name,
        "seconds": statistics.median(seconds[1:]),
        "losses": losses,
        "version": version,
    }
    print(json.dumps(line), flush=True)
