"""Minima at kinks are successes; kinks, valleys and wrong gradients elsewhere are none."""

import _thread
import time
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher
from scipy.optimize import linprog, rosen, rosen_der

import fastopt
from fastopt.algorithms.status_codes import INTERRUPTED, KINK, MAXFEV, MAXTIME, NO_STEP, RAISED
from fastopt.drivers import kinks_of_problem
from fastopt.drivers.certificates import kink_certificate

T = np.linspace(0.0, 4.0, 30)
LINE = np.stack([np.ones(30), T], 1)


@numba.njit
def deviations(p, y, t):
    s = 0.0 * p[0]
    for i in range(t.size):
        s += abs(p[0] + p[1] * t[i] - y[i])
    return s


def data(count, seed=0):
    rng = np.random.default_rng(seed)
    return 1.0 + rng.uniform(-2, 2, (count, 1)) * T + 0.1 * rng.standard_t(2, (count, 30))


def least(y, bounds=(None, None)):
    """Return the least sum of absolute deviations from a line, by linear programming."""
    cost = np.r_[np.zeros(2), np.ones(60)]
    equal = np.hstack([LINE, np.eye(30), -np.eye(30)])
    return linprog(cost, A_eq=equal, b_eq=y, bounds=[bounds] * 2 + [(0, None)] * 60).fun


def python_deviations(y, of_x=1.0, of_f=1.0, constant=0.0):
    """Return the sum for Python, with its gradient, in other units."""

    def fun(p):
        left = LINE @ (p / of_x) - y
        return of_f * abs(left).sum() + constant, of_f / of_x * (LINE.T @ np.sign(left))

    return fun


@pytest.fixture(scope="module")
def batch():
    y = data(60)
    return y, fastopt.minimize_batch(deviations, [1.0, 1.0], y, args=(T,))


def test_least_absolute_deviations(batch):
    y, res = batch
    assert (res.status == KINK).mean() > 0.9
    assert res.success[res.status == KINK].all()
    best = np.array([least(row) for row in y])
    np.testing.assert_allclose(res.fun[res.success], best[res.success], rtol=1e-9)


def test_single_precision():
    y = data(60)
    res = fastopt.minimize_batch(deviations, np.ones(2, np.float32), y.astype("f4"), args=(T,))
    assert (res.status == KINK).mean() > 0.8
    best = np.array([least(row) for row in y])
    np.testing.assert_allclose(res.fun[res.success], best[res.success], rtol=1e-5)


def test_a_batch_and_one_problem_have_the_same_bits(batch):
    y, res = batch
    for b, row in enumerate(y[:20]):
        one, other = fastopt.minimize(deviations, [1.0, 1.0], args=(row, T)), res.problem(b)
        for name in "status fun nit nfev njev fun_last message".split():
            assert one[name] == other[name], name
        for name in "x jac x_last".split():
            np.testing.assert_array_equal(one[name], other[name])


def test_nothing_is_compiled(batch, monkeypatch):
    _, res = batch
    assert (res.status == KINK).any()
    with monkeypatch.context() as patch:
        patch.setattr(kinks_of_problem, "MOST_PARAMETERS", 0)  # nothing is examined
        y = data(5, 7)
        args = y[0], T
        assert fastopt.minimize(deviations, [1.0, 1.0], args).status == NO_STEP
    compiled = []
    patch = monkeypatch.setattr
    patch(Dispatcher, "compile", lambda *a: compiled.append(a))
    assert fastopt.minimize(deviations, [1.0, 1.0], args).status == KINK
    assert not compiled


@pytest.mark.parametrize("side", [(-0.5, 0.5), (0.0, 1.5), (0.7, 9.0)])
def test_bounds_hold_some_components(side):
    y = data(40)
    start = np.full(2, np.clip(0.8, *side))
    res = fastopt.minimize_batch(deviations, start, y, bounds=[side] * 2, args=(T,))
    best = np.array([least(row, side) for row in y])
    assert res.success.mean() > 0.8
    np.testing.assert_allclose(res.fun[res.success], best[res.success], rtol=1e-9)
    assert (res.x >= side[0]).all()
    assert (res.x <= side[1]).all()


