"""Batches of fits: the bits of single fits, data of all shapes, own statuses, bad input."""

import numba
import numpy as np
import pytest
import scipy.optimize

import fastopt

T = np.linspace(0.1, 4, 40)
RNG = np.random.default_rng(7)
TRUE = RNG.uniform([2.0, 0.6, -0.5], [4.0, 2.0, 0.5], (2, 3, 3))
START = [1.0, 1.0, 0.0]
SIGMA = 0.05 + 0.02 * np.cos(T) ** 2


@numba.njit
def decay(t, a, b, c):
    return a * np.exp(-b * t) + c


@numba.njit
def misfit(p, y, t):
    return p[0] * np.exp(-p[1] * t) + p[2] - y


CUBE = np.array([[decay(T, *p) for p in row] for row in TRUE]) + RNG.normal(0, 0.05, (2, 3, 40))
ROWS = CUBE.reshape(-1, 40)


@pytest.fixture(scope="module")
def cube():
    return fastopt.curve_fit_batch(decay, T, CUBE, START, SIGMA)


def same(res, at, popt, pcov):
    np.testing.assert_array_equal(res.x[at], popt)
    np.testing.assert_allclose(res.cov[at], pcov, rtol=1e-9)
    np.testing.assert_allclose(res.stderr[at] ** 2, np.diag(pcov), rtol=1e-9)


def test_bits_of_single_fits_and_scipys_errors(cube):
    assert cube.x.shape == cube.stderr.shape == (2, 3, 3)
    assert cube.cov.shape == (2, 3, 3, 3)
    assert cube.x.flags.c_contiguous
    assert cube.success.all()
    assert (cube.dof == 37).all()
    for at in np.ndindex(2, 3):
        same(cube, at, *fastopt.curve_fit(decay, T, CUBE[at], START, SIGMA))
        theirs = scipy.optimize.curve_fit(decay.py_func, T, CUBE[at], START, SIGMA)
        np.testing.assert_allclose(cube.cov[at], theirs[1], rtol=1e-4, atol=1e-8)
    own = cube.problem((1, 2))
    assert own.success
    np.testing.assert_array_equal(own.cov, cube.cov[1, 2])


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_bits_depend_neither_on_threads_nor_on_the_form_of_the_data(cube, workers):
    ways = [
        (T, CUBE, START, SIGMA),
        (T + 0 * CUBE, CUBE, START + 0 * TRUE, SIGMA + 0 * CUBE),
        (T, np.asfortranarray(CUBE), START, SIGMA),
    ]
    for xdata, ydata, p0, sigma in ways:
        res = fastopt.curve_fit_batch(decay, xdata, ydata, p0, sigma, workers=workers)
        np.testing.assert_array_equal(res.x, cube.x)
        np.testing.assert_array_equal(res.cov, cube.cov)


def test_residuals_in_place_of_a_curve():
    res = fastopt.least_squares_batch(misfit, START, ROWS, (T,))
    for b, y in enumerate(ROWS):
        one = fastopt.least_squares(misfit, START, (y, T))
        np.testing.assert_array_equal(res.x[b], one.x)
        np.testing.assert_allclose(res.cov[b], one.cov, rtol=1e-9)
        np.testing.assert_allclose(res.reduced_chi2[b], one.reduced_chi2, rtol=1e-12)
        assert (res.nfev[b], res.status[b], res.dof[b]) == (one.nfev, one.status, one.dof)


