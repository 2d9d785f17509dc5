"""Profile intervals and the bootstrap: lmfit's and SciPy's numbers, formulas, bad input."""

import numba
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from scipy.special import ndtri, stdtrit

import fastopt

# R's data set DNase, run 1, and its logistic curve.
X = np.log(np.repeat(12.5 * 0.5 ** np.array([8, 6, 5, 4, 3, 2, 1, 0]), 2))
Y = [0.017, 0.018, 0.121, 0.124, 0.206, 0.215, 0.377, 0.374]
Y = np.array([*Y, 0.614, 0.609, 1.019, 1.001, 1.334, 1.364, 1.730, 1.710])
START = [2.0, 1.0, 1.0]
SIGMA = 0.01 + 0.01 * Y
# lmfit 1.3.4, conf_interval(..., min_rel_change=1e-12): levels 0.6827 and 0.95.
LMFIT = [
    [[2.2678613, 1.4016269, 1.0083980], [2.1935038, 1.3214275, 0.9743050]],
    [[2.4320953, 1.5723745, 1.0759750], [2.5387868, 1.6787461, 1.1149331]],
]


@numba.njit
def logistic(x, asym, middle, scale):
    return asym / (1 + np.exp((middle - x) / scale))


def residuals(p, x=X, y=Y, sigma=1.0):
    return (logistic.py_func(x, *p) - y) / sigma


@pytest.fixture(scope="module")
def both_levels():
    return fastopt.confidence(logistic, X, Y, START, confidence_level=[0.6827, 0.95])


def test_ends_are_those_of_lmfit(both_levels):
    res = both_levels
    assert res.success
    assert res.message == "12 of 12 ends found."
    assert res.status.shape == (2, 2, 3)
    np.testing.assert_allclose(res.confidence_interval, LMFIT, rtol=1e-6)
    popt, pcov = scipy.optimize.curve_fit(logistic.py_func, X, Y, START)
    np.testing.assert_allclose(res.x, popt, rtol=1e-6)
    np.testing.assert_allclose(res.cov, pcov, rtol=1e-4)
    one = fastopt.confidence(logistic, X, Y, popt, parameters=["scale", 0])
    assert one.parameters == (2, 0)
    for side, both in zip(one.confidence_interval, res.confidence_interval, strict=True):
        np.testing.assert_allclose(side, both[1, [2, 0]], rtol=1e-6)


def test_profiles_are_refits(both_levels):
    profile = both_levels.profiles[1]
    assert (np.diff(profile.values) > 0).all()
    assert (np.diff(profile.tau) > 0).all()
    np.testing.assert_array_equal(profile.x[:, 1], profile.values)
    at = profile.tau.searchsorted(1.5)
    theirs = scipy.optimize.least_squares(
        lambda p: residuals([p[0], profile.values[at], p[1]]), [2.3, 1.0], xtol=1e-14, ftol=1e-14
    )
    increase = 2 * (theirs.cost - both_levels.cost) / both_levels.reduced_chi2
    np.testing.assert_allclose(profile.tau[at] ** 2, increase, rtol=1e-6)


def test_known_errors_have_the_threshold_of_chi_square():
    res = fastopt.confidence(logistic, X, Y, START, SIGMA, True, parameters="middle")
    given = {"xtol": 1e-14, "ftol": 1e-14}
    best = scipy.optimize.least_squares(residuals, START, args=(X, Y, SIGMA), **given)
    for end in res.confidence_interval:
        fixed = scipy.optimize.least_squares(
            lambda p, end=end: residuals([p[0], end[0], p[1]], X, Y, SIGMA), best.x[[0, 2]], **given
        )
        increase = 2 * (fixed.cost - best.cost)
        np.testing.assert_allclose(increase, scipy.stats.chi2.ppf(0.95, 1), rtol=1e-5)


def test_residuals_in_place_of_a_curve():
    @numba.njit
    def misfit(p, x, y, sigma):
        return (logistic(x, p[0], p[1], p[2]) - y) / sigma

    for absolute in (False, True):
        curve = fastopt.confidence(logistic, X, Y, START, SIGMA, absolute)
        given = {"args": (X, Y, SIGMA), "absolute_sigma": absolute}
        own = fastopt.confidence(misfit, p0=START, **given)
        np.testing.assert_allclose(own.confidence_interval, curve.confidence_interval, rtol=1e-6)
        np.testing.assert_allclose(own.stderr, curve.stderr, rtol=1e-5)


