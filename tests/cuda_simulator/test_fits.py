"""Batches of fits in Numba's CUDA simulator, thread by thread, against fits by differences."""

import numpy as np
import pytest
import scipy.optimize

import fastopt

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
from fastopt.targets.cuda import batch_scheduler

T = np.linspace(0.1, 3.0, 7)
RNG = np.random.default_rng(4)
TRUE = RNG.uniform([2.0, 0.6, -0.5], [4.0, 2.0, 0.5], (2, 2, 3))
CUBE = TRUE[..., :1] * np.exp(-TRUE[..., 1:2] * T) + TRUE[..., 2:]
CUBE += RNG.normal(0.0, 0.02, CUBE.shape)
ROWS = CUBE.reshape(-1, 7)
START = [1.0, 1.0, 0.0]
CUDA = {"device": "cuda"}


def decay(t, a, b, c):
    return a * np.exp(-b * t) + c


def misfit(p, y, t):
    return p[0] * np.exp(-p[1] * t) + p[2] - y


def same(res, at, residuals, start=START, absolute=False, **how):
    """Compare problem `at` with a fit of its own, of a plain function with differences."""
    one = fastopt.least_squares(residuals, start, jac="3-point", **how)
    assert one.success
    assert res.success[at]
    cov = one.cov / one.reduced_chi2 if absolute else one.cov
    np.testing.assert_allclose(res.x[at], one.x, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(res.cov[at], cov, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(res.cost[at], one.cost, rtol=1e-9, atol=1e-14)
    np.testing.assert_array_equal(res.active_mask[at] != 0, one.active_mask != 0)
    assert res.dof[at] == one.dof


def test_curves(monkeypatch):
    monkeypatch.setattr(batch_scheduler, "CHUNK_BYTES", 500.0)  # several chunks
    counts = []
    given = decay, T, CUBE, START
    res = fastopt.curve_fit_batch(*given, **CUDA, callback=lambda *c: counts.append(c))
    for at in np.ndindex(2, 2):
        same(res, at, lambda p, y=CUBE[at]: misfit(p, y, T))
    assert res.device == res.problem((1, 1)).device == "cuda"
    assert res.message == "4 of 4 problems converged."
    assert counts[-1] == (4, 4)


def test_own_coordinates_errors_holes_and_bounds():
    """A fixed parameter, one that a bound blocks, and a problem without data."""
    holes, sigma = CUBE.copy(), 0.02 + 0.01 * RNG.uniform(size=CUBE.shape)
    holes[0, 0, 2], holes[1, 1] = np.nan, np.nan
    low, high = np.full((2, 2, 3), -9.0), np.full((2, 2, 3), 9.0)
    low[0, 0, 1] = high[0, 0, 1] = 1.0
    high[0, 1, 0] = 1.5
    robust = {"loss": "cauchy", "f_scale": 5.0}  # with 1 the first problem has two minima
    how = {"nan_policy": "omit", "absolute_sigma": True, **robust, **CUDA}
    given = decay, T + 0 * CUBE, holes, START, sigma
    res = fastopt.curve_fit_batch(*given, bounds=(low, high), **how)
    for at in [(0, 0), (0, 1), (1, 0)]:
        used = ~np.isnan(holes[at])

        def residuals(p, at=at, used=used):
            return misfit(p, holes[at][used], T[used]) / sigma[at][used]

        same(res, at, residuals, absolute=True, bounds=(low[at], high[at]), **robust)
    assert res.stderr[0, 0, 1] == 0.0
    assert np.isnan(res.stderr[0, 1, 0])
    assert res.status[1, 1] == -1
    assert np.isnan(res.cov[1, 1]).all()


def test_residuals_with_starts_and_limits_of_each():
    starts = np.array([START, START, [np.nan, 1.0, 0.0], START])
    lists = [y[: 4 + b] for b, y in enumerate(ROWS)], [T[: 4 + b] for b in range(4)]
    how = {"options": {"maxfev": [99, 3, 99, 99]}, **CUDA}
    res = fastopt.least_squares_batch(misfit, starts, lists, **how)
    assert res.status[1:3].tolist() == [4, -1]
    assert res.nfev.tolist()[1:3] == [3, 0]
    assert np.isnan(res.cov[2]).all()
    for b in (0, 3):
        same(res, b, lambda p, b=b: misfit(p, lists[0][b], lists[1][b]))


def rosenbrock(p, y):
    return p[0] - y, 10.0 * (p[1] - p[0] ** 2)


def centred(t, a, b):
    return a * (t - t[0]) + b


def counted(t, a, b):
    return a * np.exp(-b * t)


def test_tuples_whole_models_and_counts():
    res = fastopt.least_squares_batch(rosenbrock, [-1.2, 1.0], np.array([1.0, 2.0]), **CUDA)
    np.testing.assert_allclose(res.x, [[1.0, 1.0], [2.0, 4.0]])
    res = fastopt.curve_fit_batch(centred, T, ROWS, [1.0, 1.0], **CUDA)
    same(res, 1, lambda p: centred(T, *p) - ROWS[1], [1.0, 1.0])
    counts = RNG.poisson(counted(T, 20.0, 0.5), (1, 7))
    res = fastopt.curve_fit_batch(counted, T, counts, [9.0, 1.0], loss="poisson", **CUDA)

    def likelihood(p):
        rate = counted(T, *p)
        return np.sum(rate - counts[0] * np.log(rate))

    found = scipy.optimize.minimize(likelihood, [9.0, 1.0], method="Nelder-Mead", tol=1e-10)
    np.testing.assert_allclose(res.x[0], found.x, rtol=1e-5)


def polynomial(t, a, b, c, d, e, f, g, h, i):
    return a + t * (b + t * (c + t * (d + t * (e + t * (f + t * (g + t * (h + t * i)))))))


def test_many_parameters_and_dependent_ones():
    """More than eight, whose sums are not in registers; and sums that lose the digits."""
    t = np.linspace(0.0, 1.0, 12)
    y = np.cos(3.0 * t) + RNG.normal(0.0, 0.1, (2, 12))
    res = fastopt.curve_fit_batch(polynomial, t, y, np.zeros(9), **CUDA)
    away = abs(res.x - np.polynomial.polynomial.polyfit(t, y.T, 8).T)
    assert (away < 1e-5 * res.stderr).all()  # the last step or two are of rounding
    powers = np.vander(t, 9, increasing=True)
    cov = np.linalg.inv(powers.T @ powers) * res.reduced_chi2[0]
    np.testing.assert_allclose(res.stderr[0], np.sqrt(np.diag(cov)), rtol=1e-3)


def test_what_a_gpu_does_not_do(tmp_path):
    given = decay, T, ROWS, START
    for how, says in (
        ({"options": {"checkpoint": tmp_path / "x.npz"}}, "works on the CPU only"),
        ({"workers": 2}, "workers are the CPU's"),
        ({"sigma": np.eye(7)}, "covariances in sigma, fits run on the CPU"),
    ):
        with pytest.raises(ValueError, match=says):
            fastopt.curve_fit_batch(*given, **how, **CUDA)
    assert not [*tmp_path.iterdir()]
    with pytest.raises(ValueError, match="data lives on a GPU; fits take host arrays"):
        fastopt.least_squares_batch(misfit, START, (Elsewhere(),), (T,))


class Elsewhere:
    """An array on a device."""

    __cuda_array_interface__ = None
