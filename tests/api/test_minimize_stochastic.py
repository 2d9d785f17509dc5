"""`minimize_stochastic` against a plain NumPy loop over the same mini-batches."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import REFERENCES
from rule_options import representative_methods

import fastopt

RNG = np.random.default_rng(8)
N, ROWS = 11, 43
A = RNG.normal(size=(ROWS, N))
B = np.where(RNG.random(ROWS) < 0.5, 1.0, -1.0)
X0 = RNG.normal(size=N) / 4
RATE = 0.02


def logistic(x, a, b):
    return np.log1p(np.exp(-b * np.dot(a, x)))


def with_gradient(x, a, b):
    e = np.exp(-b * np.sum(a * x))
    return np.log1p(e), -b * e / (1.0 + e) * a


def adding(x, g, a, b):
    s = 0.0
    for i in range(len(a)):
        s += a[i] * x[i]
    e = np.exp(-b * s)
    for i in range(len(a)):
        g[i] -= b * e / (1.0 + e) * a[i]
    return np.log1p(e)


def of_batch(x, a, b):
    f = 0.0
    for k in range(len(b)):
        f += np.log1p(np.exp(-b[k] * np.dot(a[k], x)))
    return f / len(b)


def adding_batch(x, g, a, b):
    f = 0.0
    for k in range(len(b)):
        f += adding(x, g, a[k], b[k])
    for i in range(len(g)):
        g[i] /= len(b)
    return f / len(b)


def shuffled(order, key):
    """Fisher and Yates's shuffle by SplitMix64, in Python's integers."""
    low = 2**64 - 1
    for i in range(len(order)):
        z = (int(key) + (i + 1) * 0x9E3779B97F4A7C15) & low
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & low
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & low
        z ^= z >> 31
        j = i + int((z >> 11) * 2.0**-53 * (len(order) - i))
        order[i], order[j] = order[j], order[i]


def loop(method, a, b, x0, batch, epochs, seed, rate=RATE, shuffle=True):
    """Plain NumPy: the iterates, from x0 on, and each epoch's mean loss."""
    rng, order = np.random.default_rng(seed), list(range(len(a)))
    points, gradients, rates, losses = [x0], [], [], []
    for _ in range(epochs):
        key, loss = rng.integers(2**64, dtype=np.uint64), 0.0
        if shuffle:
            shuffled(order, key)
        for first in range(0, len(a), batch):
            rows = order[first : first + batch]
            e = np.exp(-b[rows] * (a[rows] @ points[-1]))
            loss += np.sum(np.log1p(e))
            gradients.append(-(b[rows] * e / (1.0 + e)) @ a[rows] / len(rows))
            rates.append(rate(len(rates) + 1) if callable(rate) else rate)
            points.append(list(REFERENCES[method](x0, gradients, rates, float))[-1])
        losses.append(loss / len(a))
    return np.array(points), np.array(losses)


def solve(fun=logistic, data=(A, B), x0=X0, **how):
    how = {"seed": 3, "batch_size": 8, "epochs": 3, **how}
    options = {"learning_rate": RATE, **how.pop("options", {})}
    return fastopt.minimize_stochastic(fun, x0, data, options=options, **how)


@pytest.mark.parametrize("method", representative_methods())
def test_rules_take_numpy_s_path(method):
    """The rules' own text is that of `test_rules`, which has all of them."""
    points, losses = loop(method, A, B, X0, 8, 2, 3)
    res = solve(adding, method=method, jac="add", epochs=2)
    np.testing.assert_allclose(res.x_last, points[-1], rtol=1e-10)
    np.testing.assert_allclose(res.loss, losses, rtol=1e-12)
    assert (res.nit, res.epochs, res.nfev, res.njev) == (12, 2, 86, 86)
    assert res.success
    assert res.status == 8


@pytest.mark.parametrize(
    ("fun", "jac", "vectorized", "tolerance"),
    [
        (logistic, None, False, 1e-12),
        (with_gradient, True, False, 1e-12),
        (logistic, "2-point", False, 1e-5),
        (of_batch, None, True, 1e-12),
        (adding_batch, "add", True, 1e-12),
    ],
)
def test_gradients_of_every_origin(fun, jac, vectorized, tolerance):
    points, losses = loop("sgd", A, B, X0, 8, 3, 3)
    held = (A, B) if jac is None else None  # what reads it is compiled, too
    res = solve(fun, method="sgd", jac=jac, vectorized=vectorized, validation=held)
    np.testing.assert_allclose(res.x_last, points[-1], rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(res.loss, losses, rtol=tolerance)
    if held:
        e = np.log1p(np.exp(-B * (points[[6, 12, 18]] @ A.T)))
        np.testing.assert_allclose(res.validation_loss, e.mean(axis=1), rtol=tolerance)
    rows = 18 if vectorized else 129
    probes = N if jac == "2-point" else 0
    assert res.njev == rows
    assert res.nfev == rows * (1 + probes + bool(held))
    words = {None: ("forward", "reverse"), True: ("fun",)}
    assert res.jac_method in words.get(jac, (jac,))


@given(st.integers(1, 60), st.integers(1, 70), st.integers(1, 3), st.booleans(), st.integers(0, 9))
def test_any_numbers_of_rows(rows, batch, epochs, shuffle, seed):
    rng = np.random.default_rng(rows)
    a, b = rng.normal(size=(rows, 12)), rng.choice([-1.0, 1.0], rows)
    x0 = np.zeros(12)
    how = {"shuffle": shuffle, "seed": seed, "batch_size": batch, "epochs": epochs}
    res = solve(adding, (a, b), x0, method="sgd", jac="add", **how)
    points, losses = loop("sgd", a, b, x0, batch, epochs, seed, shuffle=shuffle)
    np.testing.assert_allclose(res.x_last, points[-1], rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(res.loss, losses, rtol=1e-12)
    assert res.nit == epochs * math.ceil(rows / batch)
