"""Runs with differences that end without success: are they at a smooth minimum?"""

import numpy as np
from problems import CLASSICAL
from problems.objectives import compiled
from scipy.optimize import OptimizeResult, approx_fprime, linprog

import fastopt
from fastopt.algorithms.status_codes import GTOL, NO_STEP
from fastopt.drivers.certificates import smooth_certificate
from fastopt.results import optimize_result


def certified(fun, x, start=None, box=None, left=10_000, dtype=np.float64):
    """Return what is found at x, with two-point differences; and the number of evaluations."""
    x, count = np.array(x, float), [0]

    def values(points):
        with np.errstate(all="ignore"):
            f = np.array([fun(point) for point in points])
            g = np.array([approx_fprime(point, fun, 1.5e-8 * abs(point)) for point in points])
        return f, g

    def ask(which, points):
        spent = np.full(len(which), x.size + 1)
        count[0] += spent.sum()
        return (*values(points), spent)

    f, g = values([x])
    start = x if start is None else np.array(start, float)
    box = None if box is None else tuple(np.array(side, float)[None] for side in box)
    given = x[None], f, g, start[None], box, dtype, np.array([left])
    (found,) = smooth_certificate.examine(ask, *given)
    return OptimizeResult(status=found.status[0], x=found.x[:, 0], f=found.f[0], nfev=count[0])


def of_classical(name):
    (problem,) = (p for p in CLASSICAL if p.name == name)
    return problem, compiled(problem.fun)


def valley(x):
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def test_a_narrow_valley_is_followed_to_its_minimum():
    for away in (0.0, 1e-6, -1e-5):
        found = certified(valley, [1.0 + away, 1.0 + 2.0 * away])
        assert found.status == GTOL
        assert found.f <= 1e-14
        np.testing.assert_allclose(found.x, 1.0, rtol=1e-6)
    assert certified(lambda x: valley(x) + 3.0, [1.0 + 1e-6, 1.0 + 2e-6]).status == GTOL


def test_far_from_a_minimum_there_is_no_success():
    for x in ([-1.2, 1.0], [0.5, 0.25], [2.0, 4.0]):
        found = certified(valley, x)
        assert found.status == NO_STEP or found.f < 1e-14
        assert found.f <= valley(x)


def test_a_curvature_below_the_error_of_the_hessian_is_no_minimum():
    """On the floor of a valley this narrow, the small curvature is what large ones leave over."""
    problem, meyer = of_classical("Meyer")
    for x in ([0.0057, 6170.0, 345.0], [0.00561, 6181.35, 345.22], [0.02, 4000.0, 250.0]):
        found = certified(meyer, x)
        assert found.status == NO_STEP or problem.solved(found.f, 1e-6)
    for steep in (1e5, 1e6, 1e7):

        def fun(x, steep=steep):
            return steep * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2 + 1.0

        for x in np.linspace(0.5, 1.5, 41):
            found = certified(fun, [x, x * x])
            assert found.status == NO_STEP or found.f - 1.0 <= 1e-7


def test_other_points_are_no_minima():
    no_minima = {
        "a saddle": (lambda x: x[0] ** 2 - x[1] ** 2 + 1.0, [0.0, 0.0]),
        "a saddle far from zero": (lambda x: (x[0] - 1.0) * (x[1] - 2.0), [1.0, 2.0]),
        "a level line": (lambda x: (x[0] + x[1] - 3.0) ** 2 + 1.0, [1.0, 2.0]),
        "a slope": (lambda x: np.exp(-x[0]) + x[1] ** 2, [30.0, 1.0]),
        "a maximum": (lambda x: -np.sum((x - 1.0) ** 2), [1.0, 1.0]),
        "not finite": (lambda x: np.log(1.0 - x[0]) + x[1] ** 2, [1.0 - 1e-9, 1.0]),
    }
    for name, (fun, x) in no_minima.items():
        assert certified(fun, x).status == NO_STEP, name


