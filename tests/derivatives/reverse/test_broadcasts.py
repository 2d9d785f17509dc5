"""Gradients of array expressions whose arrays are broadcast, and of sums along their axes."""

import functools

import numba
import numpy as np
import pytest
from derivative_cases import complex_step, jit

from fastopt.derivatives.reverse import compiled_gradient as reverse

RNG = np.random.default_rng(5)
X = RNG.uniform(-1.0, 1.0, 12)
LABELS = np.array([2, 0, 1, 1])


def compiled(fun, *args, x=X):
    return reverse.check(jit(fun), numba.typeof(x), tuple(map(numba.typeof, args)))


def run(gradient, x, *args):
    g = np.full(x.shape, np.nan, x.dtype)
    return gradient(x, g, reverse.new_store(), *args), g


def agrees(fun, gradient, x, *args):
    f, g = run(gradient, x, *args)
    want = complex_step(fun, x, args)
    assert f == pytest.approx(float(fun(x, *args)), rel=1e-12)
    assert g == pytest.approx(want, abs=3e-13 * max(1.0, np.abs(want).max()), rel=0.0)


def cross_entropy(x, m, bias, labels):
    """A product, rows' maxima, exponentials of all rows at once, and sums along an axis."""
    z, n, total = m @ x.reshape(4, 3) + bias, len(labels), 0.0
    top = np.empty((n, 1), x.dtype)
    for k in range(n):
        top[k, 0] = np.max(z[k])
        total += top[k, 0] - z[k, labels[k]]
    total += np.sum(np.log(np.sum(np.exp(z - top), axis=1)))
    return total + np.sum(np.tanh(bias * z[:, 0:1]))


M = RNG.normal(size=(4, 4))
GRADIENT = functools.cache(lambda: compiled(cross_entropy, M, np.ones((1, 3)), LABELS))


@pytest.mark.parametrize("shape", [(4, 3), (4, 1), (1, 3), (1, 1)])
def test_a_cross_entropy(shape):
    bias = RNG.normal(size=shape)
    for scale in (1.0, 300.0):  # exp would overflow without the maxima
        agrees(cross_entropy, GRADIENT(), scale * X, M, bias, LABELS)
    empty = M[:0], np.ones((1, 3)), LABELS[:0]
    assert not run(GRADIENT(), X, *empty)[1].any()


def test_shapes_that_do_not_fit():
    for shape in ((2, 3), (4, 2), (0, 3)):
        with pytest.raises(ValueError, match="cannot be combined"):
            run(GRADIENT(), X, M, np.ones(shape), LABELS)