@pytest.mark.parametrize("of_x", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("of_f", [1e-9, 1.0, 1e9])
def test_units_do_not_matter(of_x, of_f):
    y = data(1)[0]
    fun = python_deviations(y, of_x, of_f)
    res = fastopt.minimize(fun, np.full(2, of_x), jac=True, options={"gtol": 0.0})
    assert res.status == KINK
    assert "kink" in res.message
    np.testing.assert_allclose(res.fun, of_f * least(y), rtol=1e-9)


@pytest.mark.parametrize("constant", [1e3, 1e6, 1e9])
def test_a_large_constant(constant):
    """The answer is as good as the rounding of f admits."""
    y = data(1)[0]
    res = fastopt.minimize(python_deviations(y, constant=constant), np.ones(2), jac=True)
    if res.success:
        assert res.fun - constant - least(y) <= 1e-9 + 64 * np.spacing(constant)


@pytest.mark.parametrize("n", [1, 5, 30])
def test_many_parameters(n):
    target = np.random.default_rng(0).normal(size=n)
    weight = np.arange(1.0, n + 1)

    def fun(x):
        left = x - target
        return (weight * abs(left)).sum() + 1.0, weight * np.sign(left)

    res = fastopt.minimize(fun, np.ones(n), jac=True)
    assert res.success
    np.testing.assert_allclose(res.x, target, atol=1e-6)


def rosen_suzuki(x):
    """Return the function of Luksan and Vlcek (2000), and its gradient."""
    squares, g = x * x, [2 * x[0] - 5, 2 * x[1] - 5, 4 * x[2] - 21, 2 * x[3] + 7]
    f = squares @ [1, 1, 2, 1] - 5 * x[0] - 5 * x[1] - 21 * x[2] + 7 * x[3]
    parts = [
        (0.0, np.zeros(4)),
        (squares.sum() + x[0] - x[1] + x[2] - x[3] - 8, 2 * x + [1, -1, 1, -1]),
        (squares @ [1, 2, 1, 2] - x[0] - x[3] - 10, 2 * x * [1, 2, 1, 2] + [-1, 0, 0, -1]),
        (
            squares @ [1, 1, 1, 0] + 2 * x[0] - x[1] - x[3] - 5,
            2 * x * [1, 1, 1, 0] + [2, -1, 0, -1],
        ),
    ]
    height, slope = max(parts, key=lambda part: part[0])
    return f + 10 * height, np.array(g) + 10 * slope


def dem(x):
    a, b = x
    parts = [
        (5 * a + b, [5, 1]),
        (-5 * a + b, [-5, 1]),
        (a * a + b * b + 4 * b, [2 * a, 2 * b + 4]),
    ]
    f, g = max(parts, key=lambda part: part[0])
    return f, np.array(g, float)


def valley(x, steep=100.0):
    r = x[1] - x[0] * x[0]
    s = steep * np.sign(r)
    return steep * abs(r) + (1 - x[0]) ** 2 + 1, np.array([-2 * s * x[0] - 2 * (1 - x[0]), s])


def steep_valley(x):
    return valley(x, 1e6)


def saddle(x):
    f = 3 * abs(x[0]) - abs(x[1]) + 0.5 * x[1] * x[1]
    return f, np.array([3 * np.sign(x[0]), x[1] - np.sign(x[1])])


def oblique_saddle(x):
    """Rise along each parameter; fall along (1, 1)."""
    a, b = x[0] - x[1], x[0] + x[1]
    s, t = np.sign(a), np.sign(b)
    return abs(a) - 0.5 * abs(b) + 0.1 * x @ x, np.array([s, -s]) - 0.5 * t + 0.2 * x


def examined(fun, places, start=1.0):
    """Return the examined state of points, as if searches had ended there."""
    places = np.atleast_2d(places)

    def ask(_, points):
        f, g = zip(*map(fun, points), strict=True)
        return np.array(f), np.array(g), 1.0

    left, start = np.full(len(places), 1e9), np.full_like(places, start)
    given = ask, places, *ask(0, places)[:2], start, None, np.dtype(float), left
    return list(kink_certificate.examine(*given))


@pytest.mark.parametrize(("fun", "minimum"), [(rosen_suzuki, (0, 1, 2, -1)), (dem, (0, -3))])
def test_known_minima(fun, minimum):
    """Minima of Luksan and Vlcek (2000), missed by as little as a search misses them."""
    places = minimum + 1e-9 * np.random.default_rng(0).normal(size=(12, len(minimum)))
    found = [done.status for done in examined(fun, places)]
    assert (np.concatenate(found) == KINK).mean() > 0.7


@pytest.mark.parametrize("fun", [valley, steep_valley])
def test_the_floor_of_a_valley_is_no_minimum(fun):
    floor = np.array([(a, a * a) for a in np.linspace(-1.5, 0.99, 20)])
    floor += 1e-10 * np.random.default_rng(0).normal(size=floor.shape)
    for done in examined(fun, floor):
        assert not (done.f[done.status == KINK] > 1.0 + 1e-6).any()


PLACES = [(0.0, 0.0), (0.0, 1e-9), (3e-9, -2e-9), (1e-300, 0.0), (1.0, 1.0), (0.3, 0.09)]


@pytest.mark.parametrize("fun", [saddle, oblique_saddle, lambda x: (-valley(x)[0], -valley(x)[1])])
def test_no_certificate_at_saddles_and_maxima(fun):
    for place in PLACES:
        (done,) = examined(fun, place)
        assert done.status[0] == NO_STEP or done.f[0] < fun(place)[0] - 0.1


def test_the_bits_do_not_depend_on_the_other_problems():
    """Steps of all problems are computed at once."""
    places = np.random.default_rng(0).normal(size=(7, 9))

    def fun(x):
        return 1.0 + abs(x - np.arange(9.0)).sum() + x[0] ** 2, np.sign(x - np.arange(9.0)) + 2 * x

    places[3:] = np.arange(9.0)
    places[3:, 0] = 1e-9
    together = {k: d.f[i] for d in examined(fun, places) for i, k in enumerate(d.number)}
    assert len(together) == 7
    for k, place in enumerate(places):
        (alone,) = examined(fun, place)
        assert alone.f[0] == together[k]


WRONG = {
    "a slope is missing": lambda g, x, rng: np.r_[0.0, g[1:]],
    "a sign is wrong": lambda g, x, rng: np.r_[-g[0], g[1:]],
    "signs at random": lambda g, x, rng: np.sign(rng.normal(size=g.size)),
    "numbers at random": lambda g, x, rng: rng.normal(size=g.size),
    "some signs at random": lambda g, x, rng: g * np.sign(rng.normal(size=g.size)),
    "of another kink": lambda g, x, rng: np.sign(x + 0.3),
    "negative": lambda g, x, rng: -g,
}


@pytest.mark.parametrize("constant", [0.0, 1e6])
@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_gradient_makes_no_minimum_at_a_kink(kind, constant):
    """At corners of the sum of deviations, each with two residuals of zero."""
    rng, y = np.random.default_rng(0), data(1)[0]
    pairs = [rng.choice(30, 2, replace=False) for _ in range(20)]
    places = np.array([np.linalg.solve(LINE[pair], y[pair]) for pair in pairs])
    places += 1e-9 * rng.normal(size=places.shape)
    true = python_deviations(y, constant=constant)

    def fun(x):
        f, g = true(x)
        return f, WRONG[kind](g, x, rng)

    lowest = least(y) + constant
    for done in examined(fun, places):
        assert not (done.f[done.status == KINK] > lowest + 1e-6).any()


@pytest.mark.parametrize("kind", ["a slope is missing", "signs at random", "negative"])
def test_a_search_with_a_wrong_gradient_fails(kind):
    y, rng = data(1)[0], np.random.default_rng(0)

    def kinked(x):
        f, g = python_deviations(y)(x)
        return f, WRONG[kind](g, x, rng)

    def smooth(x):
        return rosen(x), WRONG[kind](rosen_der(x), x, rng)

    for fun, best in ((kinked, least(y)), (smooth, 0.0)):
        for x0 in ((1.0, 1.3), (-0.4, 0.2)):
            res = fastopt.minimize(fun, x0, jac=True, options={"maxfev": 300})
            assert res.status != KINK or res.fun < best + 1e-6


def test_the_limit_of_evaluations_holds():
    y = data(1)[0]
    full = fastopt.minimize(deviations, [1.0, 1.0], args=(y, T))
    assert full.status == KINK
    for limit in range(full.nfev - 15, full.nfev + 2):
        options = {"maxfev": limit}
        res = fastopt.minimize(deviations, [1.0, 1.0], args=(y, T), options=options)
        assert res.nfev == min(limit, full.nfev)
        assert res.status == (KINK if res.nfev == full.nfev else MAXFEV)
        assert res.fun >= full.fun
        res = fastopt.minimize_batch(deviations, [1.0, 1.0], y[None], args=(T,), options=options)
        assert res.nfev[0] == min(limit, full.nfev)


def test_callbacks_do_not_change_it():
    """The callback is called once an iteration, as without an examination."""
    y, seen = data(1, 4)[0], []
    one = fastopt.minimize(deviations, [1.0, 1.0], args=(y, T))
    other = fastopt.minimize(
        deviations, [1.0, 1.0], args=(y, T), callback=lambda *_: seen.append(0)
    )
    assert one.status == other.status == KINK
    assert (one.nfev, one.nit) == (other.nfev, len(seen))
    np.testing.assert_array_equal(one.x, other.x)


def test_a_checkpoint_has_the_same_answer(tmp_path):
    y = data(8, 4)
    options = {"checkpoint": str(tmp_path / "one")}
    results = [
        fastopt.minimize(deviations, [1.0, 1.0], args=(y[0], T), options=chosen)
        for chosen in ({}, options, options)
    ]
    options = {"checkpoint": str(tmp_path / "many")}
    results += [
        fastopt.minimize_batch(deviations, [1.0, 1.0], y, args=(T,), options=chosen).problem(0)
        for chosen in (options, options)
    ]
    for res in results:
        assert res.status == KINK
        assert (res.nfev, res.njev) == (results[0].nfev, results[0].njev)
        np.testing.assert_array_equal(res.x, results[0].x)


def ending(fun, **options):
    """Return the result of a Python function, and the evaluations until it was examined."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kinks_of_problem, "MOST_PARAMETERS", 0)
        before = fastopt.minimize(fun, np.ones(2), jac=True)
    assert before.status == NO_STEP
    return before


def test_interrupt_and_time_limit():
    y = data(1)[0]
    plain = python_deviations(y)
    before, calls = ending(plain), []

    def interrupted(x):
        calls.append(0)
        if len(calls) == before.nfev + 3:
            _thread.interrupt_main()
            time.sleep(0.01)
        return plain(x)

    res = fastopt.minimize(interrupted, np.ones(2), jac=True)
    assert res.status == INTERRUPTED
    assert res.fun == before.fun
    calls.clear()

    def slow(x):
        calls.append(0)
        time.sleep(5.0 if len(calls) == before.nfev + 3 else 0.0)
        return plain(x)

    res = fastopt.minimize(slow, np.ones(2), jac=True, options={"maxtime": 4.0})
    assert res.status == MAXTIME
    np.testing.assert_array_equal(res.x, before.x)


def test_an_exception_of_fun_passes_through():
    y = data(1)[0]
    plain = python_deviations(y)
    before, calls = ending(plain), []

    def fun(x):
        calls.append(0)
        if len(calls) > before.nfev + 3:
            raise ZeroDivisionError("at last")
        return plain(x)

    with pytest.raises(ZeroDivisionError, match="at last"):
        fastopt.minimize(fun, np.ones(2), jac=True)


@numba.njit
def failing(p, y, count, limit, t):
    count[0] += 1
    if count[0] > limit:
        raise ValueError("too often")
    s = 0.0 * p[0]
    for i in range(t.size):
        s += abs(p[0] + p[1] * t[i] - y[i])
    return s


def test_an_exception_in_a_batch():
    y, count, limit = data(3), np.zeros((3, 1), np.int64), np.full(3, 10**9)
    whole = fastopt.minimize_batch(failing, [1.0, 1.0], (y, count, limit), args=(T,))
    assert (whole.status == KINK).all()
    limit[1], count[:] = count[1, 0] - 3, 0
    res = fastopt.minimize_batch(failing, [1.0, 1.0], (y, count, limit), args=(T,))
    assert res.status.tolist() == [KINK, RAISED, KINK]
    assert "too often" in res.problem(1).message
    np.testing.assert_allclose(res.x, whole.x, atol=1e-6)


@pytest.mark.parametrize(("jac", "n"), [("cs", 2), ("2-point", 31), ("3-point", 31), ("fun", 101)])
def test_what_is_not_examined(jac, n):
    problem = SimpleNamespace(x=np.ones(n), objective=SimpleNamespace(method=jac))
    assert kinks_of_problem.examine(problem, np.inf) == NO_STEP


@pytest.mark.parametrize("jac", ["2-point", "3-point"])
def test_the_steps_of_differences_end_at_a_kink(jac):
    """Short steps changed f by too little there, and long ones by too much, in turn."""
    options = {"maxfev": 2_000}
    res = fastopt.minimize(deviations, [1, 1], (data(1)[0], T), jac=jac, options=options)
    assert res.nfev <= 2_010
    np.testing.assert_allclose(res.fun, least(data(1)[0]), rtol=1e-3)


@pytest.mark.parametrize("start", [0.62, 0.6, 0.9])
def test_rosenbrock_in_mixed_units_has_no_kink(start):
    """A slope was zero to rounding at first, so steps along it were far too long ever after."""
    unit = np.array([1.0, 1e6, 1e-9])

    def fun(x):
        return rosen(x / unit), rosen_der(x / unit) / unit

    x0 = np.array([start, 0.0, 0.0])
    res = fastopt.minimize(fun, x0, method="sgd", jac=True)
    assert not res.success or res.fun < 1e-8
