"""Evaluations that fastopt's default method needs for large problems, next to SciPy's methods.

Usage::

    python -m benchmarks.reports.large_report                            # n = 1,000
    python -m benchmarks.reports.large_report --n 100 1000 --random      # random starts as well
    python -m benchmarks.reports.large_report --only DIXMAAN denoising   # names that contain these
    python -m benchmarks.reports.large_report --bounds                   # beside TNC, not CG

The problems are those of tests/helpers/problems/large.py. The count is the number of the
evaluation at which the gradient norm is first at most 1e-5 of that at the start. With bounds it is
the projected gradient. Nothing is tuned. A dash means that the method ended before,
with the number of its evaluations. The ratio is fastopt's evaluations over those of L-BFGS-B. The
last column names the method whose f is larger at these evaluations, and the difference over
1 + |f|, if that is more than 1e-6.
"""

import argparse
import importlib.util
import warnings

import numpy as np
import scipy.optimize

import fastopt

from ..helpers.shared import from_folder

large = from_folder("tests/helpers", "problems.large")

MAXFEV, FALL = 20_000, 1e-5
LEAST = {"gtol": 0.0, "maxiter": MAXFEV}  # no tolerance ends SciPy's methods before
OPTIONS = {
    "L-BFGS-B": {**LEAST, "ftol": 0.0, "maxcor": 10, "maxfun": 10 * MAXFEV},
    "CG": LEAST,
    "TNC": {"gtol": 0.0, "ftol": 0.0, "xtol": 0.0, "maxfun": 10 * MAXFEV},
}
FREE, BOUNDED = ("fastopt", "L-BFGS-B", "CG"), ("fastopt", "L-BFGS-B", "TNC")


class Enough(Exception):
    """Raised out of an objective that is solved, or whose budget is spent."""


class Watched:
    """An objective that counts its evaluations and ends at the first small gradient."""

    def __init__(self, fun, args, bounds):
        self.fun, self.args = fun, args
        self.low, self.high = bounds or (-np.inf, np.inf)
        self.nfev, self.first, self.hit, self.f = 0, None, False, np.inf

    def __call__(self, x):
        if self.nfev >= MAXFEV:
            raise Enough
        f, g = self.fun(np.ascontiguousarray(x), *self.args)
        self.nfev += 1
        self.f = min(f, self.f)
        held = ((x <= self.low) & (g > 0.0)) | ((x >= self.high) & (g < 0.0))
        norm = np.linalg.norm(np.where(held, 0.0, g))
        if self.first is None:
            self.first = norm
        elif norm <= FALL * self.first:
            self.hit, self.f = True, f
            raise Enough
        return f, g


def run(row, n, x0, solver, bounds=None):
    """Return what a solver needs, as a `Watched`; `bounds` are two arrays."""
    watched = Watched(row.fun, row.args(n), bounds)
    pairs = None
    if bounds:
        x0, pairs = np.clip(x0, *bounds), scipy.optimize.Bounds(*bounds)
    call = {"x0": x0, "jac": True, "bounds": pairs}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            if solver == "fastopt":
                fastopt.minimize(watched, **call, options={"maxfev": MAXFEV})
            else:
                scipy.optimize.minimize(watched, **call, method=solver, options=OPTIONS[solver])
        except Enough:
            pass
    return watched


def cells(found):
    """Return a line's cells: evaluations, ratio, the method that ended at a larger f."""
    ours, reference, _ = found
    texts = [f"{'' if w.hit else '– / '}{w.nfev:,}" for w in found]
    texts.append(f"{ours.nfev / reference.nfev:.2f}" if ours.hit and reference.hit else "")
    gap = (ours.f - reference.f) / (1.0 + min(abs(ours.f), abs(reference.f)))
    who = "fastopt" if gap > 0.0 else "L-BFGS-B"
    return [*texts, f"{who}, {abs(gap):.1g}" if abs(gap) > 1e-6 else ""]


def table(rows, sizes, starts, bounded=False):
    """Yield the lines of a Markdown table, then what is solved and the ratios in summary."""
    solvers = BOUNDED if bounded else FREE
    yield f"| problem | n | start | {' | '.join(solvers)} | ratio | larger f |"
    yield "|---|---|---|" + "---|" * (len(solvers) + 2)
    everything = []
    for row in rows:
        for n in sorted({row.size(n) for n in sizes}):
            for start in starts:
                x0 = row.random(n) if start == "random" else row.start(n)
                bounds = row.bounds(n) if bounded else None
                everything.append([run(row, n, x0, solver, bounds) for solver in solvers])
                yield f"| {row.name} | {n:,} | {start} | {' | '.join(cells(everything[-1]))} |"
    hits = np.array([[w.hit for w in found] for found in everything])
    counts = ", ".join(f"{name} {k}" for name, k in zip(solvers, hits.sum(0), strict=True))
    yield f"\nSolved of {len(hits)}: {counts}."
    both = hits[:, 0] & hits[:, 1]
    if both.any():
        ratios = np.array([[w.nfev for w in found] for found in everything])[both]
        ratios = ratios[:, 0] / ratios[:, 1]
        text = f"Ratio: median {np.median(ratios):.2f}, largest {ratios.max():.1f}"
        for limit in (1, 2):
            text += f", at most {limit} in {np.mean(ratios <= limit):.0%}"
        yield text + "."


def main():
    parser = argparse.ArgumentParser(description="Solve the large problems, nothing tuned.")
    parser.add_argument("--n", type=int, nargs="+", default=[1000], help="sizes, from 8")
    parser.add_argument("--random", action="store_true", help="random starts as well")
    parser.add_argument("--bounds", action="store_true", help="problems with bounds")
    parser.add_argument("--only", nargs="+", default=[""], help="parts of problems' names")
    given = parser.parse_args()
    rows = [*large.CUTE, *large.REAL]
    if importlib.util.find_spec("sklearn"):
        rows += large.PUBLIC
    rows = [row for row in rows if any(part in row.name for part in given.only)]
    if not rows:
        parser.error(f"no problem's name contains {' or '.join(given.only)}")
    starts = ["standard", *(["random"] if given.random else [])]
    for line in table(rows, given.n, starts, given.bounds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
