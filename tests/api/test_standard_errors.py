"""Errors from the observed information, against statsmodels 0.15.0.

Its figures were made by this, in an environment of its own (`X`, `q` and the data as below)::

    sm.Logit(binary, X).fit(method="newton", tol=1e-14)             # params, bse
    sm.Probit(binary, X).fit(method="newton", tol=1e-14)
    sm.Poisson(counts, X).fit(method="newton", tol=1e-14)
    m = sm.NegativeBinomial(spread, X, loglike_method="nb2")
    r = m.fit(method="bfgs", gtol=1e-12)
    r = m.fit(start_params=r.params, method="nm", xtol=1e-13, ftol=1e-15)
    r = sm.GLM(gamma, X, family=Gamma(Log())).fit(tol=1e-14, scale=1.0)
    np.sqrt(np.diag(np.linalg.inv(-r.model.hessian(r.params, scale=1.0, observed=True))))
"""

import math

import numba
import numpy as np
import pytest
from scipy.optimize import OptimizeResult

import fastopt
from fastopt.results import information

i = np.arange(60)
u, v = np.sin(1.7 * i), np.cos(0.9 * i * i)
X = np.column_stack([np.ones(60), u, v])
q = (i * 37 % 60 + 0.5) / 60
eta = 1.2 + 0.4 * u - 0.3 * v
binary = (q < 1.0 / (1.0 + np.exp(-(0.3 + 0.9 * u - 0.6 * v)))).astype(float)
counts = np.round(np.exp(eta) * (0.4 + 1.2 * q))
spread = np.floor(-np.log1p(-q) * np.exp(eta))
gamma = np.exp(0.7 + 0.5 * u - 0.2 * v) * (-np.log1p(-q) + 0.2)
LOGIT, PROBIT, POISSON, NEGATIVE_BINOMIAL, GAMMA = range(5)
DATA = [binary, binary, counts, spread, gamma]
ESTIMATES = [
    [0.5023943463752994, 1.127457614184394, -1.0119349043269659],
    [0.2795405454182608, 0.648345883799858, -0.5839660951295104],
    [1.2110787376376986, 0.3848308532974961, -0.31090362518754333],
    [1.0003342231984114, 0.4040915585245179, -0.5104638681648813, 0.9984575891631216],
    [0.8631497058235057, 0.4198176463663545, -0.31465809641801923],
]
ERRORS = [
    [0.2979468315718117, 0.44647245081053116, 0.4475776191906973],
    [0.17587284870169542, 0.2541385055752147, 0.2600064149533335],
    [0.073542145210158, 0.09860351650202404, 0.10484414058053884],
    [0.15482071494860986, 0.19989123499135925, 0.22431940452062848, 0.2744552882941645],
    [0.1299839140058707, 0.17040180069432023, 0.18866645610560437],
]


@numba.njit
def unlikeliness(x, y, X, model):
    """The negative log-likelihood of five models, less constants."""
    total = 0.0
    for k in range(len(y)):
        z = X[k, 0] * x[0] + X[k, 1] * x[1] + X[k, 2] * x[2]
        if model == LOGIT:
            total += np.log1p(np.exp(z)) - y[k] * z
        elif model == PROBIT:
            side = -z if y[k] > 0.5 else z
            total -= math.log(0.5 * math.erfc(side / math.sqrt(2.0)))
        elif model == POISSON:
            total += np.exp(z) - y[k] * z
        elif model == NEGATIVE_BINOMIAL:
            size = 1.0 / x[3]
            total -= math.lgamma(y[k] + size) - math.lgamma(size) + size * math.log(size)
            total += (y[k] + size) * np.log(size + np.exp(z)) - y[k] * z
        else:
            total += z + y[k] * np.exp(-z)
    return total


def _padded(values):
    """Four parameters: the fourth is one model's only, and fixed at 1 for the others."""
    return np.array([*values, *[1.0] * (4 - len(values))])


