"""Steps of optimizer objects on one thread: ``python -m benchmarks.reports.steps_report``.

Times are processor time of one thread, the least of several rounds, in which ways take turns.
Ratios are over the loop of `limits.c`, over steps without the check, and over one array.
"""

import argparse
import time

import numba
import numpy as np

import fastopt

from ..helpers import limits

SIZES = {"1,000": 1_000, "100,000": 100_000, "1M": 1_000_000, "20M": 20_000_000}
ROUNDS = 15


def seconds(job, calls):
    """Return the seconds of processor time of a call."""
    begin = time.thread_time()
    for _ in range(calls):
        job()
    return (time.thread_time() - begin) / calls


def least(jobs, calls):
    """Return the least seconds of each job; they take turns."""
    for job in jobs:
        job()
    rounds = [[seconds(job, calls) for job in jobs] for _ in range(ROUNDS)]
    return [min(column) for column in zip(*rounds, strict=True)]


def stepper(name, params, grads, policy):
    optimizer = getattr(fastopt, name)(1e-3, on_nonfinite=policy)
    return lambda: optimizer.step(params, grads)


def gradient(n, dtype):
    return np.random.default_rng(0).uniform(-1.0, 1.0, n).astype(dtype)


def one_array(dtype, n):
    """Return microseconds of a step without and with the check, and of C's loop."""
    x, g = np.ones(n, dtype), gradient(n, dtype)
    jobs = [stepper("RMSProp", x, g, policy) for policy in ("propagate", "raise")]
    plain, checked = least(jobs, max(1, 4_000_000 // n))
    c = min(limits.rmsprop(dtype, n) for _ in range(3)) if limits.program() else float("nan")
    return plain * 1e6, checked * 1e6, c * 1e6


def many_arrays(policy):
    """Return microseconds of a step over one array of 200,000, and over 200 of 1,000."""
    grads = list(gradient(200_000, "float32").reshape(200, 1_000).copy())
    arrays = [np.ones(1_000, np.float32) for _ in grads]
    whole = stepper("RMSProp", np.ones(200_000, np.float32), np.concatenate(grads), policy)
    return [t * 1e6 for t in least([whole, stepper("RMSProp", arrays, grads, policy)], 100)]


def main():
    argparse.ArgumentParser(description="Measure steps of optimizer objects.").parse_args()
    numba.set_num_threads(1)
    print("| one array | step, us | over C | checked over not |\n|---|---|---|---|")
    for dtype in ("float32", "float64"):
        for name, n in SIZES.items():
            plain, checked, c = one_array(dtype, n)
            print(f"| {name} {dtype} | {plain:.2f} | {plain / c:.2f} | {checked / plain:.2f} |")
    print("\n| 200 arrays of 1,000 float32 | step, us | over one array |\n|---|---|---|")
    for policy in ("propagate", "raise"):
        one, many = many_arrays(policy)
        print(f"| {policy} | {many:.1f} | {many / one:.2f} |")


if __name__ == "__main__":
    main()
