"""Helpers of the gpu_*.py scripts: a clock, comparisons, and the lines that they print."""

import json
import sys
import time

import numpy as np

STARTED = time.monotonic()


def say(**what):
    print(json.dumps(what), flush=True)


def skip(reason):
    """Exit, with the reason in the report."""
    say(skipped=reason)
    sys.exit(0)


def failed(what, error):
    said = " ".join(f"{type(error).__name__}: {error}".split())
    say(error=f"{what}: {said[:400]}")


def left(limit):
    """Return the seconds that are left for the script."""
    return float(limit) - (time.monotonic() - STARTED)


def clock(job, wait, repeats=5, inner=10):
    """Return median, least and most seconds of a call, with a wait after `inner` calls."""
    job()
    wait()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        for _ in range(inner):
            job()
        wait()
        times.append((time.perf_counter() - began) / inner)
    times.sort()
    return {"value": times[repeats // 2], "low": times[0], "high": times[-1]}


def check(ours, theirs):
    """Return a text that says whether a peer's steps are the same as ours, with the distance."""
    off = np.abs(np.asarray(theirs, float) - ours).max()
    bound = 200 * np.finfo(ours.dtype).eps
    return f"{'same steps' if off <= bound else 'OTHER STEPS'}, {off:.1e} away"


def largest(x, t, y):
    """Return the largest gradient component of each decay fit; infinite if it is not finite."""
    with np.errstate(all="ignore"):  # the answer of a diverged solver overflows here
        e = np.exp(-x[:, 1:2] * t)
        r = x[:, :1] * e + x[:, 2:] - y
        g = [2 * (r * e).sum(1), -2 * x[:, 0] * (r * t * e).sum(1), 2 * r.sum(1)]
        found = np.abs(g).max(0)
    return np.where(np.isfinite(found), found, np.inf)
