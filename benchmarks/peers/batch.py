"""What the batch_*.py scripts share: their data, a clock and the line that they print."""

import json
import time

import numpy as np


def load(file):
    """The fits: t (64,), y (problems, 64) and x0 (3,)."""
    data = np.load(file)
    return data["t"], data["y"], data["x0"]


def quartile(job, repeats):
    """Seconds of `job()` that a quarter of the runs stay below: other work on a host only adds."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        job()
        times.append(time.perf_counter() - begin)
    return sorted(times)[repeats // 4]


def largest(x, t, y):
    """Largest absolute component of each fit's gradient; infinite where it is not finite."""
    with np.errstate(all="ignore"):  # a solver that ran away overflows here
        e = np.exp(-x[:, 1:2] * t)
        r = x[:, :1] * e + x[:, 2:] - y
        g = [2 * (r * e).sum(1), -2 * x[:, 0] * (r * t * e).sum(1), 2 * r.sum(1)]
        found = np.abs(g).max(0)
    return np.where(np.isfinite(found), found, np.inf)


def report(name, version, seconds, x, fits, **settings):
    """Print one peer's line of JSON; `seconds` are for all of `fits`, without compilation."""
    t, y, _ = fits
    g = largest(np.asarray(x), t, y[: len(x)])
    line = {
        "name": name,
        "seconds": seconds,
        "version": version,
        "within": float(np.mean(g <= 1e-6)),
        "worst": float(np.percentile(g, 99.9, method="higher")),
        "problems": len(x),
        "settings": settings,
    }
    print(json.dumps(line), flush=True)
