"""What `learning_rate="auto"` solves, and after how many evaluations, beside SciPy's methods.

Usage::

    python -m benchmarks.quality                        # the tables and the picture, 15 minutes
    python -m benchmarks.quality --quick                # no fixed rates, no times: one minute
    python -m benchmarks.quality --write benchmarks/results

The problems are the 35 of Moré, Garbow and Hillstrom (tests/problems), from their standard starts
and from 10 and 100 times those; nothing is tuned. A problem is solved when f is within
1e-6 (1 + |f*|) of its least value or of a listed local minimum, and what counts is the number of
the evaluation at which this first is so, of 50,000. All have the same exact gradient. "rmsprop,
0.01" has that fixed learning rate, "0.1 to 0" a cosine schedule over the whole budget. Times are of
whole solves, compiled with derived gradients, SciPy's with the same value and gradient compiled.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numba
import numpy as np
import scipy.optimize

import fastopt

from . import profiles

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from problems import CLASSICAL  # noqa: E402 (the tests' tables are not a package of their own)
from problems.far import FAR  # noqa: E402
from problems.objectives import with_gradient  # noqa: E402

MAXFEV, ACCURACY = 50_000, 1e-6
FACTORS = 1.0, 10.0, 100.0
SCIPY = {  # names of their options; tolerances that do not stop them before fastopt's
    "L-BFGS-B": {"maxfun": MAXFEV, "maxiter": MAXFEV, "ftol": 1e-15, "gtol": 3e-7},
    "BFGS": {"maxiter": MAXFEV, "gtol": 3e-7},
    "CG": {"maxiter": MAXFEV, "gtol": 3e-7},
    "TNC": {"maxfun": MAXFEV, "ftol": 1e-15, "gtol": 3e-7},
}
AUTO = {name: {"maxfev": MAXFEV} for name in fastopt.methods()}
GIVEN = {
    f"{name}, {label}": {"learning_rate": rate, "maxfev": MAXFEV}
    for name in ("rmsprop", "adagrad", "adam")
    for label, rate in {
        "0.01": 0.01,
        "0.1 to 0": fastopt.schedules.cosine(0.1, MAXFEV),
    }.items()
}
REFERENCE = "L-BFGS-B"
TIMED = ("rmsprop", "adagrad", "adam, 0.1 to 0", *SCIPY)


class Enough(Exception):
    """Raised out of an objective whose budget is spent."""


class Watched:
    """A problem's objective that notes when it was first solved."""

    def __init__(self, problem):
        self.problem, self.fun = problem, with_gradient(problem)
        self.nfev, self.hit, self.least = 0, 0, False

    def __call__(self, x):
        if self.nfev >= MAXFEV:
            raise Enough
        f, g = self.fun(x)
        self.nfev += 1
        if not self.hit and self.problem.solved(f, ACCURACY):
            self.hit = self.nfev
        self.least |= bool(
            abs(f - self.problem.minima[0]) <= ACCURACY * (1 + abs(self.problem.minima[0]))
        )
        return f, g


def run(problem, factor, solver):
    """(evaluations until solved or 0, all evaluations, whether the least minimum was found)."""
    fun, x0 = Watched(problem), problem.start(factor)
    method = solver.partition(",")[0]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            if solver in SCIPY:
                options = SCIPY[solver]
                scipy.optimize.minimize(fun, x0, jac=True, method=solver, options=options)
            else:
                options = AUTO.get(solver) or GIVEN[solver]
                fastopt.minimize(fun, x0, jac=True, method=method, options=options)
        except Enough:
            pass
    return fun.hit, fun.nfev, fun.least


def measure(factor, solvers):
    """Results as an array: problems x solvers x (hit, nfev, least)."""
    return np.array([[run(p, factor, s) for s in solvers] for p in CLASSICAL])


def over_reference(hits, solvers):
    """Evaluations over those of the reference, where both solve the problem."""
    reference = hits[:, solvers.index(REFERENCE)]
    return [
        hits[(h > 0) & (reference > 0), k] / reference[(h > 0) & (reference > 0)]
        for k, h in enumerate(hits.T)
    ]


def table(results, solvers):
    """A Markdown table of how many are solved, and after how many evaluations."""
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
    """A Markdown table of every problem from one start; a dash stands for a miss."""
    rows = ["| problem | n | " + " | ".join(solvers) + " |", "|---|---|" + "---|" * len(solvers)]
    for p, row in zip(CLASSICAL, result, strict=True):
        cells = [f"{hit or '–'} / {nfev}" for hit, nfev, _ in row]
        rows.append(f"| {p.number} {p.name} | {p.x0.size} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def misses(results, solvers):
    """Who misses what, and why ours do."""
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
    """The least time of a call, from calls that take 0.1 s together, and what it returns."""
    result, calls, least, began = job(), 0, np.inf, time.perf_counter()
    while calls < 3 or time.perf_counter() - began < 0.1:
        at = time.perf_counter()
        job()
        least, calls = min(least, time.perf_counter() - at), calls + 1
    return least, result


def times():
    """Seconds of a solve from the standard start, problems x `TIMED`; infinite where it misses."""
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
    """A Markdown table of times over the reference's, where both solve the problem."""
    reference = seconds[:, TIMED.index(REFERENCE)]
    rows = ["| | solved | median | largest |", "|---|---|---|---|"]
    for name, column in zip(TIMED, seconds.T, strict=True):
        both = np.isfinite(column) & np.isfinite(reference)
        ratio = column[both] / reference[both]
        solved = np.sum(np.isfinite(column))
        rows.append(f"| {name} | {solved} | {np.median(ratio):.3f} | {ratio.max():.3f} |")
    return "\n".join(rows)


class Classical:
    """How many of the 35 problems each rule solves, and at what cost."""

    params = (fastopt.methods(), FACTORS)
    param_names = ("method", "factor")
    timeout = 600

    def setup(self, method, factor):
        self.result = measure(factor, [method, REFERENCE])

    def track_solved(self, method, factor):
        return int(np.sum(self.result[:, 0, 0] > 0))

    def track_evaluations(self, method, factor):
        return float(np.median(over_reference(self.result[:, :, 0], [method, REFERENCE])[0]))


def main():
    parser = argparse.ArgumentParser(description="Solve the classical problems, nothing tuned.")
    parser.add_argument("--quick", action="store_true", help="no fixed rates, no times")
    parser.add_argument("--write", type=Path, help="folder of classical.md and profiles.png")
    given = parser.parse_args()
    solvers = [*AUTO, *([] if given.quick else GIVEN), *SCIPY]
    results = [measure(factor, solvers) for factor in FACTORS]
    text = [
        "# The 35 problems of Moré, Garbow and Hillstrom",
        "\n" + __doc__[__doc__.index("The problems") :],
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


if __name__ == "__main__":
    main()
