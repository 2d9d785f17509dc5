"""Fit NIST's certified regression problems, nothing tuned
=======================================================

Usage::

    python fit_nist.py                      # NIST's second (nearer) starts
    python fit_nist.py --start 1 --verbose  # the harder starts, every parameter printed
    python fit_nist.py --only Gauss1 Gauss2 # some of the eight data sets
    python fit_nist.py --output figures     # default: examples/pictures

The script prints how many digits of each fit agree with NIST's certified parameters. SciPy's
L-BFGS-B with the same gradient, derived by fastopt, is shown for comparison. The pictures are
``fit_nist.png`` and ``fit_nist_convergence.png``.
"""

import argparse
import math
import time
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import nist
import numpy as np
import scipy.optimize

import fastopt

HERE = Path(__file__).parent

MAXFEV = 200_000
CERTIFIED_DIGITS = 11
RSS_PRECISION = 1e-10  # 11 rounded digits have a relative error of up to 5e-11

# Okabe and Ito's palette, which colour-blind readers can distinguish.
COLORS = {"adagrad": "#0072B2", "rmsprop": "#D55E00", "L-BFGS-B": "#999999"}
LABELS = {"adagrad": "AdaGrad", "rmsprop": "RMSProp", "L-BFGS-B": "L-BFGS-B (SciPy)"}


def solvers(data, start):
    """Return, for each method, a function from an evaluation budget to an OptimizeResult."""
    fun = nist.misfit(nist.MODELS[data.name])
    x0 = data.starts[start - 1]
    fun_and_jac = fastopt.value_and_grad(fun, size=len(x0))
    args = (data.x, data.y)

    def adaptive(method, maxfev):
        return fastopt.minimize(fun, x0, args, method=method, options={"maxfev": maxfev})

    def quasi_newton(maxfev):
        # SciPy's own tolerances stop at four or five digits; these are fastopt's.
        options = {"maxfun": maxfev, "maxiter": maxfev, "ftol": 4 * np.finfo(float).eps}
        options["gtol"] = 1e-6
        return scipy.optimize.minimize(
            fun_and_jac, x0, args, method="L-BFGS-B", jac=True, options=options
        )

    return {
        "adagrad": partial(adaptive, "adagrad"),
        "rmsprop": partial(adaptive, "rmsprop"),
        "L-BFGS-B": quasi_newton,
    }


def agreeing_digits(b, certified):
    """Return the number of certified digits that all parameters share, from 0 to 11."""
    error = np.max(np.abs(b - certified) / np.abs(certified))
    if not error < 1.0:
        return 0.0
    return min(CERTIFIED_DIGITS, -math.log10(max(error, 1e-16)))


def timed(solve):
    """Solve once, which compiles, then up to three times; return the result and the best time."""
    result = solve(MAXFEV)
    seconds = []
    while len(seconds) < 3 and sum(seconds) < 1.0:
        begin = time.perf_counter()
        solve(MAXFEV)
        seconds.append(time.perf_counter() - begin)
    return result, min(seconds)


def history(solve, nfev):
    """Return the evaluations spent and the best value found under growing budgets.

    Runs are reproducible, so shorter runs are the beginnings of the longest. SciPy finishes its
    current line search, so the evaluations counted are those spent, not those allowed.
    """
    budgets = np.unique(np.geomspace(1, max(nfev, 2), 60).astype(int))
    runs = [solve(int(budget)) for budget in budgets]
    return np.array([run.nfev for run in runs]), np.array([run.fun for run in runs])


def print_header(start):
    """Print the two heading lines of the table."""
    print(f"Digits of the certified parameters found from NIST's start {start}, with no tuning;")
    print("evaluations of the function and its gradient; best of up to three times, compiled.\n")
    print(" " * 16 + "".join(f"{LABELS[m]:^29}" for m in COLORS))
    print("data set  params" + f"{'digits':>10}{'evals':>8}{'time':>11}" * len(COLORS))


def print_row(data, fits):
    """Print one data set's row."""
    row = f"{data.name:10}{len(data.certified):6d}"
    for result, seconds in fits.values():
        digits = agreeing_digits(result.x, data.certified)
        row += f"{digits:10.1f}{result.nfev:8d}{1e3 * seconds:8.2f} ms"
    print(row)


def print_parameters(data, fits):
    """Print every parameter with its certified value, and the residual sums of squares."""
    print(f"{'':10}{'certified':>20}" + "".join(f"{LABELS[m]:>20}" for m in fits))
    for k, value in enumerate(data.certified):
        found = "".join(f"{result.x[k]:20.10e}" for result, _ in fits.values())
        print(f"{f'b{k + 1}':>10}{value:20.10e}{found}")
    found = "".join(f"{result.fun:20.10e}" for result, _ in fits.values())
    print(f"{'rss':>10}{data.certified_rss:20.10e}{found}")
    print("".join(f"{LABELS[m]:>20}: {result.message}\n" for m, (result, _) in fits.items()))


