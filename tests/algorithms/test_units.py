"""With default options, verdict and answer are the same in any units of f, of the data and of x."""

import functools
import sys
from pathlib import Path

import nist_gradients
import numba
import numpy as np
import pytest
from metrics import METRICS
from problems import CLASSICAL
from problems.objectives import with_gradient
from scipy.optimize import least_squares

import fastopt

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))
import nist  # the examples are scripts, not a package

F_UNITS = 1e-18, 1e18
X_UNITS = 1e-12, 1e12
names = {"ids": lambda row: row.name}

# Relative accuracy of x where f determines it less well than to 1e-6.
FLAT = {"Powell singular": np.inf, "extended Powell singular": np.inf, "penalty I": 1e-5}


def solve(fun, x0, of_f=1.0, of_x=1.0, method="rmsprop", **given):
    """Minimise in the interpreter, f and x in these units; the result is in those of `fun`."""

    def in_units(x):
        f, g = fun(x / of_x)
        return of_f * f, of_f * g / of_x

    res = fastopt.minimize(in_units, x0 * of_x, jac=True, method=method, **given)
    res.x, res.fun, res.jac = res.x / of_x, res.fun / of_f, res.jac * of_x / of_f
    return res


@pytest.mark.parametrize("problem", CLASSICAL, **names)
def test_classical_problems_of_every_rule(problem):
    fun, tight = with_gradient(problem), FLAT.get(problem.name, 1e-6)
    # A start of zeros has no sizes, and says nothing about the units of x.
    of_xs = X_UNITS if problem.x0.any() else ()
    single = [*((s, 1.0) for s in F_UNITS), *((1.0, u) for u in of_xs)]
    both = [(1e-18, 1e12 if of_xs else 1.0)]
    for method in METRICS:
        plain = solve(fun, problem.x0, method=method)
        assert plain.success, (method, plain.message)
        assert problem.solved(plain.fun)
        for of_f, of_x in single if method == "rmsprop" else both:
            res = solve(fun, problem.x0, of_f, of_x, method)
            where = method, of_f, of_x, res.nfev, res.message
            assert res.success, where
            assert abs(res.fun - plain.fun) <= 1e-9 * (1.0 + abs(plain.fun)), where
            far = np.max(np.abs(res.x - plain.x))
            assert far <= tight * np.max(np.abs(plain.x)), (*where, far)


@pytest.mark.parametrize("name", nist.MODELS)
def test_nist_s_data(name):
    """From start 2, every set has its certified values, Hahn1 to five digits."""
    data = nist.load(name)
    fun, jac = (numba.njit(f) for f in nist_gradients.MODELS[name])

    def both(b):
        b = np.ascontiguousarray(b)
        return fun(b, data.x, data.y), jac(b, data.x, data.y)

    for of_f, of_x in [(1.0, 1.0), *((s, 1.0) for s in F_UNITS), *((1.0, u) for u in X_UNITS)]:
        res = solve(both, data.starts[1], of_f, of_x)
        assert res.success, (of_f, of_x, res.message)
        assert res.fun == pytest.approx(data.certified_rss, rel=1e-9)
        tight = 1e-4 if name == "Hahn1" else 1e-6
        np.testing.assert_allclose(res.x, data.certified, rtol=tight)


# Lanczos 1 to 3 of NIST's StRD: sums of three exponentials that all but agree. f at the minimum is
# 1e-25 to 1e-8, below any gtol that suits other data. The data are those of LANCZOS_1 in rounded
# numbers; their best fits are certified.
PLACES = 0.05 * np.arange(24)
LANCZOS_1 = [0.0951, 1.0, 0.8607, 3.0, 1.5576, 5.0]
LANCZOS_2 = [0.096251029939, 1.0057332849, 0.86424689056, 3.0078283915, 1.5529016879, 5.0028798100]
LANCZOS_3 = [0.086816414977, 0.95498101505, 0.84400777463, 2.9515951832, 1.5825685901, 4.9863565084]
SUMS = np.array(LANCZOS_1[::2]) @ np.exp(-np.outer(LANCZOS_1[1::2], PLACES))
LANCZOS = {
    1: (np.round(SUMS, 13), LANCZOS_1, 0.0),
    2: (np.array([float(f"{y:.5e}") for y in SUMS]), LANCZOS_2, 2.2299428125e-11),
    3: (np.round(SUMS, 4), LANCZOS_3, 1.6117193594e-8),
}


