"""What the gpu_*.py scripts share: a clock, a comparison, and the lines that they print."""

import json
import sys
import time

import numpy as np

STARTED = time.monotonic()


def say(**what):
    print(json.dumps(what), flush=True)


def skip(reason):
    """Leave, with the reason in the report."""
    say(skipped=reason)
    sys.exit(0)


def failed(what, error):
    said = " ".join(f"{type(error).__name__}: {error}".split())
    say(error=f"{what}: {said[:400]}")


def left(limit):
    """Seconds until the script should be done."""
    return float(limit) - (time.monotonic() - STARTED)


def clock(job, wait, repeats=5, inner=10):
    """Median, least and most seconds of a call, the device waited for after `inner` of them."""
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
    """How far a peer's steps are from ours: the same work, or a report of what differs."""
    off = np.abs(np.asarray(theirs, float) - ours).max()
    bound = 200 * np.finfo(ours.dtype).eps
    return f"{'same steps' if off <= bound else 'OTHER STEPS'}, {off:.1e} apart"
