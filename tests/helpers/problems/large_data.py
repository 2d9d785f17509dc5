"""Fits to data and optimal control as large problems; data are synthetic and seeded, or public.

`LEARNING` and `CONTROL` need nothing but NumPy. `PUBLIC` needs scikit-learn, when a start or the
arguments are asked for.
"""

import functools
import math

import numba
import numpy as np

from .large_case import Large, constant, multiple_of


@numba.njit
def softplus(z):
    """Return log(1 + exp(z)) and its derivative, without overflow."""
    e = math.exp(-abs(z))
    return max(z, 0.0) + math.log1p(e), (1.0 if z >= 0.0 else e) / (1.0 + e)


@numba.njit
def sparse_logistic(x, columns, values, signs, decay):
    """Mean logistic loss of rows that have few features, and `decay` / 2 times the sum of x^2."""
    rows, width = columns.shape
    f, g = 0.0, np.empty_like(x)
    for i in range(x.size):
        f += 0.5 * decay * x[i] * x[i]
        g[i] = decay * x[i]
    for i in range(rows):
        z = 0.0
        for k in range(width):
            z += values[i, k] * x[columns[i, k]]
        loss, slope = softplus(-signs[i] * z)
        f += loss / rows
        slope *= -signs[i] / rows
        for k in range(width):
            g[columns[i, k]] += slope * values[i, k]
    return f, g


@numba.njit
def logistic(x, features, signs, decay):
    """Mean logistic loss; x has a weight for each feature, then an intercept without decay."""
    rows, width = features.shape
    f, g = 0.0, np.zeros_like(x)
    for k in range(width):
        f += 0.5 * decay * x[k] * x[k]
        g[k] = decay * x[k]
    for i in range(rows):
        z = x[width]
        for k in range(width):
            z += features[i, k] * x[k]
        loss, slope = softplus(-signs[i] * z)
        f += loss / rows
        slope *= -signs[i] / rows
        for k in range(width):
            g[k] += slope * features[i, k]
        g[width] += slope
    return f, g


@numba.njit
def softmax(x, features, labels, classes, decay):
    """Mean cross entropy; x has the weights and the intercept of one class after the other."""
    rows, width = features.shape
    f, g, z = 0.0, decay * x, np.empty(classes)
    for k in range(x.size):
        f += 0.5 * decay * x[k] * x[k]
    for i in range(rows):
        for c in range(classes):
            at = c * (width + 1)
            z[c] = x[at + width]
            for k in range(width):
                z[c] += features[i, k] * x[at + k]
        top, total = np.max(z), 0.0
        f -= z[labels[i]] / rows
        for c in range(classes):
            z[c] = math.exp(z[c] - top)
            total += z[c]
        f += (top + math.log(total)) / rows
        for c in range(classes):
            at = c * (width + 1)
            slope = (z[c] / total - (1.0 if labels[i] == c else 0.0)) / rows
            for k in range(width):
                g[at + k] += slope * features[i, k]
            g[at + width] += slope
    return f, g


RANK = 4


@numba.njit
def factorisation(x, users, items, ratings, rank, decay):
    """Misfit of the known entries of a square matrix U V^T; x has the rows of U, then of V."""
    half = x.size // 2
    f, g = 0.0, np.empty_like(x)
    for i in range(x.size):
        f += 0.5 * decay * x[i] * x[i]
        g[i] = decay * x[i]
    for e in range(users.size):
        u, v = users[e] * rank, half + items[e] * rank
        r = -ratings[e]
        for k in range(rank):
            r += x[u + k] * x[v + k]
        f += 0.5 * r * r
        for k in range(rank):
            g[u + k] += r * x[v + k]
            g[v + k] += r * x[u + k]
    return f, g


@numba.njit
def solve_heat(ratio, y):
    """Solve in place (I + ratio * (-1, 2, -1)) y = right-hand side: one implicit Euler step."""
    n = y.size
    factor = np.empty(n)
    pivot = 1.0 + 2.0 * ratio
    y[0] /= pivot
    for i in range(1, n):
        factor[i] = -ratio / pivot
        pivot = 1.0 + 2.0 * ratio + ratio * factor[i]
        y[i] = (y[i] + ratio * y[i - 1]) / pivot
    for i in range(n - 2, -1, -1):
        y[i] -= factor[i + 1] * y[i + 1]


