"""The default learning rate on the classical problems, and on functions with holes in them."""

import functools
import math

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose
from problems import PROBLEMS

import fastopt

compiled = functools.cache(numba.njit)
BY_NAME = {p.name: p for p in PROBLEMS}


def plain(function):
    return function


def one_of(functions):
    """One compiled function (x, k) that calls the k-th of up to five."""
    f0, f1, f2, f3, f4 = [*map(compiled, functions), *5 * [compiled(functions[0])]][:5]

    @numba.njit
    def chosen(x, k):
        if k == 0:
            return f0(x)
        elif k == 1:
            return f1(x)
        elif k == 2:
            return f2(x)
        elif k == 3:
            return f3(x)
        return f4(x)

    return chosen


@functools.cache
def of_size(size):
    """The problems of this size, their objectives as one function, and their gradients.

    The solve loop is compiled for a size and an objective: so it is compiled once for a size.
    """
    problems = [p for p in PROBLEMS if p.x0.size == size]
    assert len(problems) <= 5
    names = [p.name for p in problems]
    return names, one_of([p.fun for p in problems]), one_of([p.jac for p in problems])


def solve(problem, method, kind):
    fun, jac, args = kind(problem.fun), kind(problem.jac), ()
    if kind is compiled and method == "rmsprop":  # all of them
        names, fun, jac = of_size(problem.x0.size)
        args = (names.index(problem.name),)
    options = {"maxfev": 5e4}
    return fastopt.minimize(fun, problem.x0, args, method=method, jac=jac, options=options)


CASES = [
    *((p.name, method, plain) for p in PROBLEMS for method in ("rmsprop", "adagrad")),
    *((p.name, "rmsprop", compiled) for p in PROBLEMS),
    *((name, "adagrad", compiled) for name in ("Rosenbrock", "Brown-Dennis")),
    *(
        (name, method, plain)
        for name in ("Rosenbrock", "Beale", "Gaussian")
        for method in fastopt.methods()
        if method not in ("rmsprop", "adagrad")
    ),
    ("Beale", "adam", compiled),
]


@pytest.mark.parametrize(("name", "method", "kind"), CASES)
def test_minimum_is_reached(name, method, kind):
    problem = BY_NAME[name]
    res = solve(problem, method, kind)
    assert res.fun == pytest.approx(problem.fun(res.x), rel=1e-10, abs=1e-20)
    gap = problem.fun(res.x) - problem.f_star
    assert abs(gap) <= 1e-8 * (1.0 + abs(problem.f_star))
    assert res.success, res.message
    assert res.nfev < 50_000


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
