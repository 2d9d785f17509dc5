"""The contract of `minimize`: SciPy's call and result. Oracles are closed forms and plain NumPy."""

import functools
import math
import os
import signal
import sys
import threading
import time

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import rosenbrock, rosenbrock_jac
from scipy.optimize import Bounds, OptimizeResult

from fastopt import minimize

compiled = functools.cache(numba.njit)
KINDS = pytest.mark.parametrize("kind", [lambda f: f, compiled], ids=["plain", "njit"])
MODES = pytest.mark.parametrize("rate", ["auto", 1e-3])
ROSENBROCK = [-1.2, 1.0]


def bowl(x, calls):
    """Minimum 0 at (1, 2, ..., n); calls[0] counts the evaluations, calls[1] the gradients."""
    calls[0] += 1
    f = 0.0
    for i in range(x.size):
        f += (i + 2.0) * (x[i] - i - 1.0) ** 2
    return f


def bowl_jac(x, calls):
    calls[1] += 1
    g = np.empty_like(x)
    for i in range(x.size):
        g[i] = 2.0 * (i + 2.0) * (x[i] - i - 1.0)
    return g


def bowl_both(x, calls):
    calls[0] += 1
    a, b = x[0] - 1.0, x[1] - 2.0
    return 2.0 * a**2 + 3.0 * b**2, np.array([4.0 * a, 6.0 * b])


def bowl_tuple(x, calls):
    calls[0] += 1
    a, b = x[0] - 1.0, x[1] - 2.0
    return 2.0 * a**2 + 3.0 * b**2, (4.0 * a, 6.0 * b)


@KINDS
@pytest.mark.parametrize(
    ("fun", "jac", "name"),
    [
        (bowl, bowl_jac, "jac"),
        (bowl_both, True, "fun"),
        (bowl_tuple, True, "fun"),
        (bowl, "2-point", "2-point"),
        (bowl, "3-point", "3-point"),
        (bowl, "cs", "cs"),
    ],
    ids=["callable", "True", "True-tuple", "2-point", "3-point", "cs"],
)
def test_forms_of_jac(kind, fun, jac, name):
    calls = np.zeros(2)
    res = minimize(kind(fun), [4.0, -3.0], calls, jac=kind(jac) if callable(jac) else jac)
    assert isinstance(res, OptimizeResult)
    assert (res.success, res.status, res.jac_method, res.device) == (True, 0, name, "cpu")
    assert_allclose(res.x, [1.0, 2.0], atol=1e-6)
    assert 0.0 <= res.fun < 1e-12
    assert_allclose(res.jac, [4.0, 6.0] * (res.x - [1.0, 2.0]), atol=2e-7)
    assert np.abs(res.jac).max() <= 1e-6
    assert 0 < res.nit < res.njev
    assert res.nfev == calls[0]  # probes too
    assert not callable(jac) or res.njev == calls[1]


def test_plain_functions_are_differenced_by_default():
    calls = np.zeros(2)
    res = minimize(bowl, [4.0, -3.0], (calls,))
    assert (res.jac_method, res.success, res.nfev) == ("2-point", True, calls[0])


@KINDS
def test_a_plain_jac_beside_any_fun(kind):
    calls = np.zeros(2)
    res = minimize(kind(bowl), [4.0, -3.0], calls, jac=lambda x, calls: bowl_jac(x, calls))
    assert (res.success, res.njev, res.jac_method) == (True, calls[1], "jac")


@pytest.mark.parametrize(
    ("x0", "shape", "dtype"),
    [
        (5, (1,), np.float64),
        (np.float32(5), (1,), np.float32),
        ([1, 2], (2,), np.float64),
        (np.array([4, 5], np.uint8), (2,), np.float64),
        (np.ones((2, 2), np.float32), (2, 2), np.float32),
        (np.asfortranarray(np.arange(6.0).reshape(2, 3)), (2, 3), np.float64),
        (np.array([1.0, 2.0], ">f8"), (2,), np.float64),
    ],
    ids=str,
)
def test_shape_and_dtype_of_x0(x0, shape, dtype):
    seen, steps, before = set(), [], np.array(x0)

    def fun(x):
        seen.add((x.shape, x.dtype, x.flags.writeable))
        return float(np.sum((x - 7.0) ** 2))

    if isinstance(x0, np.ndarray):
        x0.flags.writeable = False
    res = minimize(fun, x0, jac=lambda x: 2.0 * (x - 7.0), callback=steps.append)
    assert seen == {(shape, np.dtype(dtype), True)}
    assert res.success
    for x in (res.x, res.jac, res.x_last, *steps):
        assert (x.shape, x.dtype) == (shape, dtype)
    assert_allclose(res.x, 7.0, rtol=1e-4 if dtype == np.float32 else 1e-6)
    assert_array_equal(x0, before)