@numba.njit
def heat(x, wanted, side, cost):
    """Half the squared distance of a temperature from the wanted one, plus the cost of heating.

    x has the heating at `side` points of a rod, for one of `side` steps in time after the other.
    The ends of the rod are at zero, and so is the rod at first; both domains are of length 1.
    """
    h, tau = 1.0 / (side + 1), 1.0 / side
    ratio, weight = tau / (h * h), h * tau
    f, g = 0.0, np.empty_like(x)
    y, p = np.zeros(side), np.zeros(side)
    for t in range(side):
        for j in range(side):
            y[j] += tau * x[t * side + j]
        solve_heat(ratio, y)
        for j in range(side):
            k = t * side + j
            r = y[j] - wanted[k]
            f += 0.5 * weight * (r * r + cost * x[k] * x[k])
            g[k] = weight * r
    for t in range(side - 1, -1, -1):
        for j in range(side):
            p[j] += g[t * side + j]
        solve_heat(ratio, p)
        for j in range(side):
            k = t * side + j
            g[k] = tau * p[j] + weight * cost * x[k]
    return f, g


def sparse_logistic_arguments(n):
    """Return eight features in each of 2 n rows; some features are much rarer than others."""
    random = np.random.default_rng(23)
    columns = (n * random.random((2 * n, 8)) ** 2).astype(np.int64)
    values = random.standard_normal(columns.shape)
    z = np.sum(values * random.standard_normal(n)[columns], axis=1)
    signs = np.where(z + random.logistic(size=2 * n) > 0.0, 1.0, -1.0)
    return columns, values, signs, 1e-2 / n


def factorisation_arguments(n):
    """Return twenty entries in each row of a matrix of rank four, with noise."""
    random = np.random.default_rng(24)
    rows = n // (2 * RANK)
    u, v = random.standard_normal((2, rows, RANK))
    users = np.repeat(np.arange(rows), 20)
    items = random.integers(0, rows, users.size)
    ratings = np.sum(u[users] * v[items], axis=1) + 0.1 * random.standard_normal(users.size)
    return users, items, ratings, RANK, 0.1


def heat_arguments(n):
    """Return a bump that moves along the rod as what is wanted."""
    side = math.isqrt(n)
    t, place = np.arange(1.0, side + 1.0)[:, None] / side, np.arange(1.0, side + 1.0) / (side + 1)
    return np.exp(-50.0 * (place - 0.3 - 0.4 * t) ** 2).ravel(), side, 1e-4


@functools.cache
def cancer_arguments(n, raw):
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    features = np.ascontiguousarray(data.data, float)
    if not raw:
        features = (features - features.mean(0)) / features.std(0)
    return features, np.where(data.target == 1, 1.0, -1.0), 1.0 / len(features)


@functools.cache
def digits_arguments(n):
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.data / 16.0, data.target.astype(np.int64), 10, 1e-3


LEARNING = [
    Large("logistic, sparse", sparse_logistic, constant(0), args=sparse_logistic_arguments),
    Large(
        "matrix factorisation",
        factorisation,
        lambda n: 0.1 * np.random.default_rng(25).standard_normal(n),
        args=factorisation_arguments,
        size=multiple_of(2 * RANK),
    ),
]
CONTROL = [
    Large(
        "heat control", heat, constant(0), args=heat_arguments, size=lambda n: math.isqrt(n) ** 2
    ),
]
PUBLIC = [  # of one size, whatever n is
    Large(
        "logistic, breast cancer",
        logistic,
        constant(0),
        args=lambda n: cancer_arguments(n, False),
        size=lambda n: 31,
    ),
    Large(
        "logistic, breast cancer, raw",
        logistic,
        constant(0),
        args=lambda n: cancer_arguments(n, True),
        size=lambda n: 31,
        spread=1e-3,  # features are up to 4,000
    ),
    Large("softmax, digits", softmax, constant(0), args=digits_arguments, size=lambda n: 650),
]
