"""A network that learns to read digits
=====================================

Usage::

    python network.py                   # the picture goes to examples/pictures
    python network.py --output pictures
    python network.py --splits 10       # of the images, over which accuracies are averaged

The network has 64 inputs, 32 hidden units (rectifiers) and 10 outputs. Its loss is an ordinary
function of a mini-batch: two products of matrices, and a loop for the cross-entropy. Its gradient
is derived, in reverse mode. The learning rate is found on the way: nothing is tuned.

The images are scikit-learn's 1,797 digits; 357 of them are held out. The script prints accuracies
and times beside those of scikit-learn's MLPClassifier, of the same size, with its default Adam and
the same penalty. It draws ``network.png``: the losses, the accuracy on held-out images, and which
digits are taken for others. It needs scikit-learn and matplotlib.
"""

import argparse
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numba import njit
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

import fastopt

HERE = Path(__file__).resolve().parent
INPUTS, HIDDEN, CLASSES = 64, 32, 10
ALPHA = 1e-4  # the penalty of the weights: scikit-learn's default
EPOCHS, HELD_OUT = 40, 357


def load(split):
    """Return (features, labels) to train on and to test."""
    features, labels = load_digits(return_X_y=True)
    features = (features / 16.0).astype(np.float32)
    order = np.random.default_rng(split).permutation(len(labels))
    test, train = np.split(order, [HELD_OUT])
    return (features[train], labels[train]), (features[test], labels[test])


@njit(fastmath=True)
def scores(x, rows):
    """Return the outputs, a row for each row; x has weights and biases of the two layers."""
    w, rest = x[: INPUTS * HIDDEN].reshape(INPUTS, HIDDEN), x[INPUTS * HIDDEN :]
    b, rest = rest[:HIDDEN], rest[HIDDEN:]
    v, c = rest[: HIDDEN * CLASSES].reshape(HIDDEN, CLASSES), rest[HIDDEN * CLASSES :]
    return np.maximum(rows @ w + b, 0) @ v + c


@njit(fastmath=True)
def loss(x, rows, labels, alpha):
    """Return the mean cross-entropy of a mini-batch, and the penalty that scikit-learn has."""
    z, n, first = scores(x, rows), rows.shape[0], x[: INPUTS * HIDDEN]
    second = x[first.size + HIDDEN : x.size - CLASSES]
    total = 0.5 * alpha * (np.dot(first, first) + np.dot(second, second))
    top = np.empty((n, 1), x.dtype)
    for k in range(n):
        top[k] = np.max(z[k])
        total += top[k, 0] - z[k, labels[k]]
    return (total + np.sum(np.log(np.sum(np.exp(z - top), axis=1)))) / n


def start(seed):
    """Return random weights (Glorot and Bengio 2010), and zeros as biases."""
    rng, layers = np.random.default_rng(seed), []
    for rows, columns in ((INPUTS, HIDDEN), (HIDDEN, CLASSES)):
        width = np.sqrt(6.0 / (rows + columns))
        layers += [rng.uniform(-width, width, rows * columns), np.zeros(columns)]
    return np.concatenate(layers).astype(np.float32)


def train(data, seed=0, epochs=EPOCHS, **how):
    """Minimise, with nothing tuned."""
    return fastopt.minimize_stochastic(
        loss,
        start(seed),
        data,
        (np.float32(ALPHA),),
        vectorized=True,
        batch_size=32,
        epochs=epochs,
        seed=seed,
        **how,
    )


def by_sklearn(data, seed=0):
    """Return scikit-learn's network."""
    model = MLPClassifier((HIDDEN,), alpha=ALPHA, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # its 200 epochs are its default
        return model.fit(*data)


def accuracy(x, data):
    return np.mean(np.argmax(scores(x, data[0]), axis=1) == data[1])


def timed(function, *args):
    """Return the result of a call, and its seconds."""
    begin = time.perf_counter()
    return function(*args), time.perf_counter() - begin


def report(splits):
    """Print accuracies and times of both, means over the splits."""
    train(load(0)[0], epochs=1)  # compiles
    found = []
    for split in range(splits):
        data, test = load(split)
        ours, seconds = timed(train, data, split)
        theirs, their_seconds = timed(by_sklearn, data)
        epochs, their_epochs = len(ours.loss), theirs.n_iter_
        hits = accuracy(ours.x, test), theirs.score(*test)
        found.append((*hits, seconds, their_seconds, epochs, their_epochs))
    ours, theirs, seconds, their_seconds, epochs, their_epochs = np.mean(found, axis=0)
    print(f"{len(data[1]):,} images, {start(0).size:,} parameters; means of {splits} splits")
    print(f"  {'':14}{'accuracy':>10}{'epochs':>8}{'time':>10}{'an epoch':>12}")
    for who, hits, count, whole in (
        ("fastopt", ours, epochs, seconds),
        ("scikit-learn", theirs, their_epochs, their_seconds),
    ):
        print(f"  {who:14}{hits:10.2%}{count:8.0f}{whole:8.2f} s{1e3 * whole / count:9.2f} ms")


def mistakes(x, test):
    """Return how often each digit was taken for each, a row for each digit."""
    table = np.zeros((CLASSES, CLASSES), int)
    np.add.at(table, (test[1], np.argmax(scores(x, test[0]), axis=1)), 1)
    return table


def draw(losses, hits, table, reference):
    """Draw the loss, the accuracy, and the digits that are taken for others."""
    fig, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    epochs = np.arange(1, len(losses) + 1)
    axes[0].semilogy(epochs, losses, color="#D55E00")
    axes[0].set(title="mean loss of the mini-batches", xlabel="epoch")
    axes[1].plot(epochs, 100.0 * np.array(hits), color="#D55E00", label="fastopt")
    axes[1].axhline(100.0 * reference, color="#555555", ls=":", label="scikit-learn")
    axes[1].set(title="accuracy on held-out images (%)", xlabel="epoch")
    axes[1].legend(frameon=False)
    for ax in axes[:2]:
        ax.spines[["top", "right"]].set_visible(False)
    axes[2].imshow(np.sqrt(table), cmap="Blues")
    for (row, column), count in np.ndenumerate(table):
        if count:
            color = "white" if row == column else "black"
            axes[2].text(column, row, count, ha="center", va="center", fontsize=7, color=color)
    axes[2].set(title="held-out images", xlabel="taken for", ylabel="digit")
    axes[2].set(xticks=range(CLASSES), yticks=range(CLASSES))
    return fig


def main():
    """Train, print the table, save the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--output", type=Path, default=HERE / "pictures", help="folder for the picture"
    )
    parser.add_argument("--splits", type=int, default=5, help="of the images")
    options = parser.parse_args()
    plt.switch_backend("Agg")
    report(options.splits)
    (data, test), hits = load(0), []
    res = train(data, callback=lambda xk: hits.append(accuracy(xk, test)))
    fig = draw(res.loss, hits, mistakes(res.x, test), by_sklearn(data).score(*test))
    options.output.mkdir(parents=True, exist_ok=True)
    fig.savefig(options.output / "network.png", dpi=90)


if __name__ == "__main__":
    main()