def _box(model):
    last = (0.0, None) if model == NEGATIVE_BINOMIAL else (1.0, 1.0)
    return [(None, None)] * 3 + [last]


@pytest.mark.parametrize("model", range(5))
def test_as_statsmodels(model):
    x = _padded(ESTIMATES[model])
    args = DATA[model], X, model
    found = fastopt.standard_errors(unlikeliness, x, args, bounds=_box(model))
    count = len(ERRORS[model])
    np.testing.assert_allclose(found.stderr[:count], ERRORS[model], rtol=1e-9)
    assert (found.stderr[count:] == 0.0).all()
    assert (found.cov[count:] == 0.0).all()
    assert found.success
    assert found.jac_method == "autodiff"
    assert found.message == "The information is positive definite, and determines the errors."
    own = np.linalg.inv(found.hess[:count, :count])
    np.testing.assert_allclose(found.cov[:count, :count], own, rtol=1e-12)


def test_batches_are_many_problems():
    x = np.array([_padded(ESTIMATES[POISSON])] * 4)
    x[2, 0] = np.nan  # a problem that failed
    data = np.array([counts, counts + 1.0, counts, counts])
    low = np.full((4, 4), -np.inf)
    low[:, 3] = 1.0
    box = np.stack([low, np.where(low == 1.0, 1.0, np.inf)], axis=2)
    box[3, 1, 1] = x[3, 1]  # one more at a bound
    res = OptimizeResult(x=x, jac=np.zeros((4, 4)), status=np.zeros(4, int))
    found = fastopt.standard_errors(unlikeliness, res, (X, POISSON), data=data, bounds=box)
    single = fastopt.standard_errors(
        unlikeliness, x[1], (data[1], X, POISSON), bounds=_box(POISSON)
    )
    for name in ("stderr", "cov", "hess", "active_mask"):
        np.testing.assert_array_equal(found[name][1], single[name])
    assert np.isnan(found.stderr[2, :3]).all()
    assert found.success.tolist() == [
        True,
        True,
        False,
        True,
    ]
    assert np.isnan(found.stderr[3, 1])
    assert found.active_mask[3].tolist() == [0, 1, 0, -1]
    assert found.message == (
        "3 of 4 problems have all their errors; 1 with second derivatives that are not finite."
    )


def _quadratic(h):
    """A function with this Hessian and its gradient, which Python runs."""

    def slope(x):
        return h @ x

    return lambda x: 0.5 * x @ h @ x, slope


def _errors(h, x=None, **more):
    fun, slope = _quadratic(np.array(h, float))
    x = np.ones(len(h)) if x is None else x
    return fastopt.standard_errors(fun, x, jac=slope, **more)


def test_fixed_parameters_and_bounds_that_block():
    h = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
    fun, slope = _quadratic(h)
    box = [(None, None), (1.0, 1.0), (0.5, 2.0)]
    x = np.array([-(h[0, 1] + 0.5 * h[0, 2]) / h[0, 0], 1.0, 0.5])
    res = OptimizeResult(x=x, jac=slope(x), success=True)
    found = fastopt.standard_errors(fun, res, jac=slope, bounds=box)
    assert found.active_mask.tolist() == [0, -1, -1]
    np.testing.assert_allclose(found.stderr, [0.5, 0.0, np.nan], rtol=1e-9)
    np.testing.assert_array_equal(found.cov[1], [0.0, 0.0, 0.0])
    assert np.isnan(found.cov[2, [0, 2]]).all()
    assert found.success
    wide = fastopt.standard_errors(fun, res, jac=slope, bounds=[(None, None), (1.0, 1.0), (0, 3)])
    np.testing.assert_allclose(wide.cov[::2, ::2], np.linalg.inv(h[::2, ::2]), rtol=1e-9)
    none = fastopt.standard_errors(fun, res.x, jac=slope, bounds=[(v, v) for v in res.x])
    assert none.message == "No parameter is free, so none has an error."
    assert none.stderr.tolist() == [0.0, 0.0, 0.0]