def test_covariances_of_the_data():
    wide = 0.05**2 * np.exp(-np.abs(T[:, None] - T)) + np.diag(SIGMA**2)
    holes = CUBE.copy()
    holes[0, 1, [3, 5]] = holes[1, 2, 30:] = np.nan
    given = {"nan_policy": "omit", "absolute_sigma": True}
    res = fastopt.curve_fit_batch(decay, T, holes, START, wide, **given)
    own = fastopt.curve_fit_batch(decay, T, holes, START, wide + np.zeros((2, 3, 1, 1)), **given)
    np.testing.assert_array_equal(own.cov, res.cov)
    assert res.dof.tolist() == [[37, 35, 37], [37, 37, 27]]
    for at in np.ndindex(2, 3):
        mine = fastopt.curve_fit(decay, T, holes[at], START, wide, **given)
        theirs = scipy.optimize.curve_fit(decay.py_func, T, holes[at], START, wide, **given)
        for (p, cov), close in ((mine, 1e-8), (theirs, 1e-3)):  # SciPy takes differences
            np.testing.assert_allclose(res.x[at], p, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(res.cov[at], cov, rtol=close)
    rows = ROWS[:2]
    whole = fastopt.curve_fit_batch(decay, T, rows, START, wide)
    cut = [rows[0], rows[1, :31]], [wide, wide[:31, :31]]
    ragged = fastopt.curve_fit_batch(decay, [T, T[:31]], cut[0], START, cut[1])
    np.testing.assert_array_equal(ragged.cov[0], whole.cov[0])
    _, cov = fastopt.curve_fit(decay, T[:31], *(cut[0][1], START, cut[1][1]))
    np.testing.assert_allclose(ragged.cov[1], cov, rtol=1e-9)


def test_data_in_float32_give_the_bits_of_their_numbers_in_float64(cube):
    short = CUBE.astype(np.float32)
    res = fastopt.curve_fit_batch(decay, T, short, START, SIGMA)
    wide = fastopt.curve_fit_batch(decay, T, short.astype(np.float64), START, SIGMA)
    assert res.x.dtype == np.float64
    np.testing.assert_array_equal(res.x, wide.x)
    np.testing.assert_array_equal(res.cov, wide.cov)
    start = np.array(START, np.float32)
    res = fastopt.curve_fit_batch(decay, T.astype(np.float32), short, start, SIGMA)
    assert (np.abs(res.x - cube.x) < 1e-4 * cube.stderr).all()


def test_rows_of_unequal_lengths():
    lengths = [40, 25, 31]
    ys, ts = [ROWS[b, :m] for b, m in enumerate(lengths)], [T[:m] for m in lengths]
    sigmas = [SIGMA[:m] for m in lengths]
    res = fastopt.curve_fit_batch(decay, ts, ys, START, sigmas, absolute_sigma=True)
    assert res.dof.tolist() == [37, 22, 28]
    for b, (t, y, s) in enumerate(zip(ts, ys, sigmas, strict=True)):
        same(res, b, *fastopt.curve_fit(decay, t, y, START, s, absolute_sigma=True))
    one = fastopt.curve_fit_batch(decay, ts, ys, START, 0.3, absolute_sigma=True)
    all_the_same = [np.full(m, 0.3) for m in lengths]
    same_sigma = fastopt.curve_fit_batch(decay, ts, ys, START, all_the_same, absolute_sigma=True)
    np.testing.assert_array_equal(one.cov, same_sigma.cov)
    whole = [fastopt.curve_fit_batch(decay, T, CUBE, START, s) for s in (0.3, 0.3 + 0 * T)]
    np.testing.assert_array_equal(whole[0].cov, whole[1].cov)
    again = fastopt.least_squares_batch(misfit, START, (ys, ts))
    assert again.dof.tolist() == [37, 22, 28]


def test_nan_is_left_out_or_fails_alone(cube):
    holes = CUBE.copy()
    holes[0, 1, [3, 5]] = holes[1, 2, 30:] = np.nan
    res = fastopt.curve_fit_batch(decay, T, holes, START, SIGMA, nan_policy="omit")
    assert res.dof.tolist() == [[37, 35, 37], [37, 37, 27]]
    for at in [(0, 1), (1, 2)]:
        p, cov = fastopt.curve_fit(decay, T, holes[at], START, SIGMA, nan_policy="omit")
        np.testing.assert_allclose(res.x[at], p, rtol=1e-6)
        np.testing.assert_allclose(res.cov[at], cov, rtol=1e-5)
    alone = fastopt.curve_fit_batch(decay, T, holes, START, SIGMA)
    failed = np.isnan(holes).any(axis=-1)
    assert (alone.status[failed] == -1).all()
    assert np.isnan(alone.stderr[failed]).all()
    np.testing.assert_array_equal(alone.x[~failed], cube.x[~failed])
    with pytest.raises(ValueError, match="NaN"):
        fastopt.curve_fit_batch(decay, T, holes, START, nan_policy="raise")


def test_points_are_left_out_for_nan_coordinates_and_errors_too():
    holes, t, sigma = ROWS.copy(), T.copy(), SIGMA + 0 * ROWS
    holes[1, 5], t[7] = np.nan, np.nan
    sigma[1, 5] = np.nan  # an error of no data
    res = fastopt.curve_fit_batch(decay, t, holes, START, sigma, nan_policy="omit")
    rows = [(t, y, s) for y, s in zip(holes, sigma, strict=True)]
    listed = [list(part) for part in zip(*rows, strict=True)]
    listed = [[v[:-1] if b == 0 else v for b, v in enumerate(part)] for part in listed]
    ragged = fastopt.curve_fit_batch(decay, *listed[:2], START, listed[2], nan_policy="omit")
    for b, (x, y, s) in enumerate(rows):
        p, cov = fastopt.curve_fit(decay, x, y, START, s, nan_policy="omit")
        np.testing.assert_allclose(res.x[b], p, rtol=1e-6)
        np.testing.assert_allclose(res.cov[b], cov, rtol=1e-5)
        if b > 0:
            np.testing.assert_allclose(ragged.cov[b], cov, rtol=1e-5)
    with pytest.raises(ValueError, match="NaN"):
        fastopt.curve_fit_batch(decay, t, ROWS, START, nan_policy="raise")


def test_without_points_there_is_no_solution():
    holes = ROWS.copy()
    holes[1], holes[2, 1:] = np.nan, np.nan
    res = fastopt.curve_fit_batch(decay, T, holes, START, nan_policy="omit")
    others = fastopt.curve_fit_batch(decay, T, ROWS, START, nan_policy="omit")
    assert res.status[1] == -1
    assert not res.success[1]
    assert np.isnan(res.stderr[1]).all()
    assert np.isnan(res.cost[1])
    assert np.isinf(res.stderr[2]).all()  # one point
    kept = [b for b in range(len(ROWS)) if b not in (1, 2)]
    np.testing.assert_array_equal(res.x[kept], others.x[kept])
    np.testing.assert_array_equal(res.cov[kept], others.cov[kept])


def test_problems_that_fail_leave_the_others_untouched(cube):
    data, start = CUBE.copy(), np.array(START + 0 * TRUE)
    data[0, 0] = np.inf
    start[1, 1, 0] = np.nan
    few = np.full(40, np.nan)
    few[:2] = ROWS[0, :2]
    data[0, 2] = few  # fewer points than parameters
    res = fastopt.curve_fit_batch(decay, T, data, start, SIGMA, nan_policy="omit")
    assert res.status[0, 0] == res.status[1, 1] == -1
    assert np.isnan(res.x[1, 1, 0])
    assert res.dof[0, 2] == -1
    assert np.isinf(np.diag(res.cov[0, 2])).all()
    good = [(0, 1), (1, 0), (1, 2)]
    whole = fastopt.curve_fit_batch(decay, T, CUBE, START, SIGMA)
    for at in good:
        np.testing.assert_allclose(res.x[at], whole.x[at], rtol=1e-7)


def test_bounds_of_each_problem():
    low, high = np.full((6, 3), -10.0), np.full((6, 3), 10.0)
    low[1, 1] = high[1, 1] = 1.0  # fixed
    high[2, 0] = 1.5  # blocks
    res = fastopt.least_squares_batch(misfit, START, ROWS, (T,), bounds=(low, high))
    free = fastopt.least_squares_batch(misfit, START, ROWS, (T,))
    for b, y in enumerate(ROWS):
        one = fastopt.least_squares(misfit, START, (y, T), bounds=(low[b], high[b]))
        np.testing.assert_array_equal(res.x[b], one.x)
        np.testing.assert_allclose(res.cov[b], one.cov, rtol=1e-9)
        np.testing.assert_array_equal(res.active_mask[b], one.active_mask)
        assert res.dof[b] == one.dof == (38 if b == 1 else 37)
    assert res.stderr[1, 1] == 0.0
    assert np.isnan(res.stderr[2, 0])
    np.testing.assert_allclose(res.x[3:], free.x[3:], rtol=1e-7)
    both = fastopt.curve_fit_batch(
        decay, T, CUBE, START, bounds=scipy.optimize.Bounds(low.reshape(2, 3, 3), 10.0)
    )
    assert both.success.all()


def test_limits_of_each_problem_and_tolerances():
    maxfev = np.array([2, 1000, 1000, 3, 1000, 1000])
    res = fastopt.least_squares_batch(misfit, START, ROWS, (T,), options={"maxfev": maxfev})
    assert res.status.tolist()[:1] == [4]
    assert res.nfev[3] == 3
    assert "4 of 6 problems converged; 2 reached maxfev" in res.message
    loose = fastopt.least_squares_batch(misfit, START, ROWS, (T,), tol=np.full(6, 1e-3))
    assert (loose.nfev < fastopt.least_squares_batch(misfit, START, ROWS, (T,)).nfev).all()


def test_undetermined_problems_have_infinite_errors():
    flat = np.vstack([0 * T, ROWS[0]])
    res = fastopt.least_squares_batch(misfit, [0.0, 1.0, 0.1], flat, (T,))
    assert np.isinf(res.stderr[0, 1])
    assert np.isfinite(res.stderr[1]).all()


def test_fits_without_misfit():
    """One point leaves nothing but rounding; zeros determine the height alone."""
    low, rows = [1.0, 1.0, 0.0], CUBE[..., :1]
    res = fastopt.curve_fit_batch(decay, T[:1], rows, low)
    assert res.success.all()
    assert (res.cost < 1e-25).all()
    assert np.isinf(res.stderr).all()
    with pytest.warns(scipy.optimize.OptimizeWarning, match="could not be estimated"):
        p, cov = fastopt.curve_fit(decay, T[:1], rows[0, 0], low)
    np.testing.assert_array_equal(p, res.x[0, 0])
    assert np.isinf(np.diag(cov)).all()
    zeros = fastopt.curve_fit_batch(decay, T, 0 * CUBE, [0.0, 1.0, 0.0])
    one = fastopt.least_squares(misfit, [0.0, 1.0, 0.0], (0 * T, T))
    for stderr in (zeros.stderr[1, 1], one.stderr):
        assert stderr.tolist() == [0.0, np.inf, 0.0]


def test_callback_stops_the_batch_and_unfinished_problems_say_so():
    def stop(done, total):
        raise StopIteration

    many = np.tile(ROWS, (4000, 1))
    res = fastopt.least_squares_batch(misfit, START, many, (T,), callback=stop)
    assert "Stopped by the callback." in res.message
    assert set(np.unique(res.status)) <= {2, 3, 7, 99, 0}
    left = res.status == 7
    assert np.isnan(res.cost[left]).all()
    assert (res.x[left] == START).all()
    late = fastopt.least_squares_batch(misfit, START, many, (T,), options={"maxtime": 0.0})
    assert "maxtime" in late.message


def test_no_problems():
    res = fastopt.least_squares_batch(misfit, START, np.empty((0, 40)), (T,))
    assert res.x.shape == (0, 3)
    assert res.cov.shape == (0, 3, 3)
    res = fastopt.curve_fit_batch(decay, T, np.empty((0, 2, 40)), START)
    assert res.stderr.shape == (0, 2, 3)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"ydata": T}, ValueError, "use fastopt.curve_fit"),
        ({"xdata": T[:-1]}, ValueError, "xdata has shape"),
        ({"sigma": 0 * T}, ValueError, "positive"),
        ({"sigma": SIGMA[:-1]}, ValueError, "sigma has shape"),
        ({"sigma": np.ones((40, 40))}, ValueError, "positive definite"),
        ({"sigma": np.tri(40)}, ValueError, "finite and symmetric"),
        ({"sigma": np.ones((3, 40, 40))}, ValueError, r"covariances must be \(40, 40\)"),
        ({"p0": np.ones((3, 3))}, ValueError, "p0 has shape"),
        ({"p0": np.ones((2, 3, 0))}, ValueError, "p0 has shape"),
        ({"p0": np.ones(65)}, ValueError, "at most 64"),
        ({"p0": None}, ValueError, "p0 is None"),
        ({"p0": [1.0, 1.0]}, TypeError, "2 parameters: missing"),
        ({"ydata": np.ma.masked_less(CUBE, 1.0)}, TypeError, "ydata is masked"),
        ({"p0": [1.0, np.inf, 0.0]}, ValueError, "not finite"),
        ({"bounds": (1.0, -1.0)}, ValueError, "low above high"),
        ({"bounds": ([0, 0], [1, 1])}, ValueError, r"bounds have arrays of shapes \(2,\)"),
        ({"bounds": (2.0, 9.0)}, ValueError, r"p0\[0, 0\] = 1 lies outside"),
        ({"bounds": (np.full((5, 3), -9.0), 9.0)}, ValueError, "ydata has 6, bounds has 5"),
        ({"nan_policy": "drop"}, ValueError, "nan_policy"),
        ({"loss": "square"}, ValueError, "loss"),
        ({"options": {"maxcor": 3}}, ValueError, "no meaning"),
        ({"options": {"maxfev": [1, 2]}}, ValueError, "ydata has 6, .*maxfev.* has 2"),
        ({"workers": 0}, ValueError, "workers"),
        ({"f": 3}, TypeError, "function"),
        ({"ydata": [T, T[:3]], "xdata": [T, T]}, ValueError, "lengths of xdata"),
        ({"ydata": [T, T[:3]]}, TypeError, "xdata must be such a list"),
        ({"xdata": ()}, ValueError, "xdata is empty"),
        ({"xdata": 3.0}, ValueError, "xdata has shape"),
    ],
)
def test_bad_input(change, error, said):
    given = {"f": decay, "xdata": T, "ydata": CUBE, "p0": START, **change}
    with pytest.raises(error, match=said):
        fastopt.curve_fit_batch(**given)


def test_functions_that_cannot_be_compiled_are_an_error():
    with pytest.raises(TypeError, match="cannot be compiled"):
        fastopt.curve_fit_batch(lambda t, a: eval(a), T, CUBE, [1.0])


def test_errors_are_right_as_often_as_students_distribution_says():
    """A line is exact: errors from five points' own residuals are those of three degrees."""
    x, truth, noise = np.arange(5.0), np.array([2.0, -1.0]), np.full(5, 3.0)
    line = numba.njit(lambda x, a, b: a + b * x)
    y = line(x, *truth) + np.random.default_rng(4).normal(0.0, noise, (20_000, 5))
    for absolute, share in ((False, 0.6090), (True, 0.6827)):
        res = fastopt.curve_fit_batch(line, x, y, [1.0, 1.0], sigma=noise, absolute_sigma=absolute)
        inside = np.abs(res.x - truth) <= res.stderr
        np.testing.assert_allclose(inside.mean(axis=0), share, atol=0.0133)  # four deviations
