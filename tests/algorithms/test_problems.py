"""The default learning rate on the tables of test problems, and on functions with holes in them."""

import math

import numpy as np
import pytest
from metrics import METRICS
from numpy.testing import assert_allclose
from problems import CLASSICAL, rosenbrock, rosenbrock_jac
from problems.bounded import BOUNDED
from problems.far import FAR
from problems.noisy import NOISY
from problems.objectives import compiled, with_gradient
from problems.quadratics import QUADRATICS
from problems.rough import ROUGH
from problems.undefined import PARTLY_DEFINED

import fastopt

names = {"ids": lambda row: row.name}


def plain(function):
    return function


@pytest.mark.parametrize("problem", CLASSICAL, **names)
def test_every_metric_solves_the_classical_problems(problem):
    """All 35, nothing tuned, as issue and README promise; status 0 means what it says."""
    fun = with_gradient(problem)
    for method in METRICS:
        res = fastopt.minimize(fun, problem.x0, jac=True, method=method)
        assert problem.solved(res.fun), (method, res.fun, res.message)
        assert res.success, (method, res.message)
        assert res.fun == fun(res.x)[0]
        if res.status == 0:  # the gradient has fallen, or f is level by it
            slope, first = fun(res.x)[1], fun(problem.x0)[1]
            size = np.maximum(np.abs(problem.x0), np.abs(res.x))
            level = np.abs(slope * size).max() <= 1e-5 * abs(res.fun)
            assert level or np.abs(slope).max() <= 1e-4 * np.abs(first).max(), method


@pytest.mark.parametrize("factor", FAR)
@pytest.mark.parametrize("problem", CLASSICAL, **names)
def test_far_starts(problem, factor):
    """Every rule; misses are where the table gives a reason."""
    fun = with_gradient(problem)
    # In the valley of this one f falls ever more slowly, to a limit at infinity.
    options = {"maxfev": 1_000} if problem.name == "Powell badly scaled" else None
    for method in METRICS:
        res = fastopt.minimize(fun, problem.start(factor), jac=True, method=method, options=options)
        solved = problem.solved(res.fun)
        assert solved or problem.name in FAR[factor], (method, res.fun, res.message)
        if method not in ("sgd", "adamax"):  # they crawl on plateaus of Bard's and Osborne's
            assert res.status != 4 or solved, (method, res.nfev)  # no budget is burnt


@pytest.mark.parametrize("problem", CLASSICAL, **names)
def test_single_precision(problem):
    """float32 all through; what f may lose is its rounding, against the terms it is a sum of."""
    derived = with_gradient(problem)

    def fun(x):
        f, g = derived(x.astype(float))
        return np.float32(f), g.astype(np.float32)

    with np.errstate(over="ignore"):
        res = fastopt.minimize(fun, problem.x0.astype(np.float32), jac=True, method="adagrad")
    assert res.x.dtype == np.float32
    loose = problem.name in ("Brown badly scaled", "Meyer", "Powell badly scaled", "Watson")
    assert problem.solved(res.fun, 1e-3) or loose, res


@pytest.mark.parametrize("problem", CLASSICAL, **names)
def test_units_do_not_matter(problem):
    """F in units of 2^±27: the same evaluations, bit by bit; x in units of 2^±20: solved too.

    The paths may part below 1e-200, where squares of what is left underflow.
    """
    seen = []
    fun, options = with_gradient(problem), {"gtol": 0.0, "maxfev": 20_000}

    def in_units(f_unit, x_unit, method="rmsprop"):
        def scaled(x):
            f, g = fun(x / x_unit)
            seen.append((f, x))
            return f * f_unit, g * (f_unit / x_unit)

        x0 = problem.x0 * x_unit
        return fastopt.minimize(scaled, x0, jac=True, method=method, options=options)

    def path(f_unit):
        seen.clear()
        res = in_units(f_unit, 1.0)
        assert problem.solved(res.fun / f_unit), res
        down = next((k for k, (f, _) in enumerate(seen) if abs(f) < 1e-200), len(seen))
        return seen[:down]

    plain = path(1.0)
    for unit in (2.0**-27, 2.0**27):
        there = path(unit)
        assert [f for f, _ in there] == [f for f, _ in plain]
        np.testing.assert_array_equal([x for _, x in there], [x for _, x in plain])
    for unit in (2.0**-20, 2.0**20):
        for method in METRICS:
            res = in_units(1.0, unit, method)
            # An x0 of zeros has no units, and sgd no metric to find them.
            blind = method == "sgd" and not problem.x0.any()
            assert problem.solved(res.fun) or blind, (unit, method, res)


@pytest.mark.parametrize("method", METRICS)
def test_ten_thousand_variables(method):
    fun, jac = compiled(rosenbrock), compiled(rosenbrock_jac)
    x0 = np.tile([-1.2, 1.0], 5_000)
    res = fastopt.minimize(lambda x: fun(x), x0, jac=lambda x: jac(x), method=method)
    assert res.success, res.message
    assert res.fun < 1e-6
    assert_allclose(res.x, 1.0, atol=1e-3)


@pytest.mark.parametrize("name", ["Rosenbrock", "Brown-Dennis", "Chebyquad"])
def test_compiled_loops_solve_them_too(name):
    problem = next(p for p in CLASSICAL if p.name == name)
    res = fastopt.minimize(compiled(problem.fun), problem.x0)
    assert problem.solved(res.fun)
    assert res.success


