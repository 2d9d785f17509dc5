"""Schedules that leave what a rate may be, options that a type cannot hold, and fits begun anew."""

import warnings

import numba
import numpy as np
import pytest

import fastopt


def falling(t):
    """Meant for 20 steps."""
    return 0.1 * (1 - t / 20)


def breaking(t):
    return 0.1 if t < 5 else np.nan


def plain(x):
    return (x[0] - 1.0) ** 2


compiled = numba.njit(plain)


def row(x, y):
    return (x[0] - y) ** 2


def door(name, rate, start=0.0):
    given = {"method": "sgd", "options": {"learning_rate": rate, "maxiter": 100}}
    if name == "batch":
        return fastopt.minimize_batch(row, [start], np.ones(2), **given)
    if name == "stochastic":
        one = {"batch_size": 1, "epochs": 50}
        return fastopt.minimize_stochastic(row, [start], np.ones(2), **one, **given)
    fun = plain if name == "plain" else compiled
    x0 = np.full(1, start, np.float32 if name == "float32" else float)
    return fastopt.minimize(fun, x0, **given)


DOORS = "plain", "compiled", "float32", "batch", "stochastic"


@pytest.mark.parametrize("name", DOORS)
def test_a_rate_below_zero_is_an_error(name):
    with pytest.raises(ValueError, match=r"learning_rate\(t=21\) is negative"):
        door(name, falling)


@pytest.mark.parametrize("name", DOORS)
def test_a_rate_that_is_not_finite_is_a_status(name):
    """Four steps of 0.1 along 2 (x - 1): x - 1 is multiplied by 0.8 each time."""
    found = door(name, breaking)
    assert np.all(found.status == -3)
    assert np.all(found.nit == 4)
    assert not np.any(found.success)
    np.testing.assert_allclose(found.x_last, 1 - 0.8**4, rtol=1e-6)
    alone = found.problem(1) if name == "batch" else found
    assert "learning_rate(t)" in alone.message


def test_rates_of_objects():
    for rate, value in ((falling, "-0.005"), (breaking, "nan")):
        opt, x = fastopt.SGD(rate), np.zeros(1)
        while np.isfinite(rate(opt.t + 1)) and rate(opt.t + 1) >= 0.0:
            opt.step(x, np.ones(1))
        with pytest.raises(ValueError, match=rf"learning_rate\(t=\d+\) = {value}"):
            opt.step(x, np.ones(1))


def test_options_that_a_type_cannot_hold():
    x, g = np.ones(3, np.float32), np.ones(3, np.float32)
    for opt, words in (
        (fastopt.Adam(0.1, eps=1e-60), "eps = 1e-60 is zero in float32"),
        (fastopt.Adam(1e300), r"learning_rate = 1e\+300 is inf in float32"),
        (fastopt.AdamW(0.1, weight_decay=1e39), r"weight_decay = 1e\+39 is inf in float32"),
    ):
        with pytest.raises(ValueError, match=words):
            opt.step(x, g)
    with pytest.raises(ValueError, match="eps = 1e-60 is zero in float32"):
        fastopt.minimize(plain, x, method="adam", options={"learning_rate": 0.1, "eps": 1e-60})
    opt = fastopt.Adam(0.1)
    opt.step(x, g)
    with pytest.raises(ValueError, match="is inf in float32"):
        opt.learning_rate = 1e300
    assert opt.learning_rate == 0.1
    np.testing.assert_array_equal(opt.step(x, g), None)


def test_hyperparameters_of_float32_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opt = fastopt.Adam(np.float32(0.1), beta1=np.float32(0.5), weight_decay=np.float32(0.5))
        opt.step(np.ones(3, np.float32), np.ones(3, np.float32))


def fit(opt, target, x=None):
    x = np.zeros(2) if x is None else x
    for _ in range(50):
        opt.step(x, 2 * (x - target))
    return x


A, B = np.array([5.0, -3.0]), np.array([1.0, 1.0])


def test_another_problem_begins_anew():
    opt = fastopt.Adam(0.1)
    first = fit(opt, A)
    with pytest.warns(RuntimeWarning, match="Adam starts again"):
        second = fit(opt, B)
    assert opt.t == 50
    np.testing.assert_array_equal(second, fit(fastopt.Adam(0.1), B))
    opt.reset()
    assert opt.t == 0
    first[:] = 0.0
    np.testing.assert_array_equal(fit(opt, B, first), second)


def test_replaced_arrays_go_on():
    """Copied, clipped and rounded parameters are those of the same problem."""
    opt, same, x = fastopt.Adam(0.1), fastopt.Adam(0.1), np.zeros(2)
    y = x.copy()
    for _ in range(50):
        x = np.clip(x, -9.0, 9.0)
        opt.step(x, 2 * (x - A))
        same.step(y, 2 * (y - A))
    assert opt.t == 50
    np.testing.assert_array_equal(x, y)