def test_counts_have_the_ends_of_their_likelihood():
    shape = logistic.py_func(X, 1.0, 1.4, 1.0)
    counts = np.random.default_rng(2).poisson(6 * shape)
    box = [0.0, 1.4, 1.0], [np.inf, 1.4, 1.0]
    given = {"loss": "poisson", "bounds": box}
    res = fastopt.confidence(logistic, X, counts, [2.0, 1.4, 1.0], parameters="asym", **given)
    best = counts.sum() / shape.sum()
    np.testing.assert_allclose(res.x[0], best, rtol=1e-7)
    for (end,), bracket in zip(res.confidence_interval, [(0.1, best), (best, 50.0)], strict=True):
        wanted = scipy.optimize.brentq(
            lambda a: 2 * ((a - best) * shape.sum() - counts.sum() * np.log(a / best)) - 1.96**2,
            *bracket,
        )
        np.testing.assert_allclose(end, wanted, rtol=1e-4)
    own = fastopt.bootstrap(logistic, X, counts, [2.0, 1.4, 1.0], rng=1, **given)
    assert own.kind == "poisson"
    np.testing.assert_allclose(own.standard_error[0], np.sqrt(best / shape.sum()), rtol=0.03)
    low, high = own.confidence_interval
    np.testing.assert_allclose([low[0], high[0]], np.ravel(res.confidence_interval), rtol=0.03)


def test_of_a_linear_parameter_they_are_stderr_times_the_quantile():
    box = [-np.inf, 1.4, 1.0], [np.inf, 1.4, 1.0]
    for absolute, quantile in ((False, stdtrit(15, 0.975)), (True, ndtri(0.975))):
        res = fastopt.confidence(logistic, X, Y, [2.0, 1.4, 1.0], SIGMA, absolute, bounds=box)
        assert res.status.tolist() == [[0, 1, 1], [0, 1, 1]]
        low, high = res.confidence_interval
        np.testing.assert_allclose(res.x[0] - low[0], quantile * res.stderr[0], rtol=1e-7)
        np.testing.assert_allclose(high[0] - res.x[0], quantile * res.stderr[0], rtol=1e-7)
        assert low[1:].tolist() == high[1:].tolist() == [1.4, 1.0]


def test_bounds_and_open_ends():
    few = fastopt.confidence(logistic, X[:8], Y[:8], START)  # the curve has not bent yet
    assert (few.status[0] == 0).all()
    assert few.status[1, :2].tolist() == [2, 2]
    assert np.isposinf(few.confidence_interval.high[:2]).all()
    assert np.isfinite(few.confidence_interval.low).all()
    box = [1.0, 0.0, 0.9], [2.5, 3.0, 1.02]
    res = fastopt.confidence(logistic, X, Y, [2.0, 1.0, 1.0], bounds=box)
    assert res.x[2] == 1.02  # blocked by its bound
    assert res.status[1, 2] == 1
    assert res.confidence_interval.high[2] == 1.02
    for side in res.confidence_interval:
        assert ((side >= box[0]) & (side <= box[1])).all()


def test_no_scale_no_interval():
    res = fastopt.confidence(logistic, X[::6], Y[::6], START)
    assert not res.success
    assert (res.dof, res.profiles) == (0, [])
    assert (res.status == -1).all()
    assert np.isnan(res.confidence_interval).all()
    assert fastopt.confidence(logistic, X[::6], Y[::6], START, 0.02, True).success
    res = fastopt.bootstrap(logistic, X[::6], Y[::6], START, n_resamples=5)
    assert not res.success
    assert np.isnan(res.confidence_interval).all()
    assert "no degrees of freedom" in res.message


