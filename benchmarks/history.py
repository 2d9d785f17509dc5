"""Draw a table and a picture of asv's results: how commits changed the main benchmarks.

Usage::

    python -m benchmarks.run --history          # measure ENDS and the present commit, 20 minutes
    python -m benchmarks.history                # write benchmarks/results/history.md and .png

Only public functions are measured for old commits, by the present benchmarks and in the present
Python. Benchmarks of functions that a commit does not have are n/a.
"""

import argparse
import datetime
import math
import re
from pathlib import Path

from . import run

RESULTS = run.ROOT / ".asv" / "results"
FOLDER = run.ROOT / "benchmarks" / "results"
ENDS = {  # the last commits of pieces of work
    "8acd392": "core",
    "0296b08": "exact derivatives",
    "e7861bd": "batches",
    "6e2544d": "L-BFGS in the metric",
    "6edf3c6": "CUDA",
}
MATTER = (  # regular expressions of names with parameters
    r"^minimize\.TrackAuto\..*'(adagrad|rmsprop)'",
    r"^minimize\.(TrackOverLimit|TrackCall)\.",
    r"^sweeps\.TrackSerial\.track_over_stream\('rmsprop', '\w+', (1000|10000000)\)",
    r"^batch\.TrackOverLimit\.",
    r"^startup\.",
)
CHANGED = 1.15  # least ratio that is listed: asv.conf.json's threshold


def main():
    parser = argparse.ArgumentParser(usage=__doc__.partition("::")[2].partition("\n\nOnly")[0])
    parser.add_argument("--results", type=Path, default=RESULTS, help="asv's results")
    parser.add_argument("--write", type=Path, default=FOLDER, help="folder of the two files")
    known = parser.parse_args()
    commits, rows, about = read(known.results)
    known.write.mkdir(parents=True, exist_ok=True)
    (known.write / "history.md").write_text(text(commits, rows, about), encoding="utf-8")
    draw(commits, rows, known.write / "history.png")
    print(f"{len(rows)} benchmarks of {len(commits)} commits: {known.write / 'history.md'}")


def read(folder):
    """Return commits as pairs of heading and date, rows as (name, unit, values), and the machine.

    The results are those of the machine with most of them. The benchmarks are those that at least
    two commits have.
    """
    from asv.commands.compare import unroll_result
    from asv.results import iter_results
    from asv.util import load_json

    names = load_json(folder / "benchmarks.json")
    machine = max(folder.glob("*/machine.json"), key=lambda m: len(list(m.parent.iterdir()))).parent
    results = sorted(iter_results(str(machine)), key=lambda result: result.date)
    table, units = {}, {}
    for k, result in enumerate(results):
        for key in result.get_all_result_keys() & names.keys():
            if result.benchmark_version[key] != names[key]["version"]:
                continue  # another benchmark of that name
            params = names[key]["params"]
            for name, value in unroll_result(key, params, result.get_result_value(key, params)):
                if any(re.search(pattern, name) for pattern in MATTER):
                    values = table.setdefault(name, [math.nan] * len(results))
                    values[k] = math.nan if value is None else value
                    units[name] = names[key]["unit"]
    rows = [
        (name, units[name], values)
        for name, values in sorted(table.items())
        if sum(map(math.isfinite, values)) > 1
    ]
    commits = [(heading(r.commit_hash), day(r.date)) for r in results]
    return commits, rows, (load_json(machine / "machine.json"), results[-1].params)


def heading(commit):
    said = [title for start, title in ENDS.items() if commit.startswith(start)]
    return f"{commit[:7]} {said[0]}" if said else commit[:7]


def day(milliseconds):
    return f"{datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC):%Y-%m-%d}"


def text(commits, rows, about):
    """Return the page."""
    machine, versions = about
    lines = [
        "# History",
        "",
        f"{machine['cpu']}, {machine['num_cpu']} cores; Python {versions['python']},"
        f" Numba {versions['numba']}, NumPy {versions['numpy']}. Lower is better; n/a is what a",
        "commit could not do yet. Old commits are measured by the present benchmarks. Written by",
        "`python -m benchmarks.history`.",
        "",
        "![The same as a picture](history.png)",
        "",
        "| benchmark | unit | " + " | ".join(f"{name}<br>{date}" for name, date in commits) + " |",
        "|---|---|" + "---:|" * len(commits),
    ]
    for name, unit, values in rows:
        cells = map(shown, values)
        lines.append(f"| {plain(name)} | {unit} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", "## What changed", "", *changes(commits, rows), ""])


def plain(name):
    """Return a benchmark's name with its parameters after a colon, without quotes."""
    function, _, params = name.partition("(")
    return function + (": " + params[:-1].replace("'", "") if params else "")


def shown(value):
    if not math.isfinite(value):
        return "n/a"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def changes(commits, rows):
    """Yield a line for each commit, with its changes from the previous measured commit."""
    for k in range(1, len(commits)):
        ratios = [(values[k] / values[k - 1], plain(name)) for name, _, values in rows]
        steps = sorted(r for r in ratios if r[0] > CHANGED or r[0] < 1 / CHANGED)
        told = "; ".join(f"{name} × {ratio:.2f}" for ratio, name in steps)
        first = sum(not math.isfinite(v[k - 1]) and math.isfinite(v[k]) for _, _, v in rows)
        new = f"; {first} for the first time" if first else ""
        yield f"- **{commits[k][0]}**: {told or 'no step beyond 15 %'}{new}."


def draw(commits, rows, file):
    """Draw small multiples: a panel for each benchmark, a line for each of its parameters."""
    import matplotlib.pyplot as plt

    panels = {}
    for name, unit, values in rows:
        function, _, params = plain(name).partition(": ")
        panels.setdefault((function, unit), []).append((params, values))
    height = math.ceil(len(panels) / 3)
    fig, axes = plt.subplots(
        height, 3, figsize=(12, 2.6 * height + 0.8), layout="constrained", squeeze=False
    )
    ticks = range(len(commits))
    for ax, ((function, unit), lines) in zip(axes.flat, panels.items(), strict=False):
        for params, values in lines:
            ax.plot(ticks, values, "o-", ms=3, lw=1.4, label=params)
        ax.set(title=function, ylabel=unit, ylim=(0, None))
        ax.set_xticks(ticks, [name for name, _ in commits], rotation=35, ha="right", fontsize=7)
        ax.spines[["top", "right"]].set_visible(False)
        if len(lines) > 1:
            ax.legend(fontsize=6, frameon=False)
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    fig.savefig(file, dpi=110)
    plt.close(fig)


if __name__ == "__main__":
    main()
