"""Fit twelve people's drug levels, and refit them 120,000 times
=============================================================

Usage::

    python pharmacokinetics.py                          # 10,000 refits for each subject
    python pharmacokinetics.py --refits 1000 --weights cases
    python pharmacokinetics.py --output pictures        # default: examples/pictures

One compartment with absorption from the gut: after a dose D (mg/kg) the concentration is

    c(t) = D ka ke / (CL (ka - ke)) (exp(-ke t) - exp(-ka t)),

with the absorption rate ka, the elimination rate ke and the clearance CL = ke V, V being the
volume. Swapping ka and ke gives the same curve with another V ("flip-flop kinetics"), so data alone
cannot distinguish them. Bounds do: ke stays below 0.3 / h and ka above. The parameters are
logarithms.

A bootstrap refit gives the 11 observations of a subject random weights, which are one more array of
data. Drawing cases (``--weights cases``) means whole, multinomial weights. Some draws leave out all
early samples; then ka is not determined and ends anywhere up to its bound. By default weights
are fractional (Dirichlet; Rubin 1981, The Bayesian Bootstrap): no observation is ever lost.

The script prints clearance, volume and absorption rate with their standard errors, and 95 %
intervals (percentiles) of the refits. It also prints the share of refits that ended on a bound, and
the time taken. The pictures are ``pharmacokinetics.png`` and ``pharmacokinetics_bootstrap.png``.
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import scipy.optimize
import scipy.stats
from numba import njit

import fastopt

HERE = Path(__file__).resolve().parent
BOUNDS = scipy.optimize.Bounds(np.log([0.01, 0.3, 0.003]), np.log([0.3, 30, 0.3]))  # ke, ka, CL
START = np.log([0.1, 1.5, 0.04])
NAMES = ("clearance CL (L/h/kg)", "volume V (L/kg)", "absorption rate ka (1/h)")
BLUE, ORANGE = "#0072B2", "#D55E00"  # from Okabe and Ito's palette


def load():
    """Return doses (12), times and concentrations (12 x 11)."""
    text = (HERE / "data" / "theoph.csv").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    subject, _, dose, hours, conc = np.loadtxt(rows[1:], delimiter=",", unpack=True)
    shape = len(np.unique(subject)), -1  # all have 11 samples
    return dose.reshape(shape)[:, 0], hours.reshape(shape), conc.reshape(shape)


@njit
def concentration(at, log_ke, log_ka, log_clearance):
    """Return the concentration (mg/L) after a dose and t hours, the pair `at`."""
    dose, t = at
    ke, ka, clearance = np.exp(log_ke), np.exp(log_ka), np.exp(log_clearance)
    return dose * ka * ke / (clearance * (ka - ke)) * (np.exp(-ke * t) - np.exp(-ka * t))


def fit(start, dose, t, conc, weights):
    """Fit every row of the data, with errors. A weight of zero is an infinite error of a datum."""
    at = np.broadcast_to(dose[:, None], t.shape), t
    with np.errstate(divide="ignore"):
        sigma = 1.0 / np.sqrt(weights)
    return fastopt.curve_fit_batch(concentration, at, conc, start, sigma, bounds=BOUNDS)


def random_weights(kind, rng, refits, size):
    """Return refits x size weights that sum up to size in each refit."""
    if kind == "cases":
        return rng.multinomial(size, np.full(size, 1 / size), refits).astype(float)
    return size * rng.dirichlet(np.ones(size), refits)


def bootstrap(kind, refits, fits, dose, t, conc):
    """Refit every subject under random weights, from its own fit, in one call."""
    weights = random_weights(kind, np.random.default_rng(1), len(dose) * refits, t.shape[1])
    data = [np.repeat(a, refits, axis=0) for a in (fits.x, dose, t, conc)]
    return fit(*data, weights)


def figures(x):
    """Return clearance, volume and absorption rate, for x with any leading axes."""
    ke, ka, clearance = np.moveaxis(np.exp(x), -1, 0)
    return np.stack([clearance, clearance / ke, ka], axis=-1)


def standard_errors(fits):
    """Return the errors of the figures, linear in the errors of the logarithms."""
    ke, ka, clearance = fits.cov.diagonal(axis1=1, axis2=2).T
    volume = clearance + ke - 2.0 * fits.cov[:, 0, 2]
    return figures(fits.x) * np.sqrt(np.stack([clearance, volume, ka], axis=-1))


def print_table(fits, refits):
    """Print estimates and intervals, and how many refits had to be held by a bound."""
    best, errors = figures(fits.x), standard_errors(fits)
    low, high = np.percentile(figures(refits), [2.5, 97.5], axis=1)
    held = np.any((refits <= BOUNDS.lb) | (refits >= BOUNDS.ub), axis=2).mean(axis=1)
    print("subject" + "".join(f"{name:^37}" for name in NAMES) + "on a bound")
    for b in range(len(best)):
        row = zip(best[b], errors[b], low[b], high[b], strict=True)
        texts = (f"{e:9.3g} ± {s:#.2g} [{lo:#.3g}, {hi:#.3g}]" for e, s, lo, hi in row)
        cells = "".join(text.ljust(37) for text in texts)
        print(f"{b + 1:7d}{cells}{held[b]:10.2%}")


def draw_fits(dose, t, conc, fits, refits):
    """Draw the observations, the fits and the band that holds 95 % of the refitted curves."""
    fig, axes = plt.subplots(3, 4, figsize=(12, 7), sharex=True, sharey=True, layout="constrained")
    hours, curve = np.linspace(0, 25, 150), concentration.py_func  # NumPy's: there are more axes
    for b, ax in enumerate(axes.flat):
        curves = curve((dose[b], hours), *refits[b, :1000].T[:, :, None])
        band = np.percentile(curves, [2.5, 97.5], axis=0)
        ax.fill_between(hours, *band, color=BLUE, alpha=0.25, lw=0, label="95 % of refits")
        ax.plot(hours, curve((dose[b], hours), *fits.x[b]), color=BLUE, lw=1.6, label="fit")
        ax.plot(t[b], conc[b], "o", ms=3.5, color="#555555", label="data")
        ax.set_title(f"subject {b + 1}", loc="left", fontsize=9, fontweight="bold")
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
    axes[0, 0].legend(frameon=False, fontsize=8)
    fig.supxlabel("time since the dose (h)", fontsize=10)
    fig.supylabel("theophylline in serum (mg/L)", fontsize=10)
    return fig


def draw_histograms(fits, refits):
    """Draw a histogram of every subject's refits, their interval, and the fit's own one."""
    fig, axes = plt.subplots(1, 3, figsize=(12, 7), sharey=True, layout="constrained")
    best, found = figures(fits.x), figures(refits)
    # Symmetric for the logarithms, which are the parameters of the fits.
    times = np.exp(scipy.stats.t.ppf(0.975, fits.dof)[:, None] * standard_errors(fits) / best)
    for k, ax in enumerate(axes):
        ends = np.percentile(found[..., k], [0.05, 99.95])
        edges = np.linspace(*ends, 100) if k < 2 else np.geomspace(*ends, 100)
        for b in range(len(best)):
            counts, _ = np.histogram(found[b, :, k], edges)
            height = 0.8 * counts / counts.max()
            ax.stairs(-(b + 1) + height, edges, baseline=-(b + 1), fill=True, color=BLUE, alpha=0.6)
            interval = np.percentile(found[b, :, k], [2.5, 97.5])
            ax.plot(interval, [-b - 1.05] * 2, color=ORANGE, lw=2, solid_capstyle="butt")
            sides = np.array([[1.0 - 1.0 / times[b, k]], [times[b, k] - 1.0]])
            bar = {"xerr": best[b, k] * sides, "color": "#555555", "elinewidth": 1.2, "capsize": 2}
            ax.errorbar(best[b, k], -b - 1.13, fmt=".", ms=3, **bar)
            ax.plot(best[b, k], -b - 1.05, "o", ms=5, color=ORANGE, mec="white")
        ax.set_xlabel(NAMES[k])
        ax.spines[["top", "right", "left"]].set_visible(False)
    axes[2].set(xscale="log", xticks=[0.5, 1, 2, 5, 10, 20], xticklabels=[0.5, 1, 2, 5, 10, 20])
    axes[2].minorticks_off()
    axes[0].set_yticks(-np.arange(1, len(best) + 1), [f"subject {b + 1}" for b in range(len(best))])
    intervals = "95 % intervals of them (orange) and of the fits (grey)"
    fig.suptitle(f"{refits.shape[1]:,} refits for each subject, {intervals}")
    return fig


def main():
    """Fit all subjects, refit them, print the intervals, save the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--refits", type=int, default=10_000, help="refits for each subject")
    parser.add_argument("--weights", choices=("fractional", "cases"), default="fractional")
    parser.add_argument(
        "--output", type=Path, default=HERE / "pictures", help="folder for the pictures"
    )
    options = parser.parse_args()

    dose, t, conc = load()
    fits = fit(START, dose, t, conc, np.ones_like(conc))
    print(f"Fits: {fits.message}")
    begin = time.perf_counter()
    again = bootstrap(options.weights, options.refits, fits, dose, t, conc)
    seconds = time.perf_counter() - begin
    refits = again.x.reshape(len(dose), options.refits, 3)
    print(f"Refits: {again.message} {seconds:.2f} s, {len(again.x) / seconds:,.0f} a second.")
    print_table(fits, refits)

    plt.switch_backend("Agg")
    options.output.mkdir(parents=True, exist_ok=True)
    curves = draw_fits(dose, t, conc, fits, refits)
    curves.savefig(options.output / "pharmacokinetics.png", dpi=90)
    histograms = draw_histograms(fits, refits)
    histograms.savefig(options.output / "pharmacokinetics_bootstrap.png", dpi=90)


if __name__ == "__main__":
    main()