@pytest.mark.parametrize("number", LANCZOS)
@pytest.mark.parametrize("start", [[1.2, 0.3, 5.6, 5.5, 6.5, 7.6], [0.5, 0.7, 3.6, 4.2, 4, 6.3]])
def test_lanczos(number, start):
    y, certified, least = LANCZOS[number]

    def fun(b):
        curves = np.exp(-np.outer(b[1::2], PLACES))
        miss = b[::2] @ curves - y
        g = np.empty(6)
        g[::2], g[1::2] = 2.0 * curves @ miss, -2.0 * b[::2] * (curves @ (PLACES * miss))
        return miss @ miss, g

    for of_f, of_x in [(1.0, 1.0), (1e-18, 1.0), (1e18, 1.0), (1.0, 1e12)]:
        with np.errstate(all="ignore"):  # far trials overflow
            res = solve(fun, np.array(start, float), of_f, of_x)
        assert res.success, (of_f, of_x, res.message)
        terms = res.x.reshape(3, 2)[np.argsort(res.x[1::2])]  # they may come in any order
        np.testing.assert_allclose(terms.ravel(), certified, rtol=1e-3)
        assert res.fun == pytest.approx(least, rel=1e-6, abs=1e-16)


TIMES = np.linspace(0.0, 4.0, 64)
NOISE = 0.02 * np.random.default_rng(0).standard_normal(64)
VOLTS = 2.0 * np.exp(-1.3 * TIMES) + 0.5 + NOISE
PICO_TO_TERA = 10.0 ** np.arange(-12, 13, 3)


@numba.njit
def decay(p, t, y):
    f = 0.0 * p[0]
    for i in range(t.size):
        r = p[0] * np.exp(-p[1] * t[i]) + p[2] - y[i]
        f += r * r
    return f


@functools.cache
def best_decay():
    limits = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
    return least_squares(
        lambda p: p[0] * np.exp(-p[1] * TIMES) + p[2] - VOLTS, np.ones(3), **limits
    ).x


def decay_scales(unit):
    return np.stack([unit, np.ones_like(unit), unit], -1)


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-7), (np.float32, 1e-4)])
def test_decays_in_pico_to_tera_units(dtype, rtol):
    """In a batch, and one by one; a right order is enough for the start."""
    starts = decay_scales(PICO_TO_TERA)
    t, ys = TIMES.astype(dtype), (PICO_TO_TERA[:, None] * VOLTS).astype(dtype)
    batch = fastopt.minimize_batch(
        lambda p, y, t: decay(p, t, y), starts.astype(dtype), ys, args=(t,)
    )
    assert batch.success.all(), batch.message
    wanted = np.tile(best_decay(), (9, 1))
    np.testing.assert_allclose(batch.x / starts, wanted, rtol=rtol)
    for start, y in zip(starts, ys, strict=True):
        res = fastopt.minimize(decay, start.astype(dtype), args=(t, y))
        assert res.success, res.message
        np.testing.assert_allclose(res.x / start, best_decay(), rtol=rtol)


@pytest.mark.parametrize("method", METRICS)
def test_decays_of_every_rule(method):
    for unit in PICO_TO_TERA[::2]:
        y = unit * VOLTS

        def fun(p, y=y):
            curve = np.exp(-p[1] * TIMES)
            miss = p[0] * curve + p[2] - y
            return miss @ miss, 2.0 * np.array(
                [curve @ miss, -p[0] * (TIMES * curve) @ miss, np.sum(miss)]
            )

        res = fastopt.minimize(fun, decay_scales(unit), jac=True, method=method)
        assert res.success, (unit, res.message)
        np.testing.assert_allclose(res.x / decay_scales(unit), best_decay(), rtol=1e-7)


