"""Logistic regression by mini-batches
===================================

Usage::

    python classify.py                   # the picture goes to examples/pictures
    python classify.py --output pictures

Minimised is what scikit-learn's LogisticRegression minimises, divided by the number of rows: the
mean of the rows' losses -log p(label), and ``|w|^2 / (2 rows C)``, without the intercepts. For the
569 tumours (two classes, 31 parameters) the gradient is derived; for the 1,797 digits (ten classes,
650 parameters) it is written by hand, which pays there.

The script prints losses and accuracies together with scikit-learn's, and draws ``classify.png``. It
needs scikit-learn and matplotlib.
"""

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn import datasets
from sklearn.linear_model import LogisticRegression

import fastopt
from fastopt import schedules

HERE = Path(__file__).resolve().parent
COLORS = {"sgd": "#0072B2", "rmsprop": "#D55E00", "adam": "#009E73"}  # Okabe and Ito's
RATES = {"sgd": 0.2, "rmsprop": 0.01, "adam": 0.02}
EPOCHS, BATCH = 100, 32


def load(name):
    """Return (features, labels) to train on and to test; the last feature is a column of ones."""
    features, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    spread = features.std(axis=0)
    features = (features - features.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    features = np.column_stack([features, np.ones(len(features))])
    order = np.random.default_rng(0).permutation(len(labels))
    test, train = np.split(order, [len(labels) // 5])
    return (features[train], labels[train]), (features[test], labels[test])


def tumour(x, row, label, decay):
    """Return the loss of a row with label 0 or 1; `decay` is 1 / (rows C)."""
    z = np.dot(row, x)
    return np.logaddexp(0.0, z) - label * z + 0.5 * decay * np.sum(x[:-1] ** 2)


def digit(x, g, row, label, decay):
    """Return the loss of a row with one of many labels; x has a row of weights for each."""
    classes, n = x.shape
    z = np.empty(classes)
    for k in range(classes):
        z[k] = 0.0
        for i in range(n):
            z[k] += x[k, i] * row[i]
    top = np.max(z)
    p = np.exp(z - top)
    total, size = np.sum(p), 0.0
    for k in range(classes):
        slope = p[k] / total - (1.0 if k == label else 0.0)
        for i in range(n):
            g[k, i] += slope * row[i]
            if i < n - 1:
                g[k, i] += decay * x[k, i]
                size += x[k, i] ** 2
    return np.log(total) + top - z[label] + 0.5 * decay * size


def train(name, data, method, epochs=EPOCHS, **how):
    """Minimise with a rate that falls to zero."""
    rows, (columns, classes) = len(data[1]), (data[0].shape[1], data[1].max() + 1)
    rate = schedules.cosine(RATES[method], steps=epochs * -(-rows // BATCH), end=1e-5)
    fun, x0, jac = tumour, np.zeros(columns), None
    if name == "digits":
        fun, x0, jac = digit, np.zeros((classes, columns)), "add"
    how = {"batch_size": BATCH, "epochs": epochs, "seed": 0, "jac": jac, "method": method, **how}
    options = {"learning_rate": rate}
    return fastopt.minimize_stochastic(fun, x0, data, (1.0 / rows,), options=options, **how)


def scores(x, features):
    """Return the scores, a column for each class."""
    return features @ x.T if x.ndim > 1 else np.column_stack([0.0 * features[:, 0], features @ x])


def accuracy(x, data):
    return np.mean(np.argmax(scores(x, data[0]), axis=1) == data[1])


def loss(x, data):
    """Return the whole objective at x."""
    z = scores(x, data[0])
    of_rows = np.logaddexp.reduce(z, axis=1) - z[np.arange(len(z)), data[1]]
    return np.mean(of_rows) + 0.5 / len(z) * np.sum(x[..., :-1] ** 2)


def by_sklearn(data):
    """Return the weights that scikit-learn finds, in our shape."""
    model = LogisticRegression(max_iter=10_000, tol=1e-8)
    model.fit(data[0][:, :-1], data[1])
    weights = np.column_stack([model.coef_, model.intercept_])
    return weights if len(weights) > 1 else weights[0]


def report(name):
    """Print the results of both; return data, test data, their weights and our iterates."""
    data, test = load(name)
    begin = time.perf_counter()
    theirs = by_sklearn(data)
    seconds = time.perf_counter() - begin
    print(f"{name}: {len(data[1])} rows to train on, {theirs.size} parameters")
    print(f"  {'':14}{'objective':>12}{'accuracy':>10}{'time':>10}")

    def line(who, x, seconds):
        print(f"  {who:14}{loss(x, data):12.6f}{accuracy(x, test):10.2%}{1e3 * seconds:7.0f} ms")

    line("scikit-learn", theirs, seconds)
    curves = {}
    for method in RATES:
        curve = curves[method] = []
        train(name, data, method, 1)  # compiles
        begin = time.perf_counter()
        res = train(name, data, method)
        line(method, res.x, time.perf_counter() - begin)
        train(name, data, method, callback=lambda xk, c=curve: c.append(xk))
    return data, test, theirs, curves


def draw(name, axes, data, test, theirs, curves):
    """Draw how far the objective is above its minimum, and the accuracy, after each epoch."""
    least, epochs = loss(theirs, data), np.arange(1, EPOCHS + 1)
    for method, points in curves.items():
        above = [loss(x, data) - least for x in points]
        axes[0].semilogy(epochs, above, color=COLORS[method], label=method)
        hits = [100 * accuracy(x, test) for x in points]
        axes[1].plot(epochs, hits, color=COLORS[method], label=method)
    axes[1].axhline(100 * accuracy(theirs, test), color="#555555", ls=":", label="scikit-learn")
    axes[0].set(title=f"{name}: objective above scikit-learn's")
    axes[1].set(title=f"{name}: accuracy on held-out rows (%)")
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_xlabel("epoch")


def main():
    """Train on both data sets, print the tables, save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--output", type=Path, default=HERE / "pictures", help="folder for the picture"
    )
    options = parser.parse_args()
    plt.switch_backend("Agg")
    fig, axes = plt.subplots(2, 2, figsize=(10, 6.5), layout="constrained")
    for row, name in zip(axes, ("breast_cancer", "digits"), strict=True):
        draw(name.replace("_", " "), row, *report(name))
    axes[0, 1].legend(frameon=False)
    options.output.mkdir(parents=True, exist_ok=True)
    fig.savefig(options.output / "classify.png", dpi=90)


if __name__ == "__main__":
    main()
