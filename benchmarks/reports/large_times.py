"""Times of large solves by fastopt over those by SciPy's L-BFGS-B, with the same compiled gradient.

Usage::

    python -m benchmarks.reports.large_times 10000 1000000
    python -m benchmarks.reports.large_times 10000 --only WOODS POWER --clock processor

A solve ends where the gradient norm is first at most 1e-5 of that at the start. The evaluations
that each method needs are counted first. They limit the solve whose time is taken. Both methods run
in turn, three times, and the least time counts. Problems that one of them misses are left out.
"""

import argparse
import time
import warnings

import numpy as np
import scipy.optimize

import fastopt

from . import large_report

ROUNDS = 3
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


def solves(row, n):
    """Return the solves of a problem by both methods, or None if one of them fails."""
    x0, args = row.start(n), row.args(n)
    ours, theirs = (large_report.run(row, n, x0, s) for s in ("fastopt", "L-BFGS-B"))
    if not (ours.hit and theirs.hit):
        return None
    limits = {**large_report.OPTIONS["L-BFGS-B"], "maxfun": theirs.nfev}
    return (
        lambda: fastopt.minimize(row.fun, x0, args, jac=True, options={"maxfev": ours.nfev}),
        lambda: scipy.optimize.minimize(
            row.fun, x0, args, jac=True, method="L-BFGS-B", options=limits
        ),
    )


def times(jobs, clock):
    """Return the least time of each job, run in turn."""
    least = [np.inf] * len(jobs)
    for _ in range(ROUNDS):
        for k, job in enumerate(jobs):
            began = clock()
            job()
            least[k] = min(least[k], clock() - began)
    return least


def table(rows, sizes, clock):
    """Yield the lines of a Markdown table, then the median ratio of each size."""
    yield "| problem | n | fastopt, ms | L-BFGS-B, ms | ratio |"
    yield "|---|---|---|---|---|"
    for size in sizes:
        ratios = []
        for row in rows:
            jobs = solves(row, row.size(size))
            if jobs is None:
                continue
            for job in jobs:
                job()  # compiled now
            ours, theirs = times(jobs, clock)
            ratios.append(ours / theirs)
            cells = row.name, f"{row.size(size):,}", f"{ours * 1e3:.1f}", f"{theirs * 1e3:.1f}"
            yield f"| {' | '.join(cells)} | {ratios[-1]:.2f} |"
        if ratios:
            yield f"\nn = {size:,}: median {np.median(ratios):.2f} of {len(ratios)} problems.\n"


def main():
    parser = argparse.ArgumentParser(description="Time large solves beside L-BFGS-B.")
    parser.add_argument("n", type=int, nargs="+", help="sizes, from 8")
    parser.add_argument("--only", nargs="+", default=[""], help="parts of problems' names")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="processor: all threads")
    given = parser.parse_args()
    rows = [*large_report.large.CUTE, *large_report.large.REAL]
    rows = [row for row in rows if any(part in row.name for part in given.only)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for line in table(rows, given.n, CLOCKS[given.clock]):
            print(line, flush=True)


if __name__ == "__main__":
    main()
