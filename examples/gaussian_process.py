"""Thirty length scales of a Gaussian process
============================================

Usage::

    pip install scikit-learn
    python gaussian_process.py                   # the picture goes to examples/pictures
    python gaussian_process.py --output pictures
    python gaussian_process.py --rows 400        # of training data

A Gaussian process learns from 30 measurements of a cell whether a tumour is malignant (the data
are scikit-learn's). The label is -1 or 1, with noise, and the covariance of two labels falls with
the distance of their rows. Each measurement has a length scale of its own. So there are 32
parameters, which the marginal likelihood chooses (Rasmussen and Williams 2006, equation 2.30). A
measurement that tells nothing gets a long scale: that is automatic relevance determination. The
likelihood has several maxima, and the start decides which one a search finds.

The objective fills the covariance matrix in loops, and takes its Cholesky factor. Its gradient is
derived in reverse mode, through the factor and the linear system. scikit-learn has a gradient that
was written by hand, with a matrix for each parameter. The script fits both, prints likelihoods and
times, and draws ``gaussian_process.png``. It needs matplotlib.
"""

import argparse
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numba import njit
from sklearn.datasets import load_breast_cancer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

import fastopt

HERE = Path(__file__).resolve().parent
SCALE = 3.0  # all length scales at the start, in standard deviations of the measurement
BOUNDS = np.log(1e-5), np.log(1e5)  # of the logarithm of each parameter; scikit-learn's defaults


@njit
def covariance(theta, a, b):
    """Return the covariances of the rows of two tables, without the noise.

    `theta` has the logarithms of the variance, of the length scale of each column, and of the
    variance of the noise.
    """
    found = np.empty((a.shape[0], b.shape[0]))
    weights = np.exp(-2.0 * theta[1:-1])
    for i in range(a.shape[0]):
        for j in range(b.shape[0]):
            square = 0.0
            for k in range(a.shape[1]):
                square += (a[i, k] - b[j, k]) ** 2 * weights[k]
            found[i, j] = np.exp(theta[0] - 0.5 * square)
    return found


@njit
def cost(theta, rows, labels):
    """Return the logarithm of the marginal likelihood, with a minus sign."""
    matrix = covariance(theta, rows, rows)
    for i in range(labels.size):
        matrix[i, i] += np.exp(theta[-1])
    factor = np.linalg.cholesky(matrix)
    whitened = np.linalg.solve(factor, labels)
    total = 0.5 * np.sum(whitened**2) + 0.5 * labels.size * np.log(2.0 * np.pi)
    for i in range(labels.size):
        total += np.log(factor[i, i])
    return total


def load(count):
    """Return rows and labels for training, those held out, and the names of the columns."""
    data = load_breast_cancer()
    order = np.random.default_rng(0).permutation(data.target.size)
    train, held_out = order[:count], order[count:]
    rows = (data.data - data.data[train].mean(axis=0)) / data.data[train].std(axis=0)
    labels = 2.0 * data.target - 1.0
    return rows[train], labels[train], rows[held_out], labels[held_out], data.feature_names


def fit(rows, labels):
    """Return the result: x is `theta`; all length scales begin with the same."""
    start = np.log([1.0, *[SCALE] * rows.shape[1], 0.1])
    return fastopt.minimize(cost, start, (rows, labels), bounds=[BOUNDS] * start.size)