@pytest.mark.parametrize(("shape", "dtype"), [((3,), np.float32), ((3, 1), np.float64)])
def test_shape_and_dtype_when_compiled(shape, dtype):
    x0 = np.full(shape, 4, dtype)
    res = minimize(compiled(_sum), x0, jac=compiled(_sum_jac))
    assert (res.success, res.x.shape, res.x.dtype) == (True, shape, dtype)
    assert_allclose(res.x, 7.0, rtol=1e-4)


def _sum(x):
    return ((x - 7.0) ** 2).sum()


def _sum_jac(x):
    return (x - x.dtype.type(7)) * 2


def cornered(x, seen):
    """`seen` keeps the extremes of x. Given x[1], the best x[0] is 3 - x[1] / 4."""
    for i in range(2):
        seen[0, i] = min(seen[0, i], x[i].real)
        seen[1, i] = max(seen[1, i], x[i].real)
    return (x[0] - 3.0) ** 2 + (x[1] + 1.0) ** 2 + 0.5 * x[0] * x[1]


@pytest.mark.parametrize("jac", ["2-point", "3-point", "cs"])
@pytest.mark.parametrize(
    ("bounds", "x0", "best"),
    [
        ([(0, 2), (0, None)], [0.0, 5.0], [2.0, 0.0]),
        (Bounds([0, 0], [2, np.inf]), [2.0, 0.0], [2.0, 0.0]),
        (Bounds([-np.inf, 0.5], [np.inf, 1.0]), [9.0, 1.0], [2.875, 0.5]),
        ([(None, None), (0.5, 0.5)], [-1.0, 0.5], [2.875, 0.5]),
        (Bounds(-3, 4), [-3.0, 4.0], [52.0 / 15.0, -28.0 / 15.0]),
        ([(None, -1e-9), (1.0, 1.0 + 1e-9)], [-1.0, 1.0], [-1e-9, 1.0]),
        (np.array([[2.0, 2.0], [0.0, 0.0]]), [2.0, 0.0], [2.0, 0.0]),
    ],
)
def test_bounds(bounds, x0, best, jac):
    pairs = bounds if not isinstance(bounds, Bounds) else zip(*(bounds.lb, bounds.ub), strict=True)
    pairs = np.array([*pairs], float) + np.zeros((2, 1))  # None becomes NaN
    low, high = np.nan_to_num(pairs[:, 0], nan=-math.inf), np.nan_to_num(pairs[:, 1], nan=math.inf)
    seen, steps = np.array([[math.inf] * 2, [-math.inf] * 2]), []
    res = minimize(cornered, x0, seen, jac=jac, bounds=bounds, callback=steps.append)
    assert res.success
    assert_allclose(res.x, best, atol=1e-6)
    assert (low <= seen[0]).all() and (seen[1] <= high).all()  # noqa: PT018
    assert all(((low <= x) & (x <= high)).all() for x in [*steps, res.x, res.x_last])


@KINDS
@pytest.mark.parametrize("rate", ["auto", 0.1])
def test_bounds_hold_in_every_loop(kind, rate):
    seen = np.array([[math.inf] * 2, [-math.inf] * 2])
    bounds = Bounds(np.array([0.0, 0.0]), np.array([2.0, 5.0]))
    res = minimize(
        kind(cornered),
        [0.0, 5.0],
        (seen,),
        jac="3-point",
        bounds=bounds,
        options={"learning_rate": rate, "gtol": 1e-7},
    )
    assert_array_equal(res.x, [2.0, 0.0])
    assert (res.fun, res.status) == (2.0, 0)
    assert_array_equal(seen, [[0.0, 0.0], [2.0, 5.0]])
    assert_array_equal([bounds.lb, bounds.ub], [[0.0, 0.0], [2.0, 5.0]])


def beside_a_fixed_one(x):
    return (x[1] - 2.0) ** 2


def slope_of_it(x):
    return np.array([math.nan, 2.0 * (x[1] - 2.0)])


@KINDS
@pytest.mark.parametrize("rate", ["auto", 0.25])
def test_a_fixed_component_needs_no_slope(kind, rate):
    """It stands where the gradient has no value, say at the edge of where fun is defined."""
    res = minimize(
        kind(beside_a_fixed_one),
        [1.0, 0.0],
        jac=kind(slope_of_it),
        bounds=[(1.0, 1.0), (None, None)],
        method="rmsprop" if rate == "auto" else "sgd",
        options={"learning_rate": rate, "gtol": 1e-7},
    )
    assert (res.success, res.status) == (True, 0)
    assert_allclose(res.x, [1.0, 2.0], atol=1e-6)


