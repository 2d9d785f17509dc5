"""Ten tasks for mini-batches: functions of a row, rows to train on, and rows held out.

All data are scikit-learn's or Python's own, or random with a fixed seed. A quarter of the rows is
held out. Penalties are part of each row's loss, so that held-out losses have a minimum.
"""

import collections
import re
from pydoc_data import topics
from typing import Any, NamedTuple

import numpy as np
from sklearn import datasets

SHARE = 0.25


class Task(NamedTuple):
    """A task. `features` are the fields that have units, by their places in the rows."""

    fun: Any
    x0: Any
    rows: tuple
    held_out: tuple
    args: tuple = ()
    epochs: int = 20
    batch_size: int = 32
    features: tuple = (0,)


def split(*fields):
    """Return (rows to train on, rows held out), at random."""
    order = np.random.default_rng(0).permutation(len(fields[0]))
    first = int(SHARE * len(order))
    return tuple(f[order[first:]] for f in fields), tuple(f[order[:first]] for f in fields)


def standardised(features):
    spread = features.std(axis=0)
    return (features - features.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)


def with_ones(features):
    return np.column_stack([features, np.ones(len(features))])


def logistic_loss(x, row, label, decay):
    return np.log1p(np.exp(-label * np.dot(row, x))) + 0.5 * decay * np.dot(x, x)


def logistic():
    """Tell odd digits from even ones."""
    digits = datasets.load_digits()
    rows = split(with_ones(digits.data / 16.0), 2.0 * (digits.target % 2) - 1.0)
    return Task(logistic_loss, np.zeros(65), *rows, (1e-3,))


def multinomial_loss(x, row, label, decay):
    z = x @ row
    top = np.max(z)
    return np.log(np.sum(np.exp(z - top))) + top - z[label] + 0.5 * decay * np.sum(x * x)


def multinomial():
    """Find which of ten digits it is."""
    digits = datasets.load_digits()
    rows = split(with_ones(digits.data / 16.0), digits.target)
    return Task(multinomial_loss, np.zeros((10, 65)), *rows, (1e-3,))


def ridge_loss(x, row, y, decay):
    r = np.dot(row, x) - y
    return 0.5 * r * r + 0.5 * decay * np.dot(x, x)


def ridge():
    """Predict the progress of diabetes (Efron et al. 2004)."""
    features, y = datasets.load_diabetes(return_X_y=True)
    rows = split(with_ones(standardised(features)), (y - y.mean()) / y.std())
    return Task(ridge_loss, np.zeros(11), *rows, (1e-2,))


def network_loss(x, row, label, hidden, classes, decay):
    """Return the cross-entropy of a network with one hidden layer of rectifiers."""
    n = row.size
    second = (n + 1) * hidden
    h, z = np.empty(hidden), np.empty(classes)
    for j in range(hidden):
        s = x[n * hidden + j]
        for i in range(n):
            s += row[i] * x[j * n + i]
        h[j] = max(s, 0.0)
    for k in range(classes):
        s = x[second + hidden * classes + k]
        for j in range(hidden):
            s += h[j] * x[second + k * hidden + j]
        z[k] = s
    top = np.max(z)
    return np.log(np.sum(np.exp(z - top))) + top - z[label] + 0.5 * decay * np.dot(x, x)


def network(data, features, hidden):
    """Return a task with He's start (He et al. 2015)."""
    rng, n, classes = np.random.default_rng(1), features.shape[1], data.target.max() + 1
    first = rng.normal(size=n * hidden) * np.sqrt(2.0 / n)
    second = rng.normal(size=hidden * classes) * np.sqrt(2.0 / hidden)
    x0 = np.concatenate([first, np.zeros(hidden), second, np.zeros(classes)])
    rows = split(features, data.target)
    return Task(network_loss, x0, *rows, (hidden, int(classes), 1e-3))


def network_of_digits():
    """Find which of ten digits it is, by 64-32-10."""
    digits = datasets.load_digits()
    return network(digits, digits.data / 16.0, 32)


def network_of_cancer():
    """Find which of two tumours it is, by 30-16-2."""
    cancer = datasets.load_breast_cancer()
    return network(cancer, standardised(cancer.data), 16)


def factors_loss(x, i, j, rating, decay):
    p, q = x[i], x[j]
    r = np.dot(p, q) - rating
    return 0.5 * r * r + 0.5 * decay * (np.dot(p, p) + np.dot(q, q))


