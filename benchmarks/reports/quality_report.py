"""Report on problems solved by `learning_rate="auto"` and SciPy's methods, and evaluations.

Usage::

    python -m benchmarks.quality                        # the tables and the picture, 15 minutes
    python -m benchmarks.quality --quick                # no fixed rates, no times: one minute
    python -m benchmarks.quality --write benchmarks/results
    python -m benchmarks.quality --large 1000           # the large problems, beside other L-BFGS

Times are of whole compiled solves with derived gradients. SciPy's methods get the same compiled
value and gradient.
"""

import argparse
import time
import warnings
from pathlib import Path

import numba
import numpy as np
import scipy.optimize

import fastopt

from ..helpers import classical
from ..helpers.classical import (
    ACCURACY,
    AUTO,
    CLASSICAL,
    FACTORS,
    GIVEN,
    REFERENCE,
    SCIPY,
    measure,
    over_reference,
)
from ..helpers.shared import from_folder
from . import large_profiles, profiles

FAR = from_folder("tests/helpers", "problems.far").FAR
TIMED = ("rmsprop", "adagrad", "adam, 0.1 to 0", *SCIPY)


def table(results, solvers):
    """Return a Markdown table of the numbers of solved problems, and of evaluations."""
    rows = [
        "| | "
        + " | ".join(
            f"solved from {f'{f:g} ' * (f > 1.0)}x0 (least minimum) | over L-BFGS-B's, median"
            for f in FACTORS
        )
        + " |"
    ]
    rows.append("|---|" + "---|---|" * len(FACTORS))
    for k, solver in enumerate(solvers):
        cells = []
        for result in results:
            hits = result[:, :, 0]
            cells.append(f"{np.sum(hits[:, k] > 0)} ({np.sum(result[:, k, 2])})")
            cells.append(f"{np.median(over_reference(hits, solvers)[k]):.2f}")
        rows.append(f"| {solver} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def each(result, solvers):
    """Return a Markdown table of every problem from one start; a dash is a miss."""
    rows = ["| problem | n | " + " | ".join(solvers) + " |", "|---|---|" + "---|" * len(solvers)]
    for p, row in zip(CLASSICAL, result, strict=True):
        cells = [f"{hit or '–'} / {nfev}" for hit, nfev, _ in row]
        rows.append(f"| {p.number} {p.name} | {p.x0.size} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def misses(results, solvers):
    """Return a Markdown table of the misses, with reasons for ours."""
    rows = []
    for factor, result in zip(FACTORS, results, strict=True):
        for p, row in zip(CLASSICAL, result, strict=True):
            who = [s for s, (hit, _, _) in zip(solvers, row, strict=True) if not hit]
            who = [s for s in who if s not in GIVEN]
            if who:
                why = FAR.get(factor, {}).get(p.name, "") if set(who) & set(AUTO) else ""
                names = "every one" if len(who) == len(AUTO) + len(SCIPY) else ", ".join(who)
                rows.append(f"| {factor:g} | {p.number} {p.name} | {names} | {why} |")
    return "\n".join(
        ["| times the start | problem | missed by | why |", "|---|---|---|---|", *rows]
    )


def seconds_of(job):
    """Return the least seconds of a call, from calls of 0.1 s together, and its result."""
    result, calls, least, began = job(), 0, np.inf, time.perf_counter()
    while calls < 3 or time.perf_counter() - began < 0.1:
        at = time.perf_counter()
        job()
        least, calls = min(least, time.perf_counter() - at), calls + 1
    return least, result


def times():
    """Return seconds of a solve from the standard start, problems x `TIMED`; inf for a miss."""
    rows = []
    for p in CLASSICAL:
        fun = numba.njit(p.fun)
        pair = fastopt.value_and_grad(fun, size=p.x0.size)

        def solve(solver, p=p, fun=fun, pair=pair):
            if solver in SCIPY:
                options = SCIPY[solver]
                return scipy.optimize.minimize(pair, p.x0, jac=True, method=solver, options=options)
            options = AUTO.get(solver) or GIVEN[solver]
            return fastopt.minimize(fun, p.x0, method=solver.partition(",")[0], options=options)

        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = [seconds_of(lambda s=s, solve=solve: solve(s)) for s in TIMED]
        rows.append([t if p.solved(res.fun, ACCURACY) else np.inf for t, res in found])
    return np.array(rows)


def ratios(seconds):
    """Return a Markdown table of times over the reference's, for problems that both solve."""
    reference = seconds[:, TIMED.index(REFERENCE)]
    rows = ["| | solved | median | largest |", "|---|---|---|---|"]
    for name, column in zip(TIMED, seconds.T, strict=True):
        both = np.isfinite(column) & np.isfinite(reference)
        ratio = column[both] / reference[both]
        solved = np.sum(np.isfinite(column))
        rows.append(f"| {name} | {solved} | {np.median(ratio):.3f} | {ratio.max():.3f} |")
    return "\n".join(rows)


def main():
    parser = argparse.ArgumentParser(description="Solve the classical problems, nothing tuned.")
    parser.add_argument("--quick", action="store_true", help="no fixed rates, no times")
    parser.add_argument("--write", type=Path, help="folder of classical.md and pictures")
    parser.add_argument("--large", type=int, metavar="N", help="large problems of about N alone")
    parser.add_argument("--only", nargs="+", default=[""], help="parts of large problems' names")
    given = parser.parse_args()
    if given.large:
        print(large_profiles.report(given.large, given.write, given.only))
        return
    solvers = [*AUTO, *([] if given.quick else GIVEN), *SCIPY]
    results = [measure(factor, solvers) for factor in FACTORS]
    text = [
        "# The 35 problems of Moré, Garbow and Hillstrom",
        "\n" + classical.__doc__.partition("\n\n")[2] + __doc__.rpartition("\n\n")[2],
        table(results, solvers),
        "\nEach from its standard start: evaluations until it is solved / until the end.\n",
        each(results[0], solvers),
        "\nMisses from the three starts, fixed rates and schedules left out.\n",
        misses(results, solvers),
    ]
    if not given.quick:
        seconds = times()
        text += ["\nTime of a solve over L-BFGS-B's, from the standard start.\n", ratios(seconds)]
    print("\n".join(text))
    if given.write:
        given.write.mkdir(parents=True, exist_ok=True)
        (given.write / "classical.md").write_text("\n".join(text) + "\n", encoding="utf-8")
        if not given.quick:
            counts = {s: [r[:, k, 0] for r in results] for k, s in enumerate(solvers)}
            sizes = np.array([p.x0.size for p in CLASSICAL])
            seconds = dict(zip(TIMED, seconds.T, strict=True))
            profiles.draw(sizes, counts, seconds, given.write / "profiles.png")
