"""Fits of many curves with shared parameters, against SciPy's fit of the stacked problem."""

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest
import scipy.optimize

import fastopt
from fastopt.drivers.fits import shared_fit

T = np.linspace(0.1, 4.0, 30)
RNG = np.random.default_rng(3)
SIGMA = 0.04 + 0.02 * np.cos(T) ** 2


@numba.njit
def decay(t, height, rate, base):
    return height * np.exp(-rate * t) + base


@numba.njit
def peak(t, height, centre, width):
    return height * np.exp(-0.5 * ((t - centre) / width) ** 2)


@numba.njit
def misfit(p, y, t):
    return p[0] * np.exp(-p[1] * t) + p[2] - y


def rows_of(model, *parameters):
    rows = [model.py_func(T, *p) for p in np.transpose(np.broadcast_arrays(*parameters))]
    return np.array(rows) + RNG.normal(0.0, 0.05, (len(rows), T.size))


HEIGHTS = np.array([1.0, 2.5, 4.0, 1.7, 3.1])
DECAYS = rows_of(decay, HEIGHTS, 1.3, 0.1 * HEIGHTS - 0.2)
PEAKS = rows_of(peak, HEIGHTS, 1.8, 0.7)
START = [1.0, 1.0, 0.0]


def stacked(residuals, shared, starts, **options):
    """SciPy's fit of all curves at once; ``residuals(b, p)`` are those of one.

    Returns the rows of parameters, the places of each row's parameters in the whole, and the
    whole's J'J inverse, cost and degrees of freedom.
    """
    starts = np.array(starts, float)
    places, count = np.empty(starts.shape, int), len(shared)
    for row in places:
        for i in range(row.size):
            row[i] = shared.index(i) if i in shared else count
            count += i not in shared
    x0 = np.empty(count)
    x0[places] = starts

    def fun(x):
        return np.concatenate([residuals(b, x[row]) for b, row in enumerate(places)])

    tight = dict.fromkeys(("xtol", "ftol", "gtol"), 1e-15)
    res = scipy.optimize.least_squares(fun, x0, jac="cs", x_scale="jac", **tight, **options)
    inverse = np.linalg.inv(res.jac.T @ res.jac)
    return res.x[places], places, inverse, res.cost, res.fun.size - count