def factorisation():
    """Explain ratings of rank 4 with noise, two fifths of them known, by 6 factors."""
    rng, users, items = np.random.default_rng(5), 120, 80
    low_rank = 0.5 * rng.normal(size=(users, 4)) @ rng.normal(size=(items, 4)).T
    ratings = low_rank + 0.4 * rng.normal(size=(users, items))
    i, j = np.nonzero(rng.random((users, items)) < 0.4)
    x0 = 0.1 * rng.normal(size=(users + items, 6))
    return Task(factors_loss, x0, *split(i, users + j, ratings[i, j]), (0.02,), features=())


def embedding_loss(x, i, j, weight, log_count):
    k = x.shape[1] - 1
    r = np.dot(x[i, :k], x[j, :k]) + x[i, k] + x[j, k] - log_count
    return 0.5 * weight * r * r


def embeddings():
    """Find vectors of the 300 commonest words of Python's manual (Pennington et al. 2014)."""
    words = re.findall(r"[a-z]+", " ".join(topics.topics.values()).lower())[:40_000]
    common = [word for word, _ in collections.Counter(words).most_common(300)]
    number = {word: k for k, word in enumerate(common)}
    text, counts = [number[word] for word in words if word in number], np.zeros((300, 300))
    for apart, weight in ((1, 1.0), (2, 0.5)):
        for a, b in zip(text, text[apart:], strict=False):
            counts[a, b] += weight
            counts[b, a] += weight
    i, j = np.nonzero(counts)
    count = counts[i, j]
    rows = split(i, 300 + j, np.minimum(1.0, (count / 20.0) ** 0.75), np.log(count))
    x0 = np.column_stack([(np.random.default_rng(3).random((600, 8)) - 0.5) / 8.0, np.zeros(600)])
    return Task(embedding_loss, x0, *rows, epochs=10, batch_size=64, features=())


def pinball_loss(x, row, y, level):
    r = y - np.dot(row, x)
    return level * r if r > 0.0 else (level - 1.0) * r


def quantile():
    """Take the 80 % quantile of the progress of diabetes."""
    features, y = datasets.load_diabetes(return_X_y=True)
    rows = split(with_ones(standardised(features)), y / 100.0)
    return Task(pinball_loss, np.zeros(11), *rows, (0.8,))


def quadratic_loss(x, row, h):
    d = x - row
    return 0.5 * np.sum(h * d * d)


def noisy_quadratic():
    """Find a mean of 40 numbers, in a metric of condition 100."""
    rng = np.random.default_rng(8)
    rows = split(3.0 * rng.normal(size=40) + rng.normal(size=(2000, 40)))
    return Task(quadratic_loss, np.zeros(40), *rows, (np.logspace(-2.0, 0.0, 40),), features=())


def poisson_loss(x, row, y, saturated):
    z = np.dot(row, x)
    return np.exp(z) - y * z - saturated


def poisson():
    """Explain counts; the features' units differ by up to a thousand."""
    rng = np.random.default_rng(9)
    features, x = rng.normal(size=(3000, 12)), 0.3 * rng.normal(size=12)
    y = rng.poisson(np.exp(features @ x + 0.5)).astype(float)
    features = with_ones(features * 10.0 ** rng.uniform(-1.5, 1.5, 12))
    saturated = y - y * np.log(np.maximum(y, 1.0))
    return Task(poisson_loss, np.zeros(13), *split(features, y, saturated))


TASKS = {
    "logistic regression": logistic,
    "multinomial regression": multinomial,
    "ridge": ridge,
    "network, digits": network_of_digits,
    "network, cancer": network_of_cancer,
    "factorisation": factorisation,
    "embeddings": embeddings,
    "quantile regression": quantile,
    "noisy quadratic": noisy_quadratic,
    "Poisson regression": poisson,
}


def in_other_units(task):
    """Return the task with each feature multiplied by a power of ten between -3 and 3."""
    n = task.rows[0].shape[1]
    units = 10.0 ** np.random.default_rng(77).uniform(-3.0, 3.0, n)

    def changed(rows):
        return tuple(
            np.ascontiguousarray(f * units) if k in task.features else f for k, f in enumerate(rows)
        )

    return task._replace(rows=changed(task.rows), held_out=changed(task.held_out))