def style(ax, title):
    """Give an axis the look that both pictures share."""
    ax.set_title(title, loc="left", fontsize=10, fontweight="bold")
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8)


def panels(count, **how):
    """Make a panel for each of up to eight data sets."""
    rows, columns = -(-count // 4), min(count, 4)
    size = max(8.0, 3.25 * columns), 3.0 * rows
    fig, axes = plt.subplots(
        rows, columns, figsize=size, layout="constrained", squeeze=False, **how
    )
    for ax in axes.flat[count:]:
        ax.set_visible(False)
    return fig, axes.flat[:count]


def draw_fits(datasets, all_fits, start):
    """Draw the observations and the curves found by RMSProp, from the curves at the start."""
    fig, axes = panels(len(datasets))
    for ax, data in zip(axes, datasets, strict=True):
        curve = nist.MODELS[data.name]
        x = np.linspace(data.x.min(), data.x.max(), 400)
        result, _ = all_fits[data.name]["rmsprop"]
        ax.plot(data.x, data.y, "o", ms=3.5, mfc="none", mec="#555555", mew=0.8, label="data")
        ax.plot(x, curve(result.x, x), color=COLORS["rmsprop"], lw=1.8, label="fit")
        low, high = ax.get_ylim()
        begin = curve(data.starts[start - 1], x)
        ax.plot(x, begin, color="#56B4E9", lw=1.2, ls="--", zorder=1, label="start")
        ax.set_ylim(low, high)
        style(ax, f"{data.name}, {len(result.x)} parameters")
        ax.set_xlabel(data.labels[0], fontsize=8)
        ax.set_ylabel(data.labels[1], fontsize=8)
    axes[0].legend(frameon=False, fontsize=8)
    fig.suptitle("NIST reference data sets fitted by RMSProp, nothing tuned")
    return fig


def draw_convergence(datasets, histories):
    """Draw the relative excess over the certified residual sum against evaluations."""
    fig, axes = panels(len(datasets), sharex=True, sharey=True)
    for ax, data in zip(axes, datasets, strict=True):
        for depth, (method, color) in enumerate(COLORS.items()):
            spent, values = histories[data.name][method]
            excess = (values - data.certified_rss) / data.certified_rss
            there = excess <= RSS_PRECISION
            end = np.argmax(there) + 1 if there.any() else len(excess)  # the limit of precision
            excess = np.maximum(excess[:end], RSS_PRECISION)
            ax.plot(spent[:end], excess, color=color, label=LABELS[method], zorder=3 - depth)
            ax.plot(spent[end - 1], excess[-1], "o", ms=4, color=color, zorder=3 - depth)
        ax.axhline(RSS_PRECISION, color="black", lw=0.6, ls=":")
        ax.set(xscale="log", yscale="log")
        style(ax, data.name)
    axes[0].legend(frameon=False, fontsize=8)
    fig.supxlabel("evaluations of the function and its gradient", fontsize=10)
    fig.supylabel("relative excess over the certified\nresidual sum of squares", fontsize=10)
    fig.suptitle("Convergence to NIST's certified residual sum of squares (dotted: its precision)")
    return fig


def main():
    """Fit all data sets, print the table, save the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--start", type=int, choices=(1, 2), default=2, help="NIST's start")
    parser.add_argument("--verbose", action="store_true", help="print every parameter")
    sets = {"nargs": "+", "choices": nist.MODELS, "default": nist.MODELS, "metavar": "SET"}
    parser.add_argument("--only", **sets, help="some of the data sets")
    parser.add_argument(
        "--output", type=Path, default=HERE / "pictures", help="folder for the pictures"
    )
    options = parser.parse_args()

    datasets = [nist.load(name) for name in options.only]
    all_fits, histories = {}, {}
    print_header(options.start)
    for data in datasets:
        solve = solvers(data, options.start)
        fits = {method: timed(solve[method]) for method in COLORS}
        print_row(data, fits)
        if options.verbose:
            print_parameters(data, fits)
        all_fits[data.name] = fits
        histories[data.name] = {m: history(solve[m], fits[m][0].nfev) for m in COLORS}

    plt.switch_backend("Agg")
    options.output.mkdir(parents=True, exist_ok=True)
    draw_fits(datasets, all_fits, options.start).savefig(options.output / "fit_nist.png", dpi=130)
    convergence = draw_convergence(datasets, histories)
    convergence.savefig(options.output / "fit_nist_convergence.png", dpi=130)


if __name__ == "__main__":
    main()