def test_noise_is_no_minimum():
    def fun(x):
        return np.sum((x - 1.0) ** 2) + 1e-8 * np.sin(1e9 * x.sum())

    rng = np.random.default_rng(0)
    for _ in range(30):
        found = certified(fun, 1.0 + 1e-5 * rng.normal(size=2))
        assert found.status == NO_STEP or found.f < 3e-8


def test_kinks_within_the_differences_are_seen():
    for place in (0.0, 1e-9, 1e-5, 6e-5, 6.1e-5, 1e-4, 1.21e-4):
        for steep in (0.01, 1.0, 100.0):
            found = certified(lambda x, k=(steep, place): np.sum(k[0] * abs(x - 1.0 - k[1])), [1.0])
            assert found.status == NO_STEP, (place, steep)


def test_least_absolute_deviations_are_no_false_success():
    rng = np.random.default_rng(1)
    for _ in range(40):
        n, m = int(rng.integers(1, 4)), int(rng.integers(5, 30))
        a, b = rng.normal(size=(m, n)), rng.normal(size=m)
        sides = np.block([[a, -np.eye(m)], [-a, -np.eye(m)]])
        cost, bounds = np.r_[np.zeros(n), np.ones(m)], [(None, None)] * n + [(0, None)] * m
        right = linprog(cost, A_ub=sides, b_ub=np.r_[b, -b], bounds=bounds)

        def fun(x, a=a, b=b):
            return abs(a @ x - b).sum()

        for size in (0.0, 1e-6, 1e-2):
            found = certified(fun, right.x[:n] + size * rng.normal(size=n))
            assert found.status == NO_STEP or found.f <= right.fun * (1.0 + 1e-6)


def test_bounds_and_budgets_leave_the_status():
    assert certified(valley, [1.0, 1.0], box=([0.0, 0.0], [1.0, 2.0])).status == NO_STEP
    assert certified(valley, [1.0, 1.0], box=([0.0, 0.0], [2.0, 2.0])).status == GTOL
    found = certified(valley, [1.0, 1.0], left=14)
    assert found.status == NO_STEP
    assert found.nfev <= 14


def test_units_change_no_verdict():
    for of_f, of_x in ((2.0**-60, 1.0), (2.0**60, 1.0), (1.0, 2.0**-40), (1.0, 2.0**40)):
        x = np.array([1.0 + 1e-6, 1.0 + 2e-6])
        plain = certified(valley, x)
        found = certified(lambda x, f=of_f, u=of_x: f * valley(x / u), x * of_x)
        assert found.status == plain.status == GTOL
        np.testing.assert_allclose(found.x / of_x, plain.x, rtol=1e-7)


def test_a_run_that_was_right_succeeds():
    """It ended with status -2: the slope is below the error of differences."""
    problem, fun = of_classical("trigonometric")
    res = fastopt.minimize(lambda x: fun(x), problem.start(10.0), jac="2-point")
    assert res.success, res
    assert problem.solved(res.fun, 1e-6)


def test_the_message_of_no_step_names_what_may_be_wrong():
    def message(source, **given):
        text = optimize_result.build(NO_STEP, jac_method=source, **given).message
        assert text.startswith("No step along the descent direction reduces the function.")
        return text

    assert "compare_grad" in message("jac")
    assert "compare_grad" in message("fun")
    assert "3-point" in message("2-point")
    assert "autodiff" in message("3-point")
    for derived in ("forward", "reverse", "cs"):
        assert "gradient" not in message(derived)


def test_a_fall_to_infinity_is_told():
    res = fastopt.minimize(lambda x: (1.0 / (1.0 + x @ x) + 1.0, 2.0 * x), np.ones(1), jac=True)
    assert res.status == NO_STEP
    assert "gradient may be wrong" in res.message
    assert "x is far larger" not in res.message
    text = optimize_result.no_step("forward", far=True)
    assert "infinity: x is far larger than x0 (set bounds)." in text
    assert text.count("infinity") == 1
