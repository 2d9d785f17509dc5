"""The data of the mini-batch benchmark, and how a peer reports on it."""

import json
import time

import numpy as np

BATCH, RATE, RHO, EPS = 32, 1e-3, 0.9, 1e-8


def load(file):
    """(features, labels of -1 and 1, the rows of each epoch in their order)."""
    with np.load(file) as given:
        return given["a"], given["b"], given["orders"]


def report(name, version, epoch, orders):
    """Print a peer's line of JSON: seconds an epoch (the first compiles), and the losses."""
    losses, seconds = [], []
    for order in orders:
        begin = time.perf_counter()
        losses.append(float(epoch(order)))
        seconds.append(time.perf_counter() - begin)
    line = {"name": name, "seconds": min(seconds[1:]), "losses": losses, "version": version}
    print(json.dumps(line), flush=True)
