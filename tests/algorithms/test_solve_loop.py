"""The loop itself: it can be cut anywhere, stays in the box, and does not see units."""

import math

import numba
import numpy as np
import pytest
from metrics import METRICS
from problems import CLASSICAL, wood_jac
from problems.objectives import with_gradient

import fastopt
from fastopt.algorithms.run_state import FEW, NFEV, run_of
from fastopt.algorithms.status_codes import RUNNING
from fastopt.drivers import objective_bindings, single_problem
from fastopt.inputs import run_options, start_and_bounds
from fastopt.targets.cpu import cpu_target as cpu

BY_NAME = {p.name: p for p in CLASSICAL}
WOOD = BY_NAME["Wood"]
COMPILED = numba.njit(WOOD.fun), numba.njit(wood_jac)


def problem(compiled, options, method="rmsprop"):
    """The pieces of a minimisation, before it runs."""
    fun, jac = COMPILED if compiled else (WOOD.fun, wood_jac)
    rule = run_options.find_rule(method)
    x0 = start_and_bounds.start_point(WOOD.x0)
    settings = run_options.parse(rule, options, None, x0.dtype)
    objective = objective_bindings.build(fun, jac, (), settings, x0)
    return single_problem.Problem(rule, x0, None, settings, objective, cpu)


def advance(problem, nfev):
    until = math.inf, problem.record[NFEV] + nfev
    problem.call(until)
    return run_of(problem.record)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("options", [{"maxfev": 400}, {"learning_rate": 1e-3, "maxiter": 400}])
def test_cut_anywhere_same_bits(compiled, options):
    whole, cut = problem(compiled, options), problem(compiled, options)
    advance(whole, math.inf)
    pieces = 0
    while advance(cut, 1 + pieces % 3).status == RUNNING:
        pieces += 1
    assert pieces > 50
    np.testing.assert_array_equal(cut.record, whole.record)
    for a, b in zip(whole.iterates + whole.workspace, cut.iterates + cut.workspace, strict=True):
        np.testing.assert_array_equal(a, b)


def test_state_is_explicit():
    """A run that goes on from copied arrays and scalars ends with the same bits."""
    whole, half = problem(True, {"maxfev": 400}), problem(True, {"maxfev": 400})
    advance(whole, math.inf)
    advance(half, 200)
    resumed = problem(True, {"maxfev": 400})
    resumed.record[:] = half.record
    for mine, theirs in (
        (resumed.iterates, half.iterates),
        (resumed.workspace, half.workspace),
        (resumed.state, half.state),
    ):
        for a, b in zip(mine, theirs, strict=True):
            a[:] = b
    advance(resumed, math.inf)
    np.testing.assert_array_equal(resumed.record, whole.record)
    np.testing.assert_array_equal(resumed.x, whole.x)


@pytest.mark.parametrize("method", METRICS)
@pytest.mark.parametrize("power", [-27, 27])
def test_units_of_f_do_not_matter(method, power):
    p, scale = BY_NAME["Beale"], 2.0**power
    fun, options = with_gradient(p), {"gtol": 0.0, "maxfev": 300}

    def scaled_fun(x):
        f, g = fun(x)
        return scale * f, scale * g

    plain = fastopt.minimize(fun, p.x0, jac=True, method=method, options=options)
    scaled = fastopt.minimize(scaled_fun, p.x0, jac=True, method=method, options=options)
    np.testing.assert_array_equal(scaled.x, plain.x)
    assert (scaled.nfev, scaled.fun) == (plain.nfev, scale * plain.fun)


@pytest.mark.parametrize("method", METRICS)
@pytest.mark.parametrize("unit", [(2.0**20, 2.0**20), (2.0**20, 2.0**-20)])
def test_units_of_x_do_not_matter(method, unit):
    """In a common unit the iterates are the same, scaled; in units of their own the answer is."""
    p, unit = BY_NAME["Beale"], np.array(unit)
    fun, options = with_gradient(p), {"gtol": 0.0, "maxfev": 200}

    def scaled_fun(x):
        f, g = fun(x / unit)
        return f, g / unit

    plain = fastopt.minimize(fun, p.x0, jac=True, method=method, options=options)
    scaled = fastopt.minimize(scaled_fun, p.x0 * unit, jac=True, method=method, options=options)
    if unit[0] == unit[1]:
        np.testing.assert_array_equal(scaled.x / unit, plain.x)
        assert scaled.nfev == plain.nfev
    else:
        assert scaled.success
        assert plain.success
        np.testing.assert_allclose(scaled.x / unit, [3.0, 0.5], rtol=1e-9)
        np.testing.assert_allclose(plain.x, [3.0, 0.5], rtol=1e-9)


@pytest.mark.parametrize("options", [{}, {"learning_rate": 0.01, "maxiter": 50, "xtol": 1e-30}])
@pytest.mark.parametrize("n", [1, 7])
def test_what_lies_beyond_the_last_parameter_stays_zero(n, options):
    """Loops for a few more parameters than there are, with a rule that divides zero by zero."""

    @numba.njit
    def bowl(x):
        return np.sum((x - 1.0) ** 2)

    rule = run_options.find_rule("rmsprop")
    x0 = np.zeros(n)
    settings = run_options.parse(rule, {**options, "eps": 0.0}, None, x0.dtype)
    objective = objective_bindings.build(bowl, None, (), settings, x0)
    whole = single_problem.Problem(rule, x0, None, settings, objective, cpu)
    res = whole.run(None)
    assert res.status >= 0
    wide = whole.arrays.shape[1]
    assert wide > n
    own = whole.workspace
    for row in (*whole.iterates, own.low, own.high, own.best_x, own.best_g):
        start = (
            row.__array_interface__["data"][0] - whole.arrays.__array_interface__["data"][0]
        ) // 8
        beyond = whole.arrays.reshape(-1)[start + n : start + wide]
        np.testing.assert_array_equal(beyond, np.zeros(wide - n))


def test_small_and_large_problems_agree():
    """Nine parameters take the general loop, few the one in registers: one text, one result.

    `test_objective_call.py` has all sizes, in loops that take less long to compile.
    """
    assert FEW[-1] == 8
    weights = np.arange(1.0, 10.0)

    @numba.njit
    def bowl(x, w):
        f = 0.0
        g = np.empty_like(x)
        for i in range(x.size):
            f += w[i] * (x[i] - 1.0) ** 2
            g[i] = 2.0 * w[i] * (x[i] - 1.0)
        return f, g

    for n in (1, 2, 3, 8, 9):
        w = weights[:n].copy()
        res = fastopt.minimize(bowl, np.zeros(n), args=(w,), jac=True)
        plain = fastopt.minimize(bowl.py_func, np.zeros(n), args=(w,), jac=True)
        assert res.success
        np.testing.assert_allclose(res.x, 1.0, atol=1e-6)
        np.testing.assert_allclose(plain.x, res.x, atol=1e-6)
