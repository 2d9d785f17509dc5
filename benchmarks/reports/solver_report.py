"""Print what a call costs, by prepared solvers and by `minimize`, as a Markdown table.

    python -m benchmarks.reports.solver_report > benchmarks/results/solvers-DATE.md

Peers run in a Python of their own, which FASTOPT_PEERS_PYTHON names (see benchmarks/README.md).
"""

import os
import statistics
import time

import numba
import numpy as np

import fastopt

from .. import solvers
from ..contests import contest, rosenbrock_solves

ENTRIES = "fastopt", "fastopt, prepared solver", "optimistix BFGS", "SciPy BFGS"


def lines():
    """Yield the lines of the report."""
    yield "# Calls of solvers\n"
    yield (
        f"fastopt {fastopt.__version__}, numba {numba.__version__}, NumPy {np.__version__}; "
        f"{numba.config.NUMBA_NUM_THREADS} threads. Medians or ratios of rounds in turn.\n"
    )
    yield "## Beyond the loop\n"
    yield "A solve of the 2-D Rosenbrock function, its gradient by hand; processor time.\n"
    yield "| call | µs | µs beyond compiled code |\n|---|---|---|"
    loop, prepared, minimize = solvers.calls()
    yield f"| `solve(x0)` in `@njit` code | {loop:.2f} | |"
    yield f"| `solve(x0)` from Python | {prepared:.2f} | {prepared - loop:.2f} |"
    yield f"| `minimize(fun, x0, jac=True)` | {minimize:.2f} | {minimize - loop:.2f} |\n"
    yield "## 10,000 decay fits\n"
    yield "| loop of the user's | over `minimize_batch`, median | least to most |\n|---|---|---|"
    for threads, clock, said in (
        (1, time.process_time, "`range`, one thread, processor time"),
        (2, time.process_time, "`prange`, two threads, processor time"),
        (2, time.perf_counter, "`prange`, two threads, elapsed time"),
    ):
        found = solvers.fits(threads, clock)
        yield f"| {said} | {statistics.median(found):.2f} | {min(found):.2f} to {max(found):.2f} |"
    yield "\n## Peers\n"
    work = rosenbrock_solves.solve(2)
    yield f"{work.title}, each in a process of its own, in turn; processor time.\n"
    yield "| by | µs | over the prepared solver |\n|---|---|---|"
    os.environ["FASTOPT_CLOCK"] = "processor"
    figures = contest.hold(work, ENTRIES)
    ours = figures["fastopt, prepared solver"]
    for name, found in figures.items():
        if found.reason:
            yield f"| {name} | {found.reason} | |"
            continue
        ratio = statistics.median(found.over(ours))
        yield f"| {name} | {found.median * 1e6:.2f} | {ratio:.2f} |"


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
