"""What overflows ends with a status, and is no best point."""

import numba
import numpy as np
import pytest

import fastopt


@numba.njit
def down(x, row):
    return -x[0] * row


@numba.njit
def settled(x, row):
    return row / (1.0 + x[0] * x[0])


@pytest.mark.parametrize("fun", [down, settled])
@pytest.mark.parametrize("more", [{}, {"validation": 0.5}])
@pytest.mark.parametrize("options", [{"weight_decay": 1e60}, {"weight_decay": 1e38}])
def test_stochastic_runs_that_overflow(fun, more, options):
    options = {**options, "learning_rate": 1e10}
    data, start = np.ones(64, np.float32), np.array([1.0], np.float32)
    result = fastopt.minimize_stochastic(
        fun, start, data, epochs=3, seed=0, options=options, **more
    )
    assert (result.status, result.success) == (-1, False)
    assert np.isfinite(result.x).all()
    assert result.fun != -np.inf


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("method", ["sgd", "rmsprop", "adadelta", "adam"])
@pytest.mark.parametrize("rate", [1e30, 1e36])
def test_the_best_point_is_finite(kind, method, rate):
    def fun(x):
        with np.errstate(over="ignore"):
            return -np.exp(np.float64(x[0]))

    def jac(x):
        with np.errstate(over="ignore"):
            return np.array([-np.exp(x[0]), 0.0], kind)

    options = {"learning_rate": rate, "maxiter": 30}
    result = fastopt.minimize(
        fun, np.array([1.0, 2.0], kind), method=method, jac=jac, options=options
    )
    assert result.status == -1
    assert np.isfinite(result.fun)
    assert np.isfinite(result.x).all()


def test_the_best_point_of_a_batch_is_finite():
    def fun(x, k):
        return -np.exp(k * x[0])

    options = {"learning_rate": 1e30, "maxiter": 30}
    result = fastopt.minimize_batch(fun, [1.0], np.array([1.0, 2.0]), method="sgd", options=options)
    assert (result.status == -1).all()
    np.testing.assert_allclose(result.fun, [-np.e, -np.exp(2.0)])
    assert (result.x == 1.0).all()