# Data of 1e15 to 1e16, as of spectra: chi-square is of order one, and its slope is 1e-15.
COUNTS = 1e15 * np.array([5.47, 12.8, 10.6, 7.81, 10.9, 10.9, 10.0, 8.16, 8.62, 8.52, 7.54, 10.0])


@pytest.mark.parametrize(
    ("method", "dtype"), [*((m, np.float64) for m in METRICS), ("rmsprop", np.float32)]
)
def test_chi_square_of_large_data(method, dtype):
    counts, error = COUNTS.astype(dtype), (0.2 * COUNTS).astype(dtype)
    right = np.sum(1.0 / COUNTS) / np.sum(1.0 / COUNTS**2)  # the mean, weighted by 1 / error^2

    def fun(x):
        miss = (counts - x[0]) / error
        return np.sum(miss * miss), np.array([-2.0 * np.sum(miss / error)], dtype)

    for start in (1e16, 5e15, 1e15, 1.0):
        res = fastopt.minimize(fun, np.array([start], dtype), jac=True, method=method)
        assert res.success, (start, res.message)
        np.testing.assert_allclose(res.x, [right], rtol=1e-7 if dtype == np.float64 else 1e-4)


def test_a_modulus_in_pascals():
    """Young's modulus: strains of 1e-3 at most, stresses known to 1 MPa."""
    strain = np.linspace(0.0, 1e-3, 30)
    stress = 2.1e11 * strain + np.random.default_rng(0).normal(0.0, 1e6, 30)

    def fun(p):
        miss = (p[0] * strain - stress) / 1e6
        return miss @ miss, np.array([2.0 * miss @ strain / 1e6])

    for start in (1e11, 2e11, 3e11, 1.0):
        res = fastopt.minimize(fun, [start], jac=True)
        assert res.success
        np.testing.assert_allclose(res.x, [strain @ stress / (strain @ strain)], rtol=1e-9)


@pytest.mark.parametrize("method", METRICS)
@pytest.mark.parametrize("height", [1e-8, 1.0, 1e8])
def test_a_peak_of_any_height(height, method):
    """The start is almost two widths from the peak."""
    w = np.linspace(1.0, 2.0, 100)
    y = 1.2 * height * np.exp(-0.5 * ((w - 1.4) / 0.11) ** 2)

    def fun(p):
        z = (w - p[1]) / p[2]
        bell = np.exp(-0.5 * z * z)
        miss = p[0] * bell - y
        steep = 2.0 * p[0] / p[2] * miss * bell * z
        return miss @ miss, np.array([2.0 * miss @ bell, np.sum(steep), steep @ z])

    res = fastopt.minimize(fun, [1.5 * height, 1.6, 0.2], jac=True, method=method)
    assert res.success
    np.testing.assert_allclose(np.abs(res.x), [1.2 * height, 1.4, 0.11], rtol=1e-6)


# Powell's functions begin a new fall to zero, since their curvature vanishes at the minimum. The
# gradients of the others are rounding errors at the answer, and may end with status -2 there.
UNSETTLED = "Powell singular", "extended Powell singular", "Meyer", "Gaussian", "helical valley"


def test_a_restart_from_the_answer_ends_soon():
    counts = []
    for problem in CLASSICAL:
        if problem.name in UNSETTLED:
            continue
        fun = with_gradient(problem)
        for of_f, of_x in [(1.0, 1.0), (1e-18, 1e12)]:
            first = solve(fun, problem.x0, of_f, of_x)
            for factor in (1.0, 1.0 + 1e-9):
                res = solve(fun, factor * first.x, of_f, of_x)
                assert res.success, (problem.name, factor, res.message)
                # Rounding of f is what a restart may lose.
                assert res.fun <= first.fun + 1e-12 * abs(first.fun) + 1e-20, problem.name
                counts.append(res.nfev)
    assert np.median(counts) <= 20