def test_what_the_data_do_not_determine():
    found = _errors([[2.0, 2.0, 0.0], [2.0, 2.0, 0.0], [0.0, 0.0, 4.0]])
    np.testing.assert_allclose(found.stderr, [np.inf, np.inf, 0.5], rtol=1e-9)
    assert not found.success
    assert np.isnan(found.cov[0, 1])
    assert found.message == (
        "The data do not determine x[0] and x[1]: the information is singular; errors are inf."
    )
    found = _errors([[0.0, 0.0], [0.0, 4.0]])
    np.testing.assert_allclose(found.stderr, [np.inf, 0.5], rtol=1e-9)


def test_no_minimum():
    found = _errors([[-2.0, 0.0], [0.0, 4.0]])
    np.testing.assert_allclose(found.stderr, [np.nan, 0.5], rtol=1e-9)
    assert not found.success
    assert found.message.startswith("x is no minimum of fun: it is curved downwards by x[0];")
    assert np.isnan(_errors([[0.0, 1.0], [1.0, 4.0]]).stderr).all()
    broken = _errors([[np.nan, 0.0], [0.0, 4.0]])
    assert np.isnan(broken.stderr).all()
    assert "not finite" in broken.message


@pytest.mark.parametrize("units", [(1.0, 1.0), (1e-150, 1e150), (1e12, 1e-9)])
def test_units_far_apart(units):
    h = np.array([[4.0, 1.99999], [1.99999, 1.0]])
    scale = np.array(units)
    cov, verdicts = information.covariances((h / scale / scale[:, None])[None], np.ones((1, 2)))
    wanted = np.linalg.inv(h)
    np.testing.assert_allclose(cov[0] / scale / scale[:, None], wanted, rtol=1e-9)
    assert verdicts.tolist() == [information.SOUND]


def test_x_of_two_axes_and_a_run_that_failed():
    fun, slope = _quadratic(np.diag([4.0, 16.0, 1.0, 0.25]))
    res = OptimizeResult(x=np.ones((2, 2)), jac=slope(np.ones(4)), success=False)
    found = fastopt.standard_errors(
        lambda x: fun(x.ravel()), res, jac=lambda x: slope(x.ravel()).reshape(x.shape)
    )
    np.testing.assert_allclose(found.stderr, [[0.5, 0.25], [1.0, 2.0]], rtol=1e-9)
    assert found.cov.shape == found.hess.shape == (2, 2, 2, 2)
    assert found.message.endswith("did not succeed; errors hold at a minimum only.")


def test_wrong_arguments():
    with pytest.raises(
        ValueError, match=r"numbers of problems differ: res.x has 2, data\[0\] has 3"
    ):
        fastopt.standard_errors(unlikeliness, np.ones((2, 4)), data=np.ones((3, 5)))
    with pytest.raises(ValueError, match="bounds must be 2 pairs"):
        _errors([[1.0, 0.0], [0.0, 1.0]], bounds=[(0, 1)])
    with pytest.raises(TypeError, match="fun must be a function"):
        fastopt.standard_errors(None, [1.0])


def test_results_of_fits_and_no_result():
    """Their `jac` is that of the residuals; their `grad` tells which bound blocks."""

    def misfit(p):
        return np.array([p[0] - 3.0, p[1] - 0.5, p[0] + p[1] - 3.0])

    def likelihood(p):
        return 0.5 * ((p[0] - 3.0) ** 2 + (p[1] - 0.5) ** 2 + (p[0] + p[1] - 3.0) ** 2)

    res = fastopt.least_squares(misfit, [0.5, 0.5], bounds=(0.0, 2.0))
    found = fastopt.standard_errors(likelihood, res, bounds=[(0.0, 2.0)] * 2)
    assert found.active_mask.tolist() == [1, 0]
    np.testing.assert_allclose(found.stderr, [np.nan, 0.5**0.5])
    with pytest.raises(TypeError, match="res has dtype object"):
        fastopt.standard_errors(likelihood, None)
