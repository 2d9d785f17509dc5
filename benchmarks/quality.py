"""What `learning_rate="auto"` solves, and after how many evaluations, beside SciPy's methods.

Usage::

    python -m benchmarks.quality                        # the table and the picture, 10 minutes
    python -m benchmarks.quality --quick                # no fixed rates, no times: one minute
    python -m benchmarks.quality --write benchmarks/results

The problems are the 35 of Moré, Garbow and Hillstrom (tests/problems), from their standard starts
and from 10 and 100 times those; nothing is tuned. A problem is solved when f is within
1e-6 (1 + |f*|) of its least value or of a listed local minimum, and what counts is the number of
the evaluation at which this first is so, of 50,000. All have the same exact gradient. "rmsprop,
0.01" has that fixed learning rate, "0.1 to 0" a cosine schedule over the whole budget.
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

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from problems import CLASSICAL  # noqa: E402 (the tests' tables are not a package of their own)
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


def draw(results, solvers, file):
    """Performance profiles (Dolan and Moré 2002) and data profiles (Moré and Wild 2009)."""
    import matplotlib.pyplot as plt

    shown = {
        "rmsprop": ("#D55E00", "-", 2.4),
        "adagrad": ("#0072B2", "-", 2.0),
        "adam": ("#009E73", "-", 1.4),
        "sgd": ("#CC79A7", "-", 1.4),
        "L-BFGS-B": ("#222222", "--", 1.6),
        "BFGS": ("#888888", "--", 1.2),
        "CG": ("#888888", ":", 1.4),
        "TNC": ("#888888", "-.", 1.2),
        "rmsprop, 0.01": ("#E69F00", ":", 1.6),
        "adam, 0.1 to 0": ("#E69F00", "-.", 1.6),
    }
    shown = {name: style for name, style in shown.items() if name in solvers}
    fig, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained", sharey=True)
    sizes = np.array([p.x0.size for p in CLASSICAL])
    titles = "from the standard start", "from the standard start", "from 10 times the start"
    for ax, result, title in zip(axes, (results[0], results[0], results[1]), titles, strict=True):
        picked = [solvers.index(name) for name in shown]
        hits = np.where(result[:, picked, 0] > 0, result[:, picked, 0], np.inf)
        data = ax is axes[0]
        cost = hits / (sizes[:, None] + 1) if data else hits / hits.min(axis=1, keepdims=True)
        x = np.geomspace(0.5 if data else 1.0, 1e4 if data else 1e3, 400)
        for k, (name, (color, line, width)) in enumerate(shown.items()):
            with np.errstate(invalid="ignore"):
                y = [np.mean(cost[:, k] <= limit) for limit in x]
            ax.plot(x, y, line, color=color, lw=width, label=name)
        ax.set(xscale="log", ylim=(0, 1.02), xlim=(x[0], x[-1]), title=title)
        ax.set_xlabel("evaluations / (n + 1)" if data else "evaluations / those of the best")
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("share of the 35 problems solved")
    axes[-1].legend(frameon=False, fontsize=8, loc="lower right", ncols=2)
    fig.savefig(file, dpi=120)


def seconds_of(job):
    """The least time of a call, from calls that take 0.1 s together."""
    job()
    calls, least, began = 0, np.inf, time.perf_counter()
    while calls < 3 or time.perf_counter() - began < 0.1:
        at = time.perf_counter()
        job()
        least, calls = min(least, time.perf_counter() - at), calls + 1
    return least


def times():
    """Seconds a solve, compiled with derived gradients, and of L-BFGS-B with the same compiled."""
    rows = []
    for p in CLASSICAL:
        fun = numba.njit(p.fun)
        pair = fastopt.value_and_grad(fun, size=p.x0.size)
        ours = seconds_of(lambda fun=fun, p=p: fastopt.minimize(fun, p.x0))

        def peer(pair=pair, p=p):
            options = SCIPY[REFERENCE]
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                scipy.optimize.minimize(pair, p.x0, jac=True, method=REFERENCE, options=options)

        rows.append((ours, seconds_of(peer)))
    return np.array(rows)


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
    parser.add_argument("--write", type=Path, help="folder for classical.md and profiles.png")
    given = parser.parse_args()
    solvers = [*AUTO, *([] if given.quick else GIVEN), *SCIPY]
    results = [measure(factor, solvers) for factor in FACTORS]
    text = [
        "# The 35 problems of Moré, Garbow and Hillstrom",
        "\n" + __doc__[__doc__.index("The problems") :],
        table(results, solvers),
        "\nEach from its standard start: evaluations until it is solved / until the end.\n",
        each(results[0], solvers),
    ]
    if not given.quick:
        ratio = np.divide(*times().T)
        text += [
            "\nTime of a solve by `rmsprop`, compiled with derived gradients, over that of SciPy's",
            f"L-BFGS-B with the same value and gradient compiled: median {np.median(ratio):.3f},",
            f"largest {ratio.max():.3f}, of 35.",
        ]
    print("\n".join(text))
    if given.write:
        given.write.mkdir(parents=True, exist_ok=True)
        (given.write / "classical.md").write_text("\n".join(text) + "\n", encoding="utf-8")
        draw(results, solvers, given.write / "profiles.png")


if __name__ == "__main__":
    main()
