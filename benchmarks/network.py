"""Epochs of a network on scikit-learn's digits: 64-32-10, float32, mini-batches of 32, Adam.

`peers.py` and the report compare them with torch, optax and scikit-learn.
"""

import numba
import numpy as np

import fastopt

from .helpers.shared import median

INPUTS, HIDDEN, CLASSES = 64, 32, 10
ROWS, BATCH, SEED = 1_440, 32, 1
RATE, ALPHA = 1e-3, 1e-4  # scikit-learn's defaults
OPTIONS = {"learning_rate": RATE}  # or "auto"


@numba.njit(fastmath=True)
def loss(x, rows, labels, alpha):
    """Return the mean cross-entropy of a mini-batch, and scikit-learn's penalty of the weights."""
    n, first = rows.shape[0], INPUTS * HIDDEN
    w, b, rest = x[:first], x[first : first + HIDDEN], x[first + HIDDEN :]
    v, c = rest[: HIDDEN * CLASSES], rest[HIDDEN * CLASSES :]
    h = np.maximum(rows @ w.reshape(INPUTS, HIDDEN) + b, 0)
    z = h @ v.reshape(HIDDEN, CLASSES) + c
    total = 0.5 * alpha * (np.dot(w, w) + np.dot(v, v))
    top = np.empty((n, 1), x.dtype)
    for k in range(n):
        top[k, 0] = np.max(z[k])
        total += top[k, 0] - z[k, labels[k]]
    return (total + np.sum(np.log(np.sum(np.exp(z - top), axis=1)))) / n


def make():
    """Return features from 0 to 1, and labels."""
    from sklearn.datasets import load_digits

    features, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))[:ROWS]
    return (features[order] / 16.0).astype(np.float32), labels[order]


def start():
    """Return weights as scikit-learn draws them (Glorot and Bengio 2010), and zeros."""
    rng = np.random.default_rng(1)

    def layer(rows, columns):
        weights = rng.uniform(-1.0, 1.0, rows * columns) * np.sqrt(6.0 / (rows + columns))
        return weights, np.zeros(columns)

    layers = *layer(INPUTS, HIDDEN), *layer(HIDDEN, CLASSES)
    return np.concatenate(layers).astype(np.float32)


def parts(x):
    """Return weights and biases of both layers, as views."""
    w, b, v, c = np.split(x, np.cumsum([INPUTS * HIDDEN, HIDDEN, HIDDEN * CLASSES]))
    return w.reshape(INPUTS, HIDDEN), b, v.reshape(HIDDEN, CLASSES), c


def cross_entropies(x, features, labels):
    """Return the mean cross-entropy, and its gradient, by plain NumPy."""
    w, b, v, c = parts(x)
    h = np.maximum(features @ w + b, 0.0)
    z = h @ v + c
    z -= z.max(axis=1, keepdims=True)
    p, n = np.exp(z), np.arange(len(labels))
    p /= p.sum(axis=1, keepdims=True)
    f = -np.mean(np.log(p[n, labels]))
    p[n, labels] -= 1.0
    p /= len(labels)
    back = (p @ v.T) * (h > 0.0)
    g = features.T @ back, back.sum(axis=0), h.T @ p, p.sum(axis=0)
    return f, np.concatenate([part.reshape(-1) for part in g])


def trained(x, features, labels, orders):
    """Return x after epochs in these orders, by plain NumPy in float64."""
    x, features = x.astype(float), features.astype(float)
    m, v, t = np.zeros_like(x), np.zeros_like(x), 0
    kept = np.concatenate([np.full(p.size, p.ndim > 1) for p in parts(x)])  # the weights
    for order in orders:
        for rows in np.split(order, range(BATCH, len(order), BATCH)):
            t += 1
            g = cross_entropies(x, features[rows], labels[rows])[1]
            g += ALPHA / len(rows) * kept * x
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            unbiased = m / (1.0 - 0.9**t), v / (1.0 - 0.999**t)
            x = x - RATE * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
    return x


def epochs(data, x0, count=1, options=OPTIONS):
    """Run `count` epochs; return the last iterate."""
    how = {"method": "adam", "batch_size": BATCH, "epochs": count, "seed": SEED}
    return fastopt.minimize_stochastic(
        loss, x0, data, (np.float32(ALPHA),), vectorized=True, options=options, **how
    ).x


class TrackEpochs:
    """Microseconds a mini-batch."""

    params = ("given rate", "found rate")
    param_names = ("learning rate",)
    unit = "us"

    def setup(self, way):
        if not hasattr(fastopt, "minimize_stochastic"):
            raise NotImplementedError("no minimize_stochastic")
        self.data, self.x0 = make(), start()
        self.options = OPTIONS if way == "given rate" else {}
        epochs(self.data, self.x0, options=self.options)

    def track_batch(self, way):
        def run():
            epochs(self.data, self.x0, 20, self.options)

        return median(run, 5) / 20 / (ROWS // BATCH) * 1e6
