"""Measure fastopt, each peer and the limit on this machine, and write a report.

Usage::

    python -m benchmarks.report                       # half an hour
    python -m benchmarks.report --only fits --rounds 3
    python -m benchmarks.report --only peaks --clock processor   # on a busy machine

The report is ``benchmarks/results/<processor>-<date>.md`` and a picture of the same name. With
``--only`` it is only printed, unless ``--write FOLDER`` names a folder for the files. Peers come
from this Python (`pip install '.[peers]'`), or from the one that FASTOPT_PEERS_PYTHON names.
"""

import argparse
import datetime
import os
import pathlib
import platform
import re
import statistics
import subprocess

import numba
import numpy as np
import scipy

import fastopt

from .contests import contest, without_peer
from .contests.works import WORKS
from .gpu_parts.machine import processor
from .history import shown as number
from .reports import bars

FOLDER = pathlib.Path(__file__).parent / "results"
HOW = """
Each is the same work, checked to come to the same, in a process of its own; all of them run in
turn, {rounds} rounds, each alone. A time is the median of the rounds (of the median call in each),
without compilation; ± is half the distance between the quartiles. Ratios are taken round by round.
"C" is written by hand for this one job (`benchmarks/helpers/limits.c`, `limits_fits.c`). JAX's
solvers are run in the fastest of several ways (vmap, map, parts in threads), and by vmap alone
where said.
"""


def commit():
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    run = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    return run.stdout.strip() or "no git"


def shown(seconds):
    """Return seconds with a unit."""
    units = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
    unit, size = next((u for u in units.items() if seconds >= u[1]), ("µs", 1e-6))
    digits = max(0, 2 - int(np.floor(np.log10(seconds / size))))
    return f"{seconds / size:.{digits}f} {unit}"


def measured(values):
    """Return a ratio with its spread."""
    middle = statistics.median(values)
    return f"{number(middle)} ± {contest.spread(values):.0%}".replace("%", " %")


def table(work, figures):
    """Return a Markdown table of one work."""
    ours = figures[work.entries[0].name]
    rows = [f"## {work.title}\n", "| | time | ± | over fastopt's | |", "|---|---|---|---|---|"]
    for name, found in figures.items():
        if found.reason:
            rows.append(f"| {name} | n/a | | | {found.reason} |")
            continue
        ratio = "" if found is ours else measured(found.over(ours))
        about = ", ".join(map(str, found.about.values()))
        bold = f"**{name}**" if name.startswith("fastopt") else name
        spread = f"{found.spread:.0%}".replace("%", " %")
        rows.append(f"| {bold} | {shown(found.median)} | {spread} | {ratio} | {about} |")
    return "\n".join(rows) + "\n"


def glance(results):
    """Return the table at the top: ours, the limit, and the best of the peers."""
    rows = ["| work | fastopt | over C | the best peer | its time over ours |"]
    rows.append("|---|---|---|---|---|")
    for name, figures in results.items():
        ours = figures[WORKS[name].entries[0].name]
        limit = next((f for n, f in figures.items() if n == "limit" and f.seconds), None)
        peers = [f for f in figures.values() if f.seconds and f.about["version"] not in ("C", MINE)]
        best = min(peers, key=lambda f: f.median, default=None)
        cells = [
            WORKS[name].title,
            shown(ours.median),
            measured(ours.over(limit)) if limit else "",
            best.name if best else "none installed",
            measured(best.over(ours)) if best else "",
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


MINE = f"fastopt {fastopt.__version__}"


def head(rounds, date):
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}"
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return [
        f"# fastopt on {processor()}, {date}\n",
        f"fastopt {fastopt.__version__} at {commit()}; {numba.get_num_threads()} threads, "
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}; "
        f"{versions}, SciPy {scipy.__version__}, Numba {numba.__version__}; peers as said.",
        HOW.format(rounds=rounds),
    ]


def main():
    parser = argparse.ArgumentParser(description="Measure fastopt, its peers and the limits.")
    parser.add_argument("--only", default="", help="works whose name has this in it")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", type=pathlib.Path, help="folder of the report")
    text = "processor: seconds of all threads together, but for whole processes"
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall", help=text)
    given = parser.parse_args()
    os.environ["FASTOPT_CLOCK"] = given.clock
    chosen = {name: work for name, work in WORKS.items() if given.only in name}
    if not chosen:
        parser.error(f"--only {given.only!r} is in no name of a work: {', '.join(WORKS)}")
    folder = given.write or (None if given.only else FOLDER)
    date, results = datetime.date.today().isoformat(), {}
    for name, work in chosen.items():
        results[name] = contest.hold(work, rounds=given.rounds, strict=False)
        print(table(work, results[name]), flush=True)
    if folder is None:
        return
    text = [*head(given.rounds, date), glance(results)]
    text += [table(WORKS[name], figures) for name, figures in results.items()]
    text += [] if given.only else without_peer.section()
    name = re.sub(r"[^a-z0-9]+", "-", processor().lower()).strip("-") + f"-{date}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text("\n".join(text), encoding="utf-8")
    bars.draw(results, MINE, folder / f"{name}.png")
    print(f"written: {folder / name}.md and .png")


if __name__ == "__main__":
    main()