@pytest.mark.parametrize("maxcor", [0, 1, 30])
def test_any_number_of_pairs(maxcor):
    for name in ("Rosenbrock", "Wood", "Brown-Dennis"):
        problem = next(p for p in CLASSICAL if p.name == name)
        options = {"maxcor": maxcor}
        res = fastopt.minimize(with_gradient(problem), problem.x0, jac=True, options=options)
        assert problem.solved(res.fun), (name, res)


@pytest.mark.parametrize("method", ["rmsprop", "adagrad"])
@pytest.mark.parametrize("row", [*QUADRATICS, *ROUGH, *PARTLY_DEFINED, *NOISY], **names)
def test_what_must_hold(row, method):
    """Each row says how near to the minimum a success must be, and which verdicts are true."""
    if row.jac is None and row.name in ("staircase", "sloping staircase", "constant"):
        fun, jac = row.fun, "2-point"  # without x in their values there is nothing to derive
    else:
        fun, jac = with_gradient(row), True
    maxfev = 50_000 if row.x0.size < 5_000 else 2_000
    res = fastopt.minimize(fun, row.x0, jac=jac, method=method, options={"maxfev": maxfev})
    assert row.holds(res.fun, res.status), res


@pytest.mark.parametrize("method", METRICS)
@pytest.mark.parametrize("row", BOUNDED, **names)
def test_bounds_hold_everywhere_and_at_the_end(row, method):
    low, high = np.array([[-np.inf if a is None else a for a in pair] for pair in row.bounds]).T
    high = np.array([np.inf if pair[1] is None else pair[1] for pair in row.bounds])
    value = with_gradient(row)

    def fun(x):
        assert np.all((low <= x) & (x <= high))
        return value(x)

    res = fastopt.minimize(fun, row.x0, jac=True, bounds=row.bounds, method=method)
    assert row.holds(res.fun, res.status), res
    # Karush-Kuhn-Tucker: downhill is out of the box, or flat.
    projected = res.x - np.clip(res.x - res.jac, low, high)
    assert np.abs(projected).max() <= 1e-5 * max(1.0, np.abs(res.jac).max()), res


def barrier(x):
    """NaN outside x > 0, |y| < 2; minimum at (1, 0), value 1 - log 2."""
    if x[0] <= 0.0 or abs(x[1]) >= 2.0:
        return math.nan
    return x[0] - math.log(x[0]) - 0.5 * math.log(4.0 - x[1] ** 2)


def walled(x):
    """Infinite outside x > 0; minimum 2 at x = 1."""
    return math.sqrt(x[0]) + 1.0 / math.sqrt(x[0]) if x[0] > 0.0 else math.inf


@pytest.mark.parametrize("kind", [plain, compiled])
@pytest.mark.parametrize(
    ("fun", "x0", "best", "least"),
    [
        (barrier, [0.01, 1.9], [1.0, 0.0], 1.0 - math.log(2.0)),
        (barrier, [40.0, -1.999], [1.0, 0.0], 1.0 - math.log(2.0)),
        (walled, [30.0], [1.0], 2.0),
        (walled, [1e-4], [1.0], 2.0),
    ],
)
def test_functions_undefined_somewhere_are_solved_from_inside(kind, fun, x0, best, least):
    res = fastopt.minimize(kind(fun), x0, jac="3-point")
    assert res.success, res.message
    assert_allclose(res.x, best, atol=1e-5)
    assert res.fun == pytest.approx(least, abs=1e-9)


def square(x):
    return x[0] ** 2


def give(value):
    return lambda x: value


@pytest.mark.parametrize("rate", ["auto", 0.1])
@pytest.mark.parametrize(
    ("fun", "jac"),
    [
        (give(math.nan), "2-point"),
        (give(math.inf), "2-point"),
        (give(-math.inf), "2-point"),
        (square, give(np.array([math.nan]))),
        (square, give(np.array([math.inf]))),
        (lambda x: -x[0], give(np.array([math.nan]))),
    ],
)
def test_what_is_not_finite_fails_without_raising(fun, jac, rate):
    res = fastopt.minimize(fun, [3.0], jac=jac, options={"learning_rate": rate})
    assert (res.success, res.status, res.x[0]) == (False, -1, 3.0)
    assert "finite" in res.message


@pytest.mark.parametrize("kind", [plain, compiled])
def test_best_point_before_a_fall_into_nan(kind):
    res = fastopt.minimize(
        kind(sloped), [0.5], method="sgd", jac="2-point", options={"learning_rate": 0.1}
    )
    assert (res.success, res.status) == (False, -1)
    assert res.x[0] == pytest.approx(0.1, abs=1e-6)
    assert res.fun == res.x[0]
    assert math.isnan(res.fun_last)
    assert res.x_last[0] == pytest.approx(0.0, abs=1e-6)


def sloped(x):
    """Falls with slope 1 to x = 0.05, where it ends."""
    return x[0] if x[0] > 0.05 else math.nan


def test_unbounded_functions_end():
    res = fastopt.minimize(lambda x: -x[0], [1.0], jac=lambda x: np.array([-1.0]))
    assert not res.success
    assert res.fun < -1e30