@pytest.mark.parametrize("method", METRICS)
@pytest.mark.parametrize("constant", [0.0, 1.0])
def test_a_wrong_gradient_is_no_success_in_any_units(constant, method):
    def fun(x, factor, added):
        away = x - [1.0, 2.0]
        with np.errstate(over="ignore"):  # of trials far off
            f = away[0] ** 2 + 10.0 * away[1] ** 2 + constant
        return f, factor * np.array([2.0, 20.0]) * away + added

    for factor, added in ((-1.0, 0.0), (0.0, 1.0)):  # of the wrong sign, and a constant
        for start in ([3.0, 5.0], [1.001, 2.0]):
            for of_f, of_x in ((1.0, 1.0), (1e-18, 1e12), (1e18, 1e-12)):
                wrong = functools.partial(fun, factor=factor, added=added)
                res = solve(wrong, np.array(start), of_f, of_x, method)
                missed = res.fun - constant > 1e-9
                assert not (res.success and missed), (factor, start, of_f, of_x, res)
                assert factor == 0.0 or res.status == -2


@pytest.mark.parametrize("method", METRICS)
@pytest.mark.parametrize("of_f", [*F_UNITS, 1.0])
def test_a_fall_to_zero_at_infinity_ends(of_f, method):
    """The infimum of exp(-x) is 0: it is reached to far below rounding, at no great expense."""
    res = solve(lambda x: (np.exp(-x[0]), -np.exp(-x)), np.ones(1), of_f, method=method)
    assert res.success
    assert res.fun < 1e-40
    assert res.nfev < 1_000


def bowl(x, of_f=1.0):
    away = x - [1.0, 2.0]
    return of_f * (away[0] ** 2 + 10.0 * away[1] ** 4), of_f * np.array(
        [2.0 * away[0], 40.0 * away[1] ** 3]
    )


@pytest.mark.parametrize("method", METRICS)
@pytest.mark.parametrize("given", [{"tol": 1e-3}, {"options": {"gtol": 1e-3}}])
def test_an_explicit_gtol_is_absolute(given, method):
    """The run ends at the first point of the default's path with a gradient below it."""
    start, path = [3.0, 5.0], []

    def watch(intermediate_result):
        path.append(intermediate_result.x.copy())

    fastopt.minimize(bowl, start, jac=True, method=method, callback=watch)
    first = next(x for x in path if np.max(np.abs(bowl(x)[1])) <= 1e-3)
    res = fastopt.minimize(bowl, start, jac=True, method=method, **given)
    assert (res.status, res.success) == (0, True)
    np.testing.assert_array_equal(res.x, first)
    # A gradient that is below it at the start ends the run there, however far the minimum is.
    res = fastopt.minimize(lambda x: bowl(x, 1e-9), start, jac=True, method=method, **given)
    assert (res.status, res.nfev, res.x.tolist()) == (0, 1, start)
    # Without it, this is the same problem.
    res = fastopt.minimize(lambda x: bowl(x, 1e-9), start, jac=True, method=method)
    assert res.success
    np.testing.assert_allclose(res.x, [1.0, 2.0], atol=1e-4)


def test_one_gtol_for_each_problem_of_a_batch():
    """An array of them is explicit too; without it each problem ends by its own units."""
    units = np.array([1e-6, 1.0, 1e6])

    def fun(p, y, t):
        return decay(p, t, y)

    starts, ys = decay_scales(units), units[:, None] * VOLTS
    options = {"gtol": np.array([1e3, 1e3, 0.0])}
    res = fastopt.minimize_batch(fun, starts, ys, args=(TIMES,), options=options)
    assert res.success.all()
    assert res.nfev[:2].tolist() == [1, 1]
    np.testing.assert_allclose(res.x[2] / starts[2], best_decay(), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("method", ["rmsprop", "sgd", "adagrad"])
def test_a_start_far_too_large_hides_no_answer(method, dtype):
    """Sizes from far away made every step look small: a success was 0.7 off."""

    def fun(x):
        a, b, c = x[0] - 1, x[1] - 2, x[0] - x[1] + 1
        return a * a + b * b + c * c, np.array([2 * a + 2 * c, 2 * b - 2 * c], x.dtype)

    for size in (1e3, 1e6, 1e9, 1e12):
        res = fastopt.minimize(fun, np.array([size, -3 * size], dtype), jac=True, method=method)
        assert res.success, (size, res)
        np.testing.assert_allclose(res.x, [1.0, 2.0], rtol=1e-3)