def by_scikit_learn(rows, labels):
    """Return scikit-learn's process, fitted from the same start within the same bounds."""
    kernel = ConstantKernel(1.0) * RBF(np.full(rows.shape[1], SCALE)) + WhiteKernel(0.1)
    process = GaussianProcessRegressor(kernel, alpha=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # long scales at their bounds, and the end of its search
        return process.fit(rows, labels)


def predict(theta, rows, labels, new):
    """Return means and standard deviations of the labels of new rows."""
    matrix = covariance(theta, rows, rows) + np.exp(theta[-1]) * np.eye(labels.size)
    across = covariance(theta, new, rows)
    mean = across @ np.linalg.solve(matrix, labels)
    explained = np.sum(across * np.linalg.solve(matrix, across.T).T, axis=1)
    return mean, np.sqrt(np.exp(theta[0]) + np.exp(theta[-1]) - explained)


def timed(function, *args):
    """Return a result and the seconds that it took."""
    begin = time.perf_counter()
    found = function(*args)
    return found, time.perf_counter() - begin


def report(res, process, seconds, data):
    """Print likelihoods, times, and how many held-out labels have the right sign."""
    rows, labels, new, truth, _ = data
    slope = fastopt.value_and_grad(cost, jac=res.jac_method)
    ours = min(timed(slope, res.x, rows, labels)[1] for _ in range(5))
    alone = min(timed(cost, res.x, rows, labels)[1] for _ in range(5))
    theta = process.kernel_.theta
    theirs = min(timed(process.log_marginal_likelihood, theta, True)[1] for _ in range(5))
    right = np.mean(np.sign(predict(res.x, rows, labels, new)[0]) == truth)
    right_theirs = np.mean(np.sign(process.predict(new)) == truth)
    print(f"{labels.size} rows, {res.x.size} parameters, gradient by {res.jac_method} mode")
    print("                 log likelihood   fit [s]   value and gradient [ms]   right, held out")
    row = "{:15s} {:15.4f} {:9.2f} {:25.2f} {:15.1f} %"
    print(row.format("fastopt", -res.fun, seconds[0], ours * 1e3, 100 * right))
    their_best = process.log_marginal_likelihood_value_
    row_of = row.format("scikit-learn", their_best, seconds[1], theirs * 1e3, 100 * right_theirs)
    print(row_of)
    print(f"  the likelihood alone takes {alone * 1e3:.2f} ms")


def draw(res, process, data):
    """Draw the relevances of the measurements, and predictions of the labels held out."""
    rows, labels, new, truth, names = data
    fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    relevance, theirs = np.exp(-res.x[1:-1]), np.exp(-process.kernel_.theta[1:-1])
    first = np.argsort(relevance)[-12:]
    axes[0].barh(np.arange(first.size), relevance[first], label="fastopt")
    axes[0].plot(theirs[first], np.arange(first.size), "ok", markersize=4, label="scikit-learn")
    axes[0].set_yticks(np.arange(first.size), names[first])
    axes[0].set(title="relevance: 1 / length scale")
    axes[0].legend(frameon=False, loc="lower right")
    mean, deviation = predict(res.x, rows, labels, new)
    order = np.argsort(mean)
    for label, name, colour in ((-1.0, "malignant", "C3"), (1.0, "benign", "C0")):
        chosen = np.flatnonzero(truth[order] == label)
        how = {"fmt": ".", "color": colour, "elinewidth": 0.4, "label": name}
        axes[1].errorbar(chosen, mean[order][chosen], deviation[order][chosen], **how)
    axes[1].axhline(0.0, color="0.6", linewidth=0.8)
    axes[1].set(title="labels held out: prediction ± standard deviation")
    axes[1].set(xlabel="rows, by their prediction", ylabel="label")
    axes[1].legend(frameon=False)
    return fig


def main():
    """Fit both, print the comparison, save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--output", type=Path, default=HERE / "pictures", help="folder for the picture"
    )
    parser.add_argument("--rows", type=int, default=250, help="rows of training data")
    options = parser.parse_args()
    plt.switch_backend("Agg")
    data = load(options.rows)
    fit(*(part[:20] for part in data[:2]))  # compiles
    res, ours = timed(fit, *data[:2])
    process, theirs = timed(by_scikit_learn, *data[:2])
    report(res, process, (ours, theirs), data)
    options.output.mkdir(parents=True, exist_ok=True)
    draw(res, process, data).savefig(options.output / "gaussian_process.png", dpi=90)


if __name__ == "__main__":
    main()