OFF = {"gtol": 0.0, "ftol": 0.0, "xtol": 0.0, "maxiter": math.inf, "maxfev": 1e5}


@MODES
@pytest.mark.parametrize(
    ("limit", "status", "success"),
    [
        ({"gtol": 1e-2}, 0, True),
        ({"maxiter": 7}, 1, False),
        ({"ftol": 1e-5}, 2, True),
        ({"xtol": 1e-3}, 3, True),
        ({"maxfev": 9}, 4, False),
        ({"maxtime": 0.05}, 5, False),
    ],
    ids=str,
)
def test_every_limit_stops_and_says_so(rate, limit, status, success):
    slow = "maxtime" in limit
    fun = (lambda x: time.sleep(1e-3) or rosenbrock(x)) if slow else rosenbrock
    started = time.perf_counter()
    res = minimize(
        fun,
        ROSENBROCK,
        method="sgd",
        jac=rosenbrock_jac,
        options={**OFF, **limit, "learning_rate": rate, "momentum": 0.5},
    )
    # "auto" may make the gradient exactly zero before f has stalled for long.
    exact = rate == "auto" and "ftol" in limit and not res.jac.any()
    assert (res.status, res.success) == (0 if exact else status, success)
    assert res.nit > 0
    assert res.message
    assert res.nit == limit.get("maxiter", res.nit)
    assert res.nfev <= limit.get("maxfev", 1e5)
    assert not slow or 0.05 <= time.perf_counter() - started < 1.0
    assert status != 0 or np.abs(rosenbrock_jac(res.x)).max() <= 1e-2
    assert status not in (0, 2) or res.fun < 0.1 * rosenbrock(ROSENBROCK)


def test_best_point_is_kept_when_the_last_is_worse():
    res = minimize(
        lambda x: x[0] ** 2,
        [1.0],
        method="sgd",
        jac=lambda x: 2.0 * x,
        options={"learning_rate": 1.05, "maxiter": 20},
    )
    assert_allclose([res.x[0], res.fun, res.jac[0]], [1.0, 1.0, 2.0], rtol=0)
    assert_allclose([res.x_last[0], res.fun_last], [1.1**20, 1.1**40], rtol=1e-12)


@MODES
def test_interrupting_a_plain_function_keeps_the_best_point(rate):
    seen = []

    def fun(x):
        seen.append(x)
        if len(seen) == 30:
            raise KeyboardInterrupt
        return rosenbrock(x)

    res = minimize(fun, ROSENBROCK, jac=rosenbrock_jac, options={"learning_rate": rate})
    assert (res.status, res.success, len(seen)) == (6, False, 30)
    assert res.fun == rosenbrock(res.x) <= min(map(rosenbrock, seen[:-1])) * (1 + 1e-12)
    assert res.nfev in (29, 30)
    assert res.fun_last == rosenbrock(res.x_last)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs POSIX signals")
def test_interrupting_a_compiled_loop():
    fun, jac = compiled(rosenbrock), compiled(rosenbrock_jac)
    options = {"learning_rate": 1e-9, "maxiter": 1}
    minimize(fun, ROSENBROCK, method="sgd", jac=jac, options=options)  # compiles
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.3, interrupt)
    timer.start()
    endless = {"learning_rate": 1e-9, "maxiter": 1e12, "maxtime": 20.0}
    res = minimize(fun, ROSENBROCK, method="sgd", jac=jac, options=endless)
    waited = time.perf_counter() - sent[0]
    timer.join()
    assert (res.status, res.success) == (6, False)
    assert waited < 1.0
    assert res.nit > 1000
    assert 0.0 < res.fun < rosenbrock(ROSENBROCK)
    assert res.fun == pytest.approx(rosenbrock(res.x), rel=1e-12)


@pytest.mark.parametrize("bar", [True, False])
def test_disp(bar, capsys, monkeypatch):
    if bar:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(sys.modules, "tqdm", None)
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    res = minimize(rosenbrock, ROSENBROCK, jac=rosenbrock_jac, options={"disp": True})
    out, err = capsys.readouterr()
    assert res.message in out
    assert f"Iterations: {res.nit}\n" in out
    assert f"Function evaluations: {res.nfev}\n" in out
    assert ("50000" in err) == bar
    minimize(rosenbrock, ROSENBROCK, jac=rosenbrock_jac)
    assert capsys.readouterr() == ("", "")
