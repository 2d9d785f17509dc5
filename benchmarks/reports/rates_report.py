"""Learning rates that are found on the way, and the best of a grid of 13: held-out losses.

    python -m benchmarks.reports.rates_report                      # rmsprop: a minute
    python -m benchmarks.reports.rates_report --methods rmsprop adam --write docs/pictures

A row is a task. The numbers are held-out losses after the same number of epochs. All are means over
three orders of the rows. With `--own-loop`, optimizer objects in a loop of Python take the steps.
"""

import argparse
import pathlib

import numpy as np

import fastopt
from benchmarks.helpers.training_tasks import TASKS, in_other_units
from fastopt import rules

RATES = tuple(10.0 ** (k / 2.0) for k in range(-8, 5))  # 1e-4 to 100
SEEDS = 0, 1, 2


def held_out(task, method, seed, rate="auto"):
    """Return the held-out loss after each epoch; infinite from where the run has broken down."""
    res = fastopt.minimize_stochastic(
        task.fun,
        task.x0,
        task.rows,
        task.args,
        method=method,
        epochs=task.epochs,
        batch_size=task.batch_size,
        seed=seed,
        validation=task.held_out,
        options={"learning_rate": rate},
    )
    curve = np.full(task.epochs, np.inf)
    curve[: len(res.validation_loss)] = res.validation_loss
    return curve


def of_own_loop(task, method, seed):
    """Return the same of an optimizer object in a loop of Python, with nothing given."""
    kind, rng = rules.options_class(rules.get(method)).__name__, np.random.default_rng(seed)
    optimizer, x, curve = getattr(fastopt, kind)("auto"), task.x0.copy(), []
    derived, n = fastopt.value_and_grad(task.fun), len(task.rows[0])

    def mean(x, rows, order):
        each = [derived(x, *(field[k] for field in rows), *task.args) for k in order]
        return np.mean([f for f, _ in each]), np.mean([g for _, g in each], axis=0)

    for _ in range(task.epochs):
        order = rng.permutation(n)
        for first in range(0, n, task.batch_size):
            _, g = mean(x, task.rows, order[first : first + task.batch_size])
            optimizer.step(x, g)
        curve.append(mean(optimizer.average(x), task.held_out, range(len(task.held_out[0])))[0])
    return np.array(curve)


def curves(task, method, rate="auto", run=held_out):
    """Return the mean of the curves of the seeds."""
    rates = () if run is of_own_loop else (rate,)
    return np.mean([run(task, method, seed, *rates) for seed in SEEDS], axis=0)


def compare(task, method, run):
    """Return (curve of the rate that is found, curves of the grid)."""
    with np.errstate(all="ignore"):
        return curves(task, method, run=run), [curves(task, method, rate) for rate in RATES]


def row(name, auto, grid):
    """Return a line of the table."""
    ends = np.array([curve[-1] for curve in grid])
    ends[~np.isfinite(ends)] = np.inf
    best = int(np.argmin(ends))
    excess = auto[-1] / ends[best] - 1.0
    return (
        f"| {name} | {auto[-1]:.4g} | {ends[best]:.4g} | {RATES[best]:.2g} | {excess:+.1%} |",
        excess,
    )


def tables(methods, units, run):
    """Print the tables; return the curves of the first."""
    kept = {}
    for method in methods:
        for other in (False, True)[: 1 + units]:
            print(f"\n{method}{', each feature in another unit' if other else ''}\n")
            print(
                "| task | found | best of the grid | its rate | above it |\n|---|---|---|---|---|"
            )
            excess = []
            for name, make in TASKS.items():
                task = make()
                if other and not task.features:
                    continue
                task = in_other_units(task) if other else task
                auto, grid = compare(task, method, run)
                line, above = row(name, auto, grid)
                print(line, flush=True)
                excess.append(above)
                if not other:
                    kept.setdefault(name, (method, auto, grid))
            within = [sum(e <= most for e in excess) for most in (0.02, 0.1)]
            print(f"\nWithin 2 %: {within[0]} of {len(excess)}; within 10 %: {within[1]}.")
    return kept


def draw(kept, path):
    """Draw the learning curves: the grid in grey, the best of it in blue, the found one in red."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(2, 5, figsize=(13, 5), layout="constrained")
    for ax, (name, (_, auto, grid)) in zip(axes.flat, kept.items(), strict=True):
        best = min(grid, key=lambda curve: curve[-1] if np.isfinite(curve[-1]) else np.inf)
        epochs = np.arange(1, len(auto) + 1)
        for curve in grid:
            ax.plot(epochs, curve, color="#BBBBBB", lw=0.8)
        ax.plot(epochs, best, color="#0072B2", label="best rate of 13")
        ax.plot(epochs, auto, color="#D55E00", label="nothing given")
        low, high = min(best.min(), auto.min()), max(best.max(), auto.max())
        ax.set(title=name, ylim=(low - 0.05 * (high - low), high + 0.3 * (high - low)))
        ax.spines[["top", "right"]].set_visible(False)
    for ax in axes[1]:
        ax.set_xlabel("epoch")
    for ax in axes[:, 0]:
        ax.set_ylabel("held-out loss")
    handles = axes[0, 0].get_lines()[-2:]
    fig.legend(handles=handles, loc="outside upper right", ncols=2, frameon=False)
    fig.savefig(path, dpi=90)


def main():
    """Print the tables, and draw the curves of the first method."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--methods", nargs="+", default=["rmsprop"])
    parser.add_argument("--units", action="store_true", help="also each feature in another unit")
    parser.add_argument("--write", type=pathlib.Path, help="folder for the picture rates.png")
    parser.add_argument("--own-loop", action="store_true", help="optimizer objects, in Python")
    options = parser.parse_args()
    run = of_own_loop if options.own_loop else held_out
    kept = tables(options.methods, options.units, run)
    if options.write:
        options.write.mkdir(parents=True, exist_ok=True)
        draw(kept, options.write / "rates.png")


if __name__ == "__main__":
    main()