def resampled(indices):
    i = np.asarray(indices, int)
    given = {"xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-14}
    return scipy.optimize.least_squares(residuals, [2.3, 1.5, 1.0], args=(X[i], Y[i]), **given).x


def test_the_bootstrap_of_cases_is_scipys():
    for method in ("BCa", "percentile", "basic"):
        given = {"n_resamples": 40, "confidence_level": 0.8, "method": method}
        theirs = scipy.stats.bootstrap(
            (np.arange(16),),
            resampled,
            vectorized=False,
            random_state=np.random.default_rng(5),
            **given,
        )
        res = fastopt.bootstrap(logistic, X, Y, START, kind="case", rng=5, **given)
        for name in ("bootstrap_distribution", "standard_error", "confidence_interval"):
            np.testing.assert_allclose(res[name], getattr(theirs, name), rtol=2e-5)


def test_the_bootstrap_of_an_exact_fit():
    exact = logistic(X, 2.0, 1.5, 1.0)
    res = fastopt.bootstrap(logistic, X, exact, START, n_resamples=20, rng=1)
    assert res.success
    np.testing.assert_allclose(res.confidence_interval, [[2.0, 1.5, 1.0]] * 2, rtol=1e-12)


def test_the_bootstrap_of_parameters_that_the_data_do_not_determine():
    res = fastopt.bootstrap(logistic, 0.0 * X, Y, START, n_resamples=20, rng=1)
    assert np.isinf(res.stderr).all()
    assert np.isinf(res.standard_error).all()
    assert np.isneginf(res.confidence_interval.low).all()
    assert np.isposinf(res.confidence_interval.high).all()
    assert "do not determine 3 of the 3" in res.message


def test_linear_parameters_have_the_errors_of_formulas():
    box = [-np.inf, 1.4, 1.0], [np.inf, 1.4, 1.0]
    g = logistic.py_func(X, 1.0, 1.4, 1.0)
    c = g / (g @ g)
    given = {"bounds": box, "rng": 1, "n_resamples": 20_000}
    start = [2.0, 1.4, 1.0]
    own = fastopt.bootstrap(logistic, X, Y, start, kind="parametric", **given)
    np.testing.assert_allclose(own.standard_error[0], own.stderr[0], rtol=0.02)
    low, high = own.confidence_interval
    wanted = own.x[0] + ndtri([0.025, 0.975]) * own.stderr[0]
    np.testing.assert_allclose([low[0], high[0]], wanted, rtol=0.003)
    drawn = fastopt.bootstrap(logistic, X, Y, start, **given)
    r = (Y - drawn.x[0] * g) / np.sqrt(1 - c * g)
    np.testing.assert_allclose(drawn.standard_error[0], np.std(r) * np.linalg.norm(c), rtol=0.02)
    counts = np.random.default_rng(2).poisson(6 * g).astype(float)
    res = fastopt.bootstrap(logistic, X, counts, start, kind="poisson", **given)
    model = res.x[0] * g
    np.testing.assert_allclose(res.standard_error[0], np.sqrt(c**2 @ model), rtol=0.02)
    # Of a skewed distribution the ends of BCa lie further out on the long side.
    a = (c**3 @ model) / (6 * (c**2 @ model) ** 1.5)
    skewness = scipy.stats.skew(res.bootstrap_distribution[0])
    np.testing.assert_allclose(skewness, 6 * a, atol=0.06)
    low, high = res.confidence_interval
    z = a + ndtri([0.025, 0.975])
    shares = scipy.stats.norm.cdf(a + z / (1 - a * z))
    np.testing.assert_allclose(
        [low[0], high[0]], np.quantile(res.bootstrap_distribution[0], shares), rtol=0.01
    )


def test_the_same_bits_for_the_same_seed():
    seen = []
    given = {"n_resamples": 300, "workers": 1}
    one = fastopt.bootstrap(logistic, X, Y, START, rng=3, **given)
    given |= {"workers": 2, "callback": lambda done, total: seen.append((done, total))}
    two = fastopt.bootstrap(logistic, X, Y, START, rng=np.random.default_rng(3), **given)
    np.testing.assert_array_equal(one.bootstrap_distribution, two.bootstrap_distribution)
    assert seen[-1] == (300, 300)
    other = fastopt.bootstrap(logistic, X, Y, START, rng=4, **given)
    assert (one.bootstrap_distribution != other.bootstrap_distribution).any()
    assert one.success
    assert (one.kind, one.status.tolist().count(0) + one.status.tolist().count(2)) == (
        "residual",
        300,
    )


def test_bad_input():
    def call(*args, function=fastopt.confidence, **given):
        return function(logistic, *(args or (X, Y, START)), **given)

    bad = [
        ({"confidence_level": 95}, "between 0 and 1"),
        ({"confidence_level": "high"}, "between 0 and 1"),
        ({"parameters": "rate"}, "asym, middle, scale"),
        ({"parameters": 3}, "an index below 3"),
        ({"parameters": [0, 0]}, "once"),
        ({"args": (X,)}, "leave them out"),
        ({"sigma": np.eye(16)}, "one dimension"),
        ({"loss": "square"}, "loss"),
        ({"method": "newton"}, "method"),
    ]
    for given, words in bad:
        with pytest.raises(ValueError, match=words):
            call(**given)
    for args in [(X,), (None, Y)]:
        with pytest.raises(ValueError, match="give both"):
            call(*args)
    with pytest.raises(ValueError, match="give xdata and ydata, or p0"):
        fastopt.confidence(logistic)
    with pytest.raises(TypeError, match="f must be a function"):
        fastopt.confidence(X, X, Y)
    with pytest.raises(ValueError, match="NaN"):
        call(X, np.where(X > 2, np.nan, Y), START)
    bad = [
        ({"kind": "wild"}, "kind = 'wild'; it must be one of 'residual'"),
        ({"method": "studentized"}, "method"),
        ({"n_resamples": 0}, "n_resamples"),
    ]
    for given, words in bad:
        with pytest.raises(ValueError, match=words):
            call(function=fastopt.bootstrap, **given)
    for function in (fastopt.confidence, fastopt.bootstrap):
        with pytest.raises(TypeError, match="options must be a dict, not int"):
            call(function=function, options=5)
    with pytest.raises(TypeError, match="rng"):
        call(function=fastopt.bootstrap, rng="seed")
    with pytest.raises(TypeError, match="did you mean 'rng'"):
        call(function=fastopt.bootstrap, seed=1)
    with pytest.raises(ValueError, match="draws no counts"):
        call(function=fastopt.bootstrap, loss="poisson", kind="residual")
    with pytest.raises(ValueError, match="not negative"):
        call(X, -Y, START, function=fastopt.bootstrap, kind="poisson")
