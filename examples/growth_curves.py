"""Fit a growth curve to each of 50 chicks, all in one call
========================================================

Usage::

    python growth_curves.py                   # the picture goes to examples/pictures
    python growth_curves.py --output pictures

A chick that weighs w0 at hatching grows as dw/dt = r w (1 - w / K), hence

    w(t) = 1 / (1/K + (1/w0 - 1/K) exp(-r t)),

at the rate r at first, towards the plateau K in the end. The parameters are w0, r and 1/K. The
last may be zero: some chicks grow exponentially to the last day, and their data set no upper limit
for K. The chicks were not weighed equally often, so times and weights are ragged fields: lists of
arrays. Chick 18 was weighed only twice, which does not determine three parameters.

The script prints every chick's parameters, with a 95 % interval for the plateau, and draws
``growth_curves.png``.
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import scipy.stats
from numba import njit

import fastopt

HERE = Path(__file__).resolve().parent
# Okabe and Ito's palette, which colour-blind readers can distinguish.
COLORS = {1: "#0072B2", 2: "#D55E00", 3: "#009E73", 4: "#CC79A7"}  # by diet
TOP = 420  # grams, at the upper end of each panel


def load():
    """Return the chicks' diets, and lists of their times (10 days) and weights (100 g)."""
    text = (HERE / "data" / "chick_weight.csv").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    chick, diet, days, grams = np.loadtxt(rows[1:], delimiter=",", unpack=True)
    mine = [chick == number for number in np.unique(chick)]
    diets = np.array([diet[m][0] for m in mine], dtype=int)
    return diets, [days[m] / 10 for m in mine], [grams[m] / 100 for m in mine]


@njit
def growth(t, hatched, rate, inverse):
    """Return the weight at time t, for the parameters w0, r and 1/K."""
    return 1 / (inverse + (1 / hatched - inverse) * np.exp(-rate * t))


def fit(times, weights):
    """Fit every chick, with errors, in units of 10 days and 100 g."""
    bounds = [0.1, -np.inf, 0.0], [1.0, np.inf, np.inf]
    return fastopt.curve_fit_batch(growth, times, weights, [0.4, 1.0, 0.3], bounds=bounds)


def plateau_intervals(result):
    """Return 95 % intervals for 1/K, linear in the parameters; NaN if they have no meaning.

    That is so with fewer weighings than parameters, and where 1/K is zero, its bound.
    """
    known = result.dof > 0
    half = np.full(known.shape, np.nan)
    half[known] = scipy.stats.t.ppf(0.975, result.dof[known]) * result.stderr[known, 2]
    return result.x[:, 2, None] + half[:, None] * [-1, 1]


def verdict(x, low, high):
    """Return a text with the plateau (g) and its limits."""
    if x[2] == 0:
        return "   none   exponential growth to the last day"
    if np.isnan(low):
        return "nothing can be said: fewer weighings than parameters"
    if low <= 0:
        return f"{100 / x[2]:7.0f}   above {100 / high:.0f}, no upper limit"
    return f"{100 / x[2]:7.0f}   {100 / high:.0f} to {100 / low:.0f}"


def print_table(diets, times, result, intervals):
    """Print a row for each chick, and how many plateaus the data determine."""
    print("chick diet weighings   hatched   rate   plateau   95 % interval")
    print("                           (g)  (1/d)       (g)   (g)")
    for b, (diet, t, x) in enumerate(zip(diets, times, result.x, strict=True)):
        said = verdict(x, *intervals[b])
        if len(t) < len(x):
            print(f"{b + 1:5d}{diet:5d}{len(t):10d}   {said}")
        else:
            print(f"{b + 1:5d}{diet:5d}{len(t):10d}{100 * x[0]:10.1f}{x[1] / 10:7.3f}   {said}")
    low, never = intervals[:, 0], result.x[:, 2] == 0
    both, below, unknown = np.sum(low > 0), np.sum(low <= 0), np.sum(np.isnan(low) & ~never)
    print(f"\nPlateaus with two limits: {both}; with no upper limit: {below}; none, since growth")
    print(f"is exponential: {never.sum()}; not determined, for want of weighings: {unknown}.")


def outside(x, low, high):
    """Return a note on a plateau that is not in the picture, or ""."""
    if x[2] == 0:
        return "no plateau"
    if low <= 0:
        return f"plateau > {100 / high:.0f} g"
    if 100 / high > TOP:
        return f"plateau {100 / high:.0f} to {100 / low:.0f} g"
    return ""


def draw(diets, times, weights, result, intervals):
    """Draw all chicks, those with an upper limit to their plateau with the plateau."""
    fig, axes = plt.subplots(
        5, 10, figsize=(14, 7.5), sharex=True, sharey=True, layout="constrained"
    )
    days = np.linspace(0, 21, 100)
    for b, ax in enumerate(axes.flat):
        x, color = result.x[b], COLORS[diets[b]]
        ax.plot(10 * times[b], 100 * weights[b], "o", ms=2.5, color="#555555")
        low, high = intervals[b]
        if low > 0:
            ax.axhspan(100 / high, 100 / low, color=color, alpha=0.15, lw=0)
            ax.axhline(100 / x[2], color=color, lw=0.8, ls=":")
        if np.isnan(low) and x[2] > 0:
            ax.text(3, 100, "not determined", fontsize=7, color=color)
        else:
            seen = days <= 10 * times[b][-1]
            ax.plot(days[seen], 100 * growth(days[seen] / 10, *x), color=color, lw=1.5)
            note = outside(x, low, high)
            ax.text(21.5, 8, note, fontsize=6.5, color=color, ha="right")
        ax.set_title(f"{b + 1}", loc="left", fontsize=8, fontweight="bold", y=0.8, x=0.04)
        ax.set(ylim=(0, TOP), xticks=[0, 10, 20])
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=7)
    lines = [plt.Line2D([], [], color=color, label=f"diet {d}") for d, color in COLORS.items()]
    fig.legend(handles=lines, ncols=4, frameon=False, fontsize=9, loc="outside lower right")
    fig.supxlabel("age (days)", fontsize=10)
    fig.supylabel("weight (g)", fontsize=10)
    fig.suptitle("Logistic curves of 50 chicks (bands: 95 % intervals of plateaus)")
    return fig


def main():
    """Fit all chicks, print the table, save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--output", type=Path, default=HERE / "pictures", help="folder for the picture"
    )
    options = parser.parse_args()

    diets, times, weights = load()
    fit(times, weights)  # compiles
    begin = time.perf_counter()
    result = fit(times, weights)
    seconds = time.perf_counter() - begin
    intervals = plateau_intervals(result)
    print_table(diets, times, result, intervals)
    print(f"{result.message} {1e3 * seconds:.1f} ms, after compilation.")

    plt.switch_backend("Agg")
    options.output.mkdir(parents=True, exist_ok=True)
    picture = draw(diets, times, weights, result, intervals)
    picture.savefig(options.output / "growth_curves.png", dpi=90)


if __name__ == "__main__":
    main()
