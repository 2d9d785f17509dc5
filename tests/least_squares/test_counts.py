"""Counts: maximum likelihood with Poisson's distribution, and how often the errors are right."""

import numba
import numpy as np
import pytest
import scipy.optimize

import fastopt

T = np.linspace(0, 10, 50)
TRUE = np.array([80.0, 0.7, 2.0])
RNG = np.random.default_rng(0)
COUNTS = RNG.poisson(TRUE[0] * np.exp(-TRUE[1] * T) + TRUE[2], (4000, T.size)).astype(float)
WAYS = {"p0": [50.0, 1.0, 1.0], "loss": "poisson", "bounds": (0.0, np.inf)}


@numba.njit
def decay(t, a, b, c):
    return a * np.exp(-b * t) + c


@pytest.fixture(scope="module")
def fits():
    return fastopt.curve_fit_batch(decay, T, COUNTS, **WAYS)


def test_most_likely_parameters_and_their_information():
    y = COUNTS[0]
    p, cov = fastopt.curve_fit(decay, T, y, **WAYS)

    def gradient(q):
        e = np.exp(-q[1] * T)
        slopes = np.stack([e, -q[0] * T * e, np.ones(T.size)])
        return slopes * (1 - y / decay.py_func(T, *q)), slopes

    assert np.abs(gradient(p)[0].sum(axis=1) * np.sqrt(np.diag(cov))).max() < 1e-5
    slopes = gradient(p)[1] * np.sqrt(y) / decay.py_func(T, *p)
    np.testing.assert_allclose(cov, np.linalg.inv(slopes @ slopes.T), rtol=1e-4)

    def likelihood(q):
        model = decay.py_func(T, *q)
        return np.sum(model - y * np.log(model))

    best = scipy.optimize.minimize(likelihood, WAYS["p0"], method="Nelder-Mead", tol=1e-10)
    np.testing.assert_allclose(p, best.x, rtol=1e-5)


def test_batch_is_that_of_single_fits(fits):
    for b in (0, 1, 77):
        p, cov = fastopt.curve_fit(decay, T, COUNTS[b], **WAYS)
        np.testing.assert_array_equal(fits.x[b], p)
        np.testing.assert_allclose(fits.cov[b], cov, rtol=1e-8)
    assert fits.success.all()
    assert abs(fits.reduced_chi2.mean() - 1.0) < 0.1


def test_errors_are_right_as_often_as_they_should_be(fits):
    inside = np.abs(fits.x - TRUE) < fits.stderr
    assert np.abs(inside.mean(axis=0) - 0.6827).max() < 0.025  # three standard deviations


def test_zeros_negative_counts_and_nan():
    few = COUNTS[:3].copy()
    few[0, 5:] = 0.0
    few[1, 3] = -1.0
    few[2, 7] = np.nan
    res = fastopt.curve_fit_batch(decay, T, few, **WAYS, nan_policy="omit")
    assert res.status[1] == -1
    assert res.success[[0, 2]].all()
    assert (res.x[0] >= 0.0).all()
    assert res.dof.tolist() == [47, 0, 46]
    kept = ~np.isnan(few[2])
    p, _ = fastopt.curve_fit(decay, T[kept], few[2, kept], **WAYS)
    np.testing.assert_allclose(res.x[2], p, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ydata": -T}, "negative"),
        ({"sigma": 1 + T}, "leave sigma out"),
        ({"jac": "3-point"}, "leave jac out"),
    ],
)
def test_bad_input(change, said):
    with pytest.raises(ValueError, match=said):
        fastopt.curve_fit(**{"f": decay, "xdata": T, "ydata": COUNTS[0], **WAYS, **change})
    with pytest.raises(ValueError, match=r"use fastopt\.curve_fit"):
        fastopt.least_squares(lambda p: p, [1.0], loss="poisson")
