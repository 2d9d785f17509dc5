"""Objectives of a few parameters, whose x and gradient go to and from the loop in registers."""

import numpy as np
import pytest
from numba import njit

import fastopt

RATE, STEPS = 0.01, 20


@njit
def bowl(x, a):
    """Return a quadratic that treats each component differently."""
    f = 0.0
    for i in range(x.size):
        f += (i + 1.0) * (x[i] - a * i) ** 2
    return f


@njit
def slope(x, a):
    g = np.empty_like(x)
    for i in range(x.size):
        g[i] = 2.0 * (i + 1.0) * (x[i] - a * i)
    return g


@njit
def both(x, a):
    return bowl(x, a), slope(x, a)


@njit
def largest_effect(x, limit):
    if x[1] > limit:
        raise ValueError("too far")
    return (x[0] - 1.0) ** 2 + (x[1] - 2.0) ** 2


def descent(n, a):
    """Return x, f and the gradient after so many steps down the gradient, by the formula."""
    weight, aim = 2.0 * (np.arange(n) + 1.0), a * np.arange(n)
    x = aim + (3.0 - aim) * (1.0 - RATE * weight) ** STEPS
    return x, 0.5 * np.sum(weight * (x - aim) ** 2), weight * (x - aim)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_every_component_arrives(n):
    """In a loop of each size, full or not; other gradients are written by the same code."""
    x, f, g = descent(n, 0.5)
    options = {"learning_rate": RATE, "maxiter": STEPS}
    others = ((bowl, slope), (bowl, None)) if n in (1, 4, 9) else ()
    for fun, jac in ((both, True), *others):
        found = fastopt.minimize(fun, np.full(n, 3.0), (0.5,), "sgd", jac, options=options)
        np.testing.assert_allclose(found.x_last, x, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found.fun_last, f, rtol=1e-11)
        np.testing.assert_allclose(found.jac, g, rtol=1e-10, atol=1e-10)
        assert (found.nit, found.nfev, found.njev) == (STEPS, STEPS + 1, STEPS + 1)
        rows = np.array([0.25, 0.5])
        batch = fastopt.minimize_batch(
            fun, np.full(n, 3.0), rows, method="sgd", jac=jac, options=options
        )
        np.testing.assert_array_equal(batch.x[1], found.x)
        np.testing.assert_array_equal(batch.jac[1], found.jac)


@pytest.mark.parametrize("n", [2, 5])
def test_single_precision_and_differences(n):
    x, _, _ = descent(n, 0.5)
    options = {"learning_rate": RATE, "maxiter": STEPS}
    start = np.full(n, 3.0, np.float32)
    found = fastopt.minimize(both, start, (0.5,), "sgd", True, options=options)
    assert found.x.dtype == np.float32
    np.testing.assert_allclose(found.x_last, x, rtol=1e-5, atol=1e-5)
    found = fastopt.minimize(bowl, np.full(n, 3.0), (0.5,), "sgd", "2-point", options=options)
    np.testing.assert_allclose(found.x_last, x, rtol=1e-6, atol=1e-6)
    assert found.nfev == (n + 1) * (STEPS + 1)


def test_what_fun_raises_comes_through():
    for _ in range(3):
        with pytest.raises(ValueError, match="too far"):
            fastopt.minimize(largest_effect, [0.0, 0.0], (1.0,))
        found = fastopt.minimize(largest_effect, [0.0, 0.0], (100.0,))
        np.testing.assert_allclose(found.x, [1.0, 2.0], atol=1e-6)