def agree(res, theirs, shared, scale=True):
    x, places, inverse, cost, dof = theirs
    cov = inverse * (2.0 * cost / dof if scale else 1.0)
    np.testing.assert_allclose(res.x, x, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(res.shared.cost, cost, rtol=1e-10)
    assert res.shared.dof == dof
    assert res.shared.success
    assert res.success.all()
    sizes = np.sqrt(np.diag(cov))
    for b, row in enumerate(places):
        unit = sizes[row] * sizes[row][:, None]
        np.testing.assert_allclose(res.cov[b] / unit, cov[np.ix_(row, row)] / unit, atol=1e-6)
        np.testing.assert_allclose(res.stderr[b], sizes[row], rtol=1e-6)
    np.testing.assert_array_equal(res.shared.parameters, shared)
    np.testing.assert_allclose(res.shared.stderr, sizes[places[0][shared]], rtol=1e-6)
    assert (res.x[:, shared] == res.shared.x).all()


@pytest.fixture(scope="module")
def decays():
    return fastopt.curve_fit_batch(decay, T, DECAYS, START, SIGMA, shared=[1])


@pytest.mark.parametrize(
    ("model", "data", "start", "shared", "absolute"),
    [
        (decay, DECAYS, START, [1], False),
        (decay, DECAYS, START, [1, 2], True),
        (peak, PEAKS, [2.0, 1.5, 1.0], [1, 2], False),
        (peak, PEAKS, [2.0, 1.5, 1.0], [0, 1, 2], False),
    ],
)
def test_scipys_answer_and_covariances(model, data, start, shared, absolute):
    res = fastopt.curve_fit_batch(model, T, data, start, SIGMA, absolute, shared=shared)
    theirs = stacked(
        lambda b, p: (model.py_func(T, *p) - data[b]) / SIGMA, shared, [start] * len(data)
    )
    agree(res, theirs, shared, scale=not absolute)


@pytest.mark.parametrize("workers", [1, 3])
def test_bits_do_not_depend_on_threads(decays, workers):
    mask = [False, True, False]
    data = DECAYS.reshape(1, 5, -1)
    res = fastopt.curve_fit_batch(decay, T, data, START, SIGMA, shared=mask, workers=workers)
    assert res.x.shape == (1, 5, 3)
    for name in ("x", "cov", "cost", "nfev"):
        np.testing.assert_array_equal(res[name][0], decays[name])
    np.testing.assert_array_equal(res.shared.cov, decays.shared.cov)


def test_all_rounds_have_arrays_of_one_layout(monkeypatch):
    """Another layout would be another compilation."""
    seen, run = set(), shared_fit.CurvesOfShared.run

    def watched(self, starts, *given):
        results = run(self, starts, *given)
        seen.update((starts.flags.c_contiguous, results.x.flags.c_contiguous))
        return results

    monkeypatch.setattr(shared_fit.CurvesOfShared, "run", watched)
    fastopt.curve_fit_batch(decay, T, DECAYS, START, SIGMA, shared=[1])
    assert seen == {True}


def test_none_shared_is_the_batch_and_one_curve_is_its_fit(decays):
    wide = (-99.0, 99.0)
    plain = fastopt.curve_fit_batch(decay, T, DECAYS, START, SIGMA, bounds=wide)
    none = fastopt.curve_fit_batch(decay, T, DECAYS, START, SIGMA, bounds=wide, shared=[])
    np.testing.assert_array_equal(none.x, plain.x)
    np.testing.assert_array_equal(none.cov, plain.cov)
    one = fastopt.curve_fit_batch(decay, T, DECAYS[:1], START, SIGMA, shared=1)
    np.testing.assert_allclose(one.x[0], plain.x[0], rtol=1e-6)
    np.testing.assert_allclose(one.cov[0], plain.cov[0], rtol=1e-5, atol=1e-10)
    assert one.shared.dof == plain.dof[0]
    again = fastopt.curve_fit_batch(decay, T, DECAYS, plain.x, SIGMA, shared=1)
    np.testing.assert_allclose(again.x, decays.x, rtol=1e-6, atol=1e-7)  # rows that differ


def test_residuals_ragged_and_robust():
    ys = [y[: 30 - 3 * b].copy() for b, y in enumerate(DECAYS)]
    ts = [T[: y.size] for y in ys]
    ys[1][4] += 2.0
    res = fastopt.least_squares_batch(
        misfit, START, (ys, ts), shared=[1], loss="soft_l1", f_scale=0.1
    )
    given = {"loss": "soft_l1", "f_scale": 0.1}
    theirs = stacked(lambda b, p: misfit.py_func(p, ys[b], ts[b]), [1], [START] * 5, **given)
    agree(res, theirs, [1])


def test_counts():
    counts = RNG.poisson(20.0 * peak.py_func(T, HEIGHTS[:, None], 1.8, 0.7)).astype(float)
    res = fastopt.curve_fit_batch(
        peak, T, counts, [40.0, 1.5, 1.0], loss="poisson", shared=[1, 2], bounds=(1e-3, np.inf)
    )

    def deviance(p):
        rates = peak.py_func(T, p[2:, None], p[0], p[1])
        return np.sum(rates - counts * np.log(rates))

    best = [*res.shared.x, *res.x[:, 0]]
    theirs = scipy.optimize.minimize(deviance, best, method="BFGS", options={"gtol": 1e-4})
    np.testing.assert_allclose(best, theirs.x, rtol=1e-4)
    slopes = scipy.optimize.approx_fprime(
        np.array(best), lambda p: peak.py_func(T, p[2:, None], p[0], p[1]).ravel(), 1e-6
    )
    rates = peak.py_func(T, res.x[:, :1], *res.shared.x).ravel()
    information = (slopes.T * (counts.ravel() / rates**2)) @ slopes
    np.testing.assert_allclose(res.shared.cov, np.linalg.inv(information)[:2, :2], rtol=1e-3)


def test_bounds_and_fixed_parameters(decays):
    def fitted(start, low, high):
        return fastopt.curve_fit_batch(
            decay, T, DECAYS, start, SIGMA, bounds=(low, high), shared=[1]
        )

    tight = fitted(START, [0.0, 0.5, -1.0], [9.0, 1.2, 1.0])
    assert (tight.shared.x, tight.shared.active_mask) == (1.2, 1)
    assert np.isnan(tight.shared.stderr)
    assert np.isnan(tight.stderr[:, 1]).all()
    fixed = fitted([1.0, 1.2, 0.0], [0.0, 1.2, -1.0], [9.0, 1.2, 1.0])
    np.testing.assert_allclose(fixed.x, tight.x, rtol=1e-6, atol=1e-8)
    assert fixed.shared.stderr == 0.0
    assert fixed.shared.dof == decays.shared.dof + 1 == tight.shared.dof + 1
    both = fixed.stderr[:, 0] ** 2 * fixed.shared.dof, tight.stderr[:, 0] ** 2 * tight.shared.dof
    np.testing.assert_allclose(*both, rtol=1e-6)

    low = np.tile([0.0, 0.5, -1.0], (5, 1))
    low[:, 2] = [0.0, -1.0, 0.0, -1.0, 0.3]  # the first base and the last are at their bounds
    start = np.tile([1.0, 1.0, 0.5], (5, 1))
    start[1, 2] = -0.2
    high = np.tile([9.0, 3.0, 1.0], (5, 1))
    high[1, 2] = -0.2  # so is this one, and now it is fixed
    low[1, 2] = -0.2
    res = fitted(start, low, high)
    assert res.active_mask[[0, 4], 2].tolist() == [-1, -1]
    free = [0, 2, 3, 4]
    where = np.array([0.0, np.nan, 0.0, 0.0, np.nan])
    x, c = scipy.optimize.curve_fit(
        lambda _, rate, *own: _blocked(rate, own, low).ravel(),
        T,
        DECAYS.ravel(),
        [1.3, *res.x[:, 0], *res.x[[2, 3], 2]],
        np.tile(SIGMA, 5),
    )
    assert np.isfinite(where[free]).sum() == 3
    np.testing.assert_allclose(res.shared.x, x[0], rtol=1e-5)
    np.testing.assert_allclose(
        res.shared.cov[0, 0] * res.shared.dof, c[0, 0] * (150 - 8), rtol=1e-4
    )
    assert res.shared.dof == 150 - 10  # what is at a bound counts, what is fixed does not


def _blocked(rate, own, low):
    bases = low[:, 2].copy()
    bases[[2, 3]] = own[5:]
    return np.array([decay.py_func(T, h, rate, c) for h, c in zip(own[:5], bases, strict=True)])


def test_curves_without_enough_points_and_failing_ones_leave_the_others_alone():
    def fitted(data, **more):
        return fastopt.curve_fit_batch(
            decay, T, data, START, SIGMA, shared=[1], nan_policy="omit", **more
        )

    others = [0, 1, 3, 4]
    without = fitted(DECAYS[others])
    data = DECAYS.copy()
    data[2] = np.nan
    res = fitted(data)
    assert res.status.tolist()[2] == -1
    assert np.isnan(res.stderr[2]).all()
    assert res.x[2, 1] == res.shared.x[0]
    for name in ("x", "cov", "cost", "dof"):
        np.testing.assert_array_equal(res[name][others], without[name])
    np.testing.assert_array_equal(res.shared.cov, without.shared.cov)
    assert res.shared.dof == without.shared.dof == 4 * 28 - 1

    data[2, 7] = 1.0  # one point for two parameters: any shared value fits
    res = fitted(data)
    assert res.success.all()
    assert np.isinf(res.stderr[2, [0, 2]]).all()
    np.testing.assert_allclose(res.shared.x, without.shared.x, rtol=1e-8)
    np.testing.assert_allclose(res.shared.stderr, without.shared.stderr, rtol=1e-6)
    np.testing.assert_allclose(res.stderr[2, 1], res.shared.stderr[0])
    assert res.shared.dof == without.shared.dof

    none = fitted(DECAYS * np.nan)
    assert none.shared.status == -1
    assert np.isnan(none.shared.stderr).all()
    assert not none.success.any()


def test_curves_of_few_points_that_have_several_minima():
    """In the second case derivatives lead a curve to another minimum, however short the step."""
    rng = np.random.default_rng(1)
    for _ in range(3):
        true = rng.uniform([1.0, 0.8, 0.3], [5.0, 3.0, 0.9], (5, 3))
        true[:, [0, 2]] = true[0, [0, 2]]
        y = np.array([peak.py_func(T, *p) for p in true]) + rng.normal(0.0, 0.02, (5, 30))
        y[rng.random(y.shape) < 0.85] = np.nan
        given = peak, T, y, [2.0, 2.0, 0.8], SIGMA
        res = fastopt.curve_fit_batch(*given, shared=[0, 2], nan_policy="omit")
        assert res.shared.success
        assert res.shared.nfev < 60

        def residuals(b, p, y=y):
            return ((peak.py_func(T, *p) - y[b]) / SIGMA)[~np.isnan(y[b])]

        theirs = stacked(residuals, [0, 2], res.x)  # from our answer
        np.testing.assert_allclose(theirs[3], res.shared.cost, rtol=1e-7)


@numba.njit
def twice(t, height, rate, more):
    return height * np.exp(-(rate + more) * t)


@pytest.mark.parametrize("shared", [[1], [1, 2]])
def test_what_is_not_determined_has_infinite_errors(shared):
    data = DECAYS - DECAYS[:, -1:]
    res = fastopt.curve_fit_batch(twice, T, data, [1.0, 0.5, 0.5], SIGMA, shared=shared)
    assert res.shared.success
    assert np.isinf(res.shared.stderr).all()
    assert np.isinf(res.stderr[:, 1:]).all()
    sums = res.x[:, 1] + res.x[:, 2]
    for b, y in enumerate(data if shared == [1] else []):
        given = T, y, [1.0, 1.0], SIGMA
        p, _ = scipy.optimize.curve_fit(lambda t, a, r: a * np.exp(-r * t), *given, xtol=1e-14)
        np.testing.assert_allclose([res.x[b, 0], sums[b]], p, rtol=1e-5)
    assert np.isfinite(res.stderr[:, 0]).all()


def test_a_start_far_away_and_limits(decays):
    def fitted(start, **more):
        return fastopt.curve_fit_batch(decay, T, DECAYS, start, SIGMA, shared=[1], **more)

    for rate in (30.0, 39.0, 52.0, 64.0, 120.0):  # steps cut to a tenth must not end at a rate of 0
        np.testing.assert_allclose(fitted([1.0, rate, 0.0]).x, decays.x, rtol=1e-5, atol=1e-6)
    nowhere = fitted([1.0, -800.0, 0.0])  # exp overflows
    assert nowhere.status.tolist() == [-1] * 5
    for options, status in (({"maxiter": 1}, 1), ({"maxfev": 2}, 4), ({"maxtime": 0.0}, 5)):
        res = fitted(START, options=options)
        assert res.status.tolist() == [status] * 5
        assert res.shared.status == status
    seen = []

    def watch(x):
        seen.append(x.copy())
        if len(seen) == 2:
            raise StopIteration

    assert fitted(START, callback=watch).shared.status == 99
    assert seen[1].shape == (1,)


def test_an_empty_batch():
    res = fastopt.curve_fit_batch(decay, T, DECAYS[:0], START, SIGMA, shared=[1])
    assert res.x.shape == (0, 3)
    assert (res.shared.status, res.shared.x) == (-1, 1.0)
    assert "No curve" in res.shared.message


@pytest.mark.parametrize(
    ("shared", "kind", "said"),
    [
        ([3], ValueError, "shared has 3; parameters are numbered from 0 to 2"),
        ([0, -3], ValueError, "twice"),
        ([0.0], TypeError, "numbers of parameters"),
        ([True, False], TypeError, "True or False for each of the 3"),
    ],
)
def test_wrong_numbers_of_parameters(shared, kind, said):
    for call in (
        lambda: fastopt.curve_fit_batch(decay, T, DECAYS, START, shared=shared),
        lambda: fastopt.least_squares_batch(misfit, START, DECAYS, (T,), shared=shared),
    ):
        with pytest.raises(kind, match=said):
            call()


def test_names_of_parameters(decays):
    def fitted(shared, model=decay):
        return fastopt.curve_fit_batch(model, T, DECAYS, START, SIGMA, shared=shared)

    for shared in (["rate"], "rate"):
        np.testing.assert_array_equal(fitted(shared).x, decays.x)
    two = fitted(("base", 1)).shared.parameters
    assert two.tolist() == [1, 2]
    with pytest.raises(ValueError, match="'width'; the parameters are height, rate, base"):
        fitted(["width"])
    with pytest.raises(ValueError, match="twice"):
        fitted(["rate", 1])
    for call in (
        lambda: fastopt.least_squares_batch(misfit, START, DECAYS, (T,), shared=["rate"]),
        lambda: fitted(["rate"], lambda t, *p: p[0] * np.exp(-p[1] * t) + p[2]),
    ):
        with pytest.raises(ValueError, match="'rate', but the parameters have no names"):
            call()


def test_rows_that_contradict_each_other():
    def fitted(**more):
        fastopt.curve_fit_batch(decay, T, DECAYS, START, shared=[1], **more)

    high = np.tile([9.0, 3.0, 9.0], (5, 1))
    high[2, 1] = 2.0
    with pytest.raises(ValueError, match="bounds of parameter 1 differ"):
        fitted(bounds=(-np.inf, high))
    with pytest.raises(ValueError, match="must be numbers if parameters are shared"):
        fitted(options={"maxiter": [1, 2, 3, 4, 5]})


@pytest.mark.parametrize(
    "given", [{"workers": ThreadPoolExecutor(1)}, {"options": {"checkpoint": "file"}}]
)
def test_shared_fits_run_on_threads(given):
    with pytest.raises(ValueError, match="run on threads of this machine, without checkpoints"):
        fastopt.curve_fit_batch(decay, T, DECAYS, START, shared=[1], **given)
