"""Learning rates, given or scheduled, against formulas written here from the definitions."""

import functools
import math

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import rosenbrock, rosenbrock_jac

from fastopt import minimize
from fastopt.schedules import constant, cosine, exponential, inverse_time, polynomial

compiled = functools.cache(numba.njit)
KINDS = pytest.mark.parametrize("kind", [lambda f: f, compiled], ids=["plain", "njit"])
STEPS = 40


def falling_cosine(k, over):
    """From 1 to 0 as k goes from 0 to `over`, with cos 2a = 1 - 2 sin² a."""
    return 1.0 - math.sin(0.5 * math.pi * min(k / over, 1.0)) ** 2


def stretched(t):
    """Periods of 4, 8, 16, ... iterations, counted out one by one."""
    begin, period = 1, 4
    while t >= begin + period:
        begin, period = begin + period, 2 * period
    return 0.1 + 0.2 * falling_cosine(t - begin, period)


# (schedule, the rate at t = 1, 2, ... written independently)
CASES = [
    (constant(0.3), lambda t: 0.3),
    (exponential(0.3), lambda t: 0.3 * 0.99 ** (t - 1)),
    (exponential(0.3, 0.5, 10), lambda t: 0.3 * math.exp2((1 - t) / 10)),
    (exponential(0.3, 0.5, 10, staircase=True), lambda t: 0.3 / 2 ** ((t - 1) // 10)),
    (exponential(0.3, 0.5, lowest=0.01), lambda t: max(0.3 / 2 ** (t - 1), 0.01)),
    (inverse_time(0.3), lambda t: 0.3 / t),
    (inverse_time(0.3, 2.0, 5.0), lambda t: 1.5 / (5 + 2 * (t - 1))),
    (polynomial(0.3, 20), lambda t: 0.3 * max(21 - t, 0) / 20),
    (polynomial(0.3, 20, 2.0, 0.1), lambda t: 0.1 + 0.2 * (max(21 - t, 0) / 20) ** 2),
    (polynomial(0.1, 20, 1.0, 0.3), lambda t: min(0.1 + 0.01 * (t - 1), 0.3)),
    (cosine(0.3, 20), lambda t: 0.3 * falling_cosine(t - 1, 20)),
    (
        cosine(0.3, 20, end=0.1, warmup=5),
        lambda t: 0.06 * t if t <= 5 else 0.1 + 0.2 * falling_cosine(t - 6, 20),
    ),
    (
        cosine(0.3, 7, warmup=3, restarts=True),
        lambda t: 0.1 * t if t <= 3 else 0.3 * falling_cosine((t - 4) % 7, 7),
    ),
    (cosine(0.3, 4, end=0.1, restarts=True, stretch=2), stretched),
]
TABLE = pytest.mark.parametrize(
    ("schedule", "formula"), CASES, ids=[repr(schedule)[:70] for schedule, _ in CASES]
)


@TABLE
def test_in_python(schedule, formula):
    rates = [formula(t) for t in range(1, STEPS + 1)]
    assert_allclose([schedule(t) for t in range(1, STEPS + 1)], rates, rtol=1e-13, atol=1e-15)


def falling(x):
    """Gradient descent moves x by the rate itself."""
    return -x[0]


def falling_jac(x):
    return -np.ones_like(x)


def rates_used(kind, schedule):
    """The rates that the loop has used, read off the path."""
    path = [np.zeros(1)]
    minimize(
        kind(falling),
        path[0],
        method="sgd",
        jac=kind(falling_jac),
        callback=path.append,
        options={"learning_rate": schedule, "maxiter": STEPS},
    )
    return np.diff(np.ravel(path))


@KINDS
@TABLE
def test_in_the_loop(kind, schedule, formula):
    rates = [formula(t) for t in range(1, STEPS + 1)]
    assert_allclose(rates_used(kind, schedule), rates, rtol=1e-12, atol=1e-13)


def own(t):
    return 0.2 / math.sqrt(t) if t < 10.0 else 0.01


@KINDS
@pytest.mark.parametrize("form", [own, numba.njit(own)], ids=["plain", "njit schedule"])
def test_functions_of_the_user(kind, form):
    rates = [0.2 * t**-0.5 for t in range(1, 10)] + [0.01] * (STEPS - 9)
    assert_allclose(rates_used(kind, form), rates, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("height", [0.1, 0.2])
def test_closures_of_the_user(height):  # the second must not find the code of the first
    assert_allclose(rates_used(compiled, lambda t: height), [height] * STEPS, rtol=1e-12)


def test_schedules_are_tuples_of_numbers_to_share():
    options = {"learning_rate": inverse_time(0.1), "maxiter": 5}
    before = dict(options)
    first, second = (minimize(lambda x: x[0] ** 2, [1.0], options=options) for _ in range(2))
    assert options == before
    assert_array_equal(first.x, second.x)


def rmsprop(x, g, v, m, t, rate):
    v[:] = 0.9 * v + 0.1 * g * g
    x -= rate * g / np.sqrt(v + 1e-8)


def adagrad(x, g, v, m, t, rate):
    v += g * g
    x -= rate * g / np.sqrt(v + 1e-8)


def adam(x, g, v, m, t, rate):
    m[:] = 0.9 * m + 0.1 * g
    v[:] = 0.999 * v + 0.001 * g * g
    x -= rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


@KINDS
@pytest.mark.parametrize("rule", [rmsprop, adagrad, adam])
def test_a_given_rate_is_the_textbook_rule(kind, rule):
    path, steps = [], []
    x, v, m = np.array([-1.2, 1.0]), np.zeros(2), np.zeros(2)
    for t in range(1, 61):
        rule(x, rosenbrock_jac(x), v, m, t, 0.01)
        path.append(x.copy())
    res = minimize(
        kind(rosenbrock),
        [-1.2, 1.0],
        method=rule.__name__,
        jac=kind(rosenbrock_jac),
        callback=steps.append,
        options={"learning_rate": 0.01, "maxiter": 60},
    )
    assert_allclose(steps, path, rtol=1e-12, atol=1e-13)
    assert_array_equal(res.x_last, steps[-1])
    assert (res.nit, res.nfev, res.njev, res.status) == (60, 61, 61, 1)
    values = [rosenbrock(p) for p in [np.array([-1.2, 1.0]), *path]]
    assert res.fun == pytest.approx(min(values), rel=1e-10)
    assert res.fun_last == pytest.approx(values[-1], rel=1e-10)


def test_a_plot_may_begin_at_zero():
    """Steps count from 1; nothing is divided by a warm-up of 0."""
    assert 0.9 < cosine(1.0, 40)(0) <= 1.0
    assert cosine(1.0, 40, warmup=4)(0) == 0.0
