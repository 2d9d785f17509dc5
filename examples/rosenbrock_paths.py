"""Draw how AdaGrad and RMSProp walk down Rosenbrock's valley
==========================================================

Usage::

    python rosenbrock_paths.py                   # the picture goes to examples/pictures
    python rosenbrock_paths.py --output figures

The first panel shows the paths of the textbook rules with one fixed learning rate. The second
shows the length of their steps. It decays for AdaGrad, which sums all squared gradients, but not
for RMSProp, which averages the recent ones. The third shows the paths with the default
``learning_rate="auto"``. With a fixed rate AdaGrad gets there too, but needs one about a hundred
times larger here, found by trial.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numba import njit

import fastopt

HERE = Path(__file__).parent

START = np.array([-1.2, 1.0])
LEARNING_RATE = 0.003
MAXITER = 3000

# Okabe and Ito's palette, which colour-blind readers can distinguish.
COLORS = {"adagrad": "#0072B2", "rmsprop": "#D55E00"}
LABELS = {"adagrad": "AdaGrad", "rmsprop": "RMSProp"}


@njit
def rosenbrock(x):
    """Return the banana-shaped valley of Rosenbrock (1960), whose minimum is at (1, 1)."""
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def walk(method, **options):
    """Return all iterates as rows, the start first, and the result."""
    path = [START]

    def record(intermediate_result):
        path.append(intermediate_result.x.copy())

    result = fastopt.minimize(rosenbrock, START, method=method, callback=record, options=options)
    return np.array(path), result


def draw_paths(ax, paths, title):
    """Draw paths over the contours, with a marker where each ends."""
    x, y = np.meshgrid(np.linspace(-1.6, 1.4, 400), np.linspace(-0.4, 1.6, 300))
    height = np.log10(rosenbrock((x, y)) + 1e-2)
    levels = np.arange(-2.0, 4.0, 0.4)
    ax.contourf(x, y, height, levels, cmap="Greys", vmin=-2.0, vmax=9.0)
    ax.contour(x, y, height, levels, colors="white", linewidths=0.7)
    ax.plot(1.0, 1.0, "*", color="black", ms=13)
    ax.annotate("minimum", (1.0, 1.0), (0, 11), textcoords="offset points", ha="center")
    ax.plot(*START, "o", color="black", ms=5)
    ax.annotate("start", START, (-7, -3), textcoords="offset points", ha="right")
    # AdaGrad on top: with a fixed rate, its short path is the beginning of RMSProp's.
    for depth, (method, path) in enumerate(paths.items()):
        label = f"{LABELS[method]}, {len(path) - 1:,} iterations"
        ax.plot(*path.T, color=COLORS[method], lw=1.8, zorder=4 - depth, label=label)
        ax.plot(*path[-1], "o", color=COLORS[method], ms=6, mec="white", zorder=6 - depth)
    ax.set(xlabel="$x_1$", ylabel="$x_2$")
    ax.set_title(title, loc="left", fontweight="bold")
    ax.legend(loc="lower center")


def draw_steps(ax, paths):
    """Draw the length of each step, and the decay 1/sqrt(t) of AdaGrad under steady gradients."""
    lengths = {m: np.linalg.norm(np.diff(path, axis=0), axis=1) for m, path in paths.items()}
    for method, steps in lengths.items():
        t = np.arange(1, len(steps) + 1)
        ax.loglog(t, steps, color=COLORS[method], lw=1.8)
        where = {"xytext": (-14, 9), "textcoords": "offset points", "ha": "right"}
        ax.annotate(LABELS[method], (t[-1], steps[-1]), color=COLORS[method], **where)
    t = np.array([1.0, 60.0])
    ax.loglog(t, 0.75 * lengths["adagrad"][0] / np.sqrt(t), color="black", lw=1.0, ls=":")
    ax.annotate(r"$1/\sqrt{t}$", (8.0, 0.00105), (-8, -16), textcoords="offset points", ha="right")
    ax.set(xlabel="iteration $t$", ylabel="length of the step")
    ax.set_title("Their steps: AdaGrad's die, RMSProp's hold", loc="left", fontweight="bold")
    ax.spines[["top", "right"]].set_visible(False)


def main():
    """Run the rules and save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--output", type=Path, default=HERE / "pictures", help="folder for the picture"
    )
    options = parser.parse_args()

    fixed = {m: walk(m, learning_rate=LEARNING_RATE, maxiter=MAXITER)[0] for m in COLORS}
    auto = {m: walk(m)[0] for m in COLORS}

    plt.switch_backend("Agg")
    plt.rcParams.update({"font.size": 10, "legend.fontsize": 9, "legend.framealpha": 0.9})
    fig, axes = plt.subplots(1, 3, figsize=(16, 4.8), layout="constrained")
    draw_paths(axes[0], fixed, f"Fixed learning rate {LEARNING_RATE}")
    draw_steps(axes[1], fixed)
    draw_paths(axes[2], auto, 'Default, learning_rate="auto"')
    options.output.mkdir(parents=True, exist_ok=True)
    fig.savefig(options.output / "rosenbrock_paths.png", dpi=120)


if __name__ == "__main__":
    main()
