"""How often the true parameters are within one standard error: four models, two kinds of noise.

Usage::

    python -m benchmarks.reports.stderr_report                 # 10,000 data sets of each model
    python -m benchmarks.reports.stderr_report --sets 1000000

Each of 60 points has Gaussian noise, or is a count. Shares are in percent. That of a normal
distribution is 68.27. If the size of the noise is taken from the residuals, it is Student's, which
the table names. The standard error of a share is 0.47 with 10,000 data sets.
"""

import argparse

import numpy as np
from numba import njit
from scipy.special import stdtr

import fastopt

T, NOISE, PART = np.linspace(0.1, 8.0, 60), 4.0, 100_000


@njit
def decay(t, height, rate, base):
    """Return an exponential with a background."""
    return height * np.exp(-rate * t) + base


@njit
def peak(t, height, centre, width, base):
    """Return a Gaussian with a background."""
    return height * np.exp(-0.5 * ((t - centre) / width) ** 2) + base


@njit
def response(t, top, middle, slope):
    """Return Hill's curve."""
    return top / (1.0 + (middle / t) ** slope)


@njit
def saturation(t, top, middle):
    """Return Michaelis and Menten's curve."""
    return top * t / (middle + t)


# Model, true parameters, start.
MODELS = (
    (decay, (100.0, 0.8, 20.0), (80.0, 1.0, 10.0)),
    (peak, (120.0, 4.0, 0.7, 15.0), (100.0, 3.8, 0.8, 10.0)),
    (response, (90.0, 2.5, 2.0), (70.0, 2.0, 1.5)),
    (saturation, (80.0, 1.5), (60.0, 1.0)),
)


def drawn(kind, mean, count, rng):
    """Return noisy data with a row for each set, and the settings of their fits."""
    if kind == "counts":
        return rng.poisson(mean, (count, T.size)), {"loss": "poisson", "bounds": (1e-3, np.inf)}
    known = {"sigma": np.full(T.size, NOISE), "absolute_sigma": True}
    return mean + rng.normal(0.0, NOISE, (count, T.size)), known if kind == "known" else {}


def shares(kind, model, truth, start, sets, rng):
    """Return the percentage of data sets for each parameter; a failed fit counts as a miss."""
    inside = np.zeros(len(truth))
    for begin in range(0, sets, PART):
        count = min(PART, sets - begin)
        y, settings = drawn(kind, model(T, *truth), count, rng)
        res = fastopt.curve_fit_batch(model, T, y, start, **settings)
        inside += np.sum(np.abs(res.x - truth) <= res.stderr, axis=0)
    return 100.0 * inside / sets


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description="count true values within one standard error")
    parser.add_argument("--sets", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    print("| model | expected | noise from residuals | noise known: 68.27 | counts: 68.27 |")
    print("|---|---|---|---|---|")
    for model, truth, start in MODELS:
        expected = 200.0 * stdtr(T.size - len(truth), 1.0) - 100.0
        rows = [
            " ".join(f"{share:.2f}" for share in shares(kind, model, truth, start, given.sets, rng))
            for kind in ("residuals", "known", "counts")
        ]
        print(f"| {model.__name__} | {expected:.2f} | {' | '.join(rows)} |", flush=True)


if __name__ == "__main__":
    main()
