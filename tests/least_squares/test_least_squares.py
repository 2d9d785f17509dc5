"""`least_squares`: SciPy's result, bounds, fixed parameters, ways to stop, bad input."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest
import scipy.optimize
from metrics import METRICS

import fastopt

T = np.linspace(0.0, 4.0, 30)
Y = 3.0 * np.exp(-1.2 * T) + 0.4 + 0.05 * np.cos(40.0 * T)


def misfit(p, t, y):
    return p[0] * np.exp(-p[1] * t) + p[2] - y


JITTED = numba.njit(misfit)
START = [1.0, 1.0, 0.0]
BOTH = pytest.mark.parametrize("fun", [misfit, JITTED], ids=["plain", "compiled"])


@BOTH
@pytest.mark.parametrize("bounds", [None, ([0, 0, -1], [2.5, 5, 1]), (-10.0, 10.0)])
def test_result_is_scipys(fun, bounds):
    ours = fastopt.least_squares(fun, START, (T, Y), bounds=bounds)
    more = {"bounds": bounds} if bounds else {}
    tight = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15, "jac": "3-point"}
    theirs = scipy.optimize.least_squares(misfit, START, args=(T, Y), **more, **tight)
    assert ours.success
    np.testing.assert_allclose(ours.cost, theirs.cost, rtol=1e-10)
    np.testing.assert_array_equal(ours.active_mask, theirs.active_mask)
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-5)
    for name in ("fun", "jac", "grad"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=2e-5)
    assert ours.optimality < 1e-6


@BOTH
def test_fixed_and_blocked_parameters(fun):
    free = fastopt.least_squares(lambda p: misfit((p[0], 1.5, p[1]), T, Y), [1.0, 0.0])
    bounds = [-np.inf, 1.5, -np.inf], [np.inf, 1.5, np.inf]
    fixed = fastopt.least_squares(fun, [1.0, 1.5, 0.0], (T, Y), bounds=bounds)
    assert fixed.x[1] == 1.5
    assert fixed.dof == free.dof == 28
    np.testing.assert_allclose(fixed.x[[0, 2]], free.x, rtol=1e-7)
    np.testing.assert_allclose(fixed.stderr[[0, 2]], free.stderr, rtol=1e-6)
    np.testing.assert_array_equal(fixed.cov[1], 0.0)
    blocked = fastopt.least_squares(fun, START, (T, Y), bounds=(-9.0, [9.0, 1.1, 9.0]))
    assert blocked.x[1] == 1.1
    assert blocked.dof == 27
    assert blocked.active_mask.tolist() == [0, 1, 0]
    assert np.isnan(blocked.stderr).tolist() == [False, True, False]


@pytest.mark.parametrize("method", METRICS)
def test_every_metric_scales_the_damping(method):
    res = fastopt.least_squares(misfit, START, (T, Y), method=method, jac="cs")
    best = fastopt.least_squares(misfit, START, (T, Y), jac="cs")
    np.testing.assert_allclose(res.x, best.x, rtol=1e-6)
    assert res.success


@pytest.mark.parametrize("power", [-9, 9])
def test_units_do_not_matter(power):
    units = 10.0 ** np.array([power, -power, 0.5 * power])
    one = fastopt.least_squares(misfit, START, (T, Y), jac="cs")
    res = fastopt.least_squares(
        lambda p: 10.0**power * misfit(p / units, T, Y), START * units, jac="cs"
    )
    assert (res.nfev, res.status) == (one.nfev, one.status)
    np.testing.assert_allclose(res.x / units, one.x, rtol=1e-9)
    np.testing.assert_allclose(res.stderr / units, one.stderr, rtol=1e-7)


def test_exact_data_end_soon():
    res = fastopt.least_squares(misfit, START, (T, misfit([3.0, 1.2, 0.4], T, 0.0)), jac="cs")
    assert res.success
    assert res.nfev < 200
    np.testing.assert_allclose(res.x, [3.0, 1.2, 0.4], rtol=1e-9)


@pytest.mark.parametrize("jac", ["2-point", "3-point", "cs", "callable"])
def test_jacobians(jac):
    def derivatives(p, t, y):
        e = np.exp(-p[1] * t)
        return np.column_stack([e, -p[0] * t * e, np.ones(t.size)])

    given = derivatives if jac == "callable" else jac
    res = fastopt.least_squares(misfit, START, (T, Y), jac=given)
    np.testing.assert_allclose(res.jac, derivatives(res.x, T, Y), atol=1e-6)
    near = {"lb": [0.0, 1.0, 0.0], "ub": [3.0, 1.0 + 1e-9, 1.0]}
    box = scipy.optimize.Bounds(**near)
    seen = []

    def spied(p, t, y):
        seen.append(np.array(p).real)
        return misfit(p, t, y)

    fastopt.least_squares(spied, START, (T, Y), jac=given, bounds=box)
    assert all((near["lb"] <= x).all() and (x <= near["ub"]).all() for x in seen)


@numba.njit
def as_tuple(p):
    return 10.0 * (p[1] - p[0] ** 2), 1.0 - p[0], 0.0


def test_tuples_of_residuals():
    res = fastopt.least_squares(as_tuple, [-1.2, 1.0])
    assert res.success
    assert res.jac_method == "autodiff"
    np.testing.assert_allclose(res.x, [1.0, 1.0], rtol=1e-9)
    np.testing.assert_allclose(res.jac, [[-20, 10], [-1, 0], [0, 0]], atol=1e-7)


def chain(p):
    return np.append(10.0 * (p[1:] - p[:-1] ** 2), 1.0 - p[:-1])


def test_chains_of_parameters():
    x0 = np.tile([-1.2, 1.0], 4)
    res = fastopt.least_squares(chain, x0, jac="cs")
    theirs = scipy.optimize.least_squares(chain, x0, method="lm")
    assert res.success
    np.testing.assert_allclose(res.cost, theirs.cost, rtol=1e-6, atol=1e-12)


@numba.njit
def polynomial(t, *p):
    value = 0.0 * t
    for coefficient in p:
        value = value * t + coefficient
    return value


def test_more_parameters_than_registers():
    t = np.linspace(-1.0, 1.0, 60)
    y = np.exp(t) + 0.1 * np.cos(40.0 * t)
    p, cov = fastopt.curve_fit(polynomial, t, y, np.ones(10))
    wanted, wanted_cov = np.polyfit(t, y, 9, cov=True)
    np.testing.assert_allclose(p, wanted, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(cov, wanted_cov, rtol=1e-6, atol=1e-9)


def test_undetermined_parameters():
    res = fastopt.least_squares(lambda p: (p[0] + p[1] - T) / (1 + T), [1.0, 0.0])
    assert res.success
    assert np.isinf(res.stderr).all()
    res = fastopt.least_squares(lambda p: p[0] * T + 0.0 * p[1] - Y, [1.0, 3.0])
    assert res.success
    assert np.isfinite(res.stderr).tolist() == [True, False]
    few = fastopt.least_squares(lambda p: p[:2] - 1.0, [3.0, 0.0, 2.0])
    assert few.success
    assert few.dof == -1
    assert not np.isfinite(few.stderr).any()


def test_limits_and_callback():
    at = []
    res = fastopt.least_squares(misfit, START, (T, Y), callback=at.append)
    assert len(at) == res.nit
    np.testing.assert_array_equal(at[-1], res.x)

    def stop(intermediate_result):
        if intermediate_result.nit == 2:
            raise StopIteration

    stopped = fastopt.least_squares(misfit, START, (T, Y), callback=stop)
    assert (stopped.status, stopped.nit) == (99, 2)
    limited = fastopt.least_squares(misfit, START, (T, Y), options={"maxiter": 3})
    assert (limited.status, limited.nit) == (1, 3)
    np.testing.assert_array_equal(limited.x, at[2])


def test_callback_of_a_compiled_fit_changes_no_bits():
    at = []
    cut = fastopt.least_squares(JITTED, START, (T, Y), callback=at.append)
    whole = fastopt.least_squares(JITTED, START, (T, Y))
    assert len(at) == whole.nit
    np.testing.assert_array_equal(cut.x, whole.x)
    np.testing.assert_array_equal(cut.cov, whole.cov)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_residuals_that_are_not_finite():
    bad = fastopt.least_squares(lambda p: np.log(p[0] - T), [2.0])
    assert (bad.status, bad.success) == (-1, False)
    # On the way the step is shortened.
    res = fastopt.least_squares(lambda p: np.log(p) - np.array([-3.0, 2.0]), [90.0, 0.001])
    assert res.success
    np.testing.assert_allclose(res.x, np.exp([-3.0, 2.0]), rtol=1e-7)


def test_wrong_jacobian_is_no_success():
    res = fastopt.least_squares(
        misfit, START, (T, Y), jac=lambda p, t, y: -np.column_stack([t, t**2, 1 + t])
    )
    assert not res.success


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"fun": 1}, TypeError, "function"),
        ({"fun": lambda p, t, y: np.ones((2, 2))}, ValueError, "vector of residuals"),
        ({"fun": lambda p, t, y: np.ones(0)}, ValueError, "vector of residuals"),
        ({"fun": lambda p, t, y: "a"}, ValueError, "vector of residuals"),
        ({"x0": []}, ValueError, "x0"),
        ({"x0": [np.inf, 0, 0]}, ValueError, "not finite"),
        ({"x0": np.ones((3, 1))}, ValueError, "vector"),
        ({"bounds": ([2, 0, 0], [1, 1, 1])}, ValueError, "low above high"),
        ({"bounds": [(0, 1), (0, 1), (0, 1)]}, ValueError, "bounds"),
        ({"tol": -1}, ValueError, "tol"),
        ({"loss": "square"}, ValueError, "loss"),
        ({"jac": 3}, ValueError, "jac"),
        ({"jac": lambda p, t, y: np.ones(3)}, ValueError, "residuals by"),
        ({"options": {"learning_rate": 1.0}}, ValueError, "no meaning"),
        ({"options": {"max_nfev": 1}}, ValueError, "max_nfev"),
        ({"options": {"finite_diff_rel_step": [1e-3, 1e-3]}}, ValueError, "components"),
        ({"callback": 3}, TypeError, "callback"),
        ({"args": (T,)}, TypeError, "x and the 1 of args: missing"),
        ({"fun": JITTED, "args": (T,)}, TypeError, "x and the 1 of args: missing"),
        ({"args": (T, np.ma.masked_less(Y, 1.0))}, TypeError, "masked"),
        ({"args": (T, Y + 1j)}, TypeError, "complex"),
        ({"x_scale": 1.0}, TypeError, "leave x_scale out"),
    ],
)
def test_bad_input(change, error, said):
    given = {"fun": misfit, "x0": START, "args": (T, Y), **change}
    with pytest.raises(error, match=said):
        fastopt.least_squares(**given)


@numba.njit
def grows(p):
    return np.ones(3 if p[0] > 0.99 else 4) * (p[0] - 0.5)


def test_number_of_residuals_must_not_change():
    sizes = iter(range(30, 60))
    with pytest.raises(ValueError, match="must not change"):
        fastopt.least_squares(lambda p: p[0] - np.ones(next(sizes)), [0.0])
    with pytest.raises(ValueError, match="3 residuals at first, and 4 later"):
        fastopt.least_squares(grows, [1.0])


@numba.njit
def reads_beyond(p, y):
    return p[0] * y + p[5]


def test_index_outside_is_an_error():
    with pytest.raises(IndexError):
        fastopt.least_squares(reads_beyond, [1.0, 2.0], (Y,))


@numba.njit
def prints(p, y):
    with numba.objmode(z="float64"):
        z = 1.0
    return p[0] * y + z


def test_plain_functions_work_without_the_compiler():
    code = (
        "import numpy as np, fastopt; t = np.arange(9.0)\n"
        "res = fastopt.least_squares(lambda p: p[0] * np.exp(-p[1] * t) - 2.0**-t, [2.0, 1.0])\n"
        "assert res.success and abs(res.x - [1.0, np.log(2.0)]).max() < 1e-6, res"
    )
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
