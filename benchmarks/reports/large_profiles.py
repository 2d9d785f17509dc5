"""Profiles of the large problems: the share solved by a number of evaluations over the best's.

`python -m benchmarks.quality --large 1000 --write benchmarks/results` draws them. They show
L-BFGS-B, CG, and the L-BFGS of jaxopt and of optax where these are installed.
"""

import numpy as np

from . import large_peers, large_report, profiles


def evaluations(rows, n, starts, solvers=large_report.FREE):
    """Return {solver: evaluations from every start of every row}, infinite for a miss."""
    counts: dict = {}
    for start in starts:
        for solver in solvers:
            for row in rows:
                size = row.size(n)
                x0 = row.random(size) if start == "random" else row.start(size)
                watched = large_report.run(row, size, x0, solver)
                counts.setdefault(solver, []).append(cost(watched.hit, watched.nfev))
        for name, cells in large_peers.found(rows, n, start).items():
            counts.setdefault(name, []).extend(cost(*cell) for cell in cells)
    return {name: np.array(costs) for name, costs in counts.items()}


def cost(solved, nfev):
    return float(nfev) if solved else np.inf


def table(counts):
    """Return a Markdown table of what is solved, and of evaluations over those of L-BFGS-B."""
    lines = ["| | solved | over L-BFGS-B's, median | largest |", "|---|---|---|---|"]
    reference = counts["L-BFGS-B"]
    for name, costs in counts.items():
        both = np.isfinite(costs) & np.isfinite(reference)
        ratios = costs[both] / reference[both] if both.any() else np.array([np.nan])
        cells = np.isfinite(costs).sum(), f"{np.median(ratios):.2f}", f"{ratios.max():.1f}"
        lines.append(f"| {name} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def report(n, folder=None, only=("",)):
    """Return the table for problems of about n parameters; draw the profiles into a folder."""
    rows = [*large_report.large.CUTE, *large_report.large.REAL, *large_peers.public()]
    rows = [row for row in rows if any(part in row.name for part in only)]
    counts = evaluations(rows, n, ("standard", "random"))
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        profiles.draw_large(counts, n, folder / "large_profiles.png")
    return table(counts)
