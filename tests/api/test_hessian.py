"""Second derivatives, exact and by differences, against mpmath's."""

import math
import warnings

import mpmath as mp
import numba
import numpy as np
import pytest

import fastopt
from fastopt.derivatives import second_differences
from fastopt.drivers import hessians

POINTS = [(0.7, 0.9), (0.05, 0.4)]
# Functions of a and b, in NumPy's words, and the same in mpmath's.
CASES = [
    ("np.exp(a * b) + np.expm1(a)", lambda a, b: mp.exp(a * b) + mp.expm1(a)),
    ("np.log(a * b) + np.log1p(a * b)", lambda a, b: mp.log(a * b) + mp.log1p(a * b)),
    ("np.log2(a * b) - np.log10(b)", lambda a, b: mp.log(a * b, 2) - mp.log10(b)),
    ("np.sqrt(a * b) * np.cbrt(b)", lambda a, b: mp.sqrt(a * b) * mp.cbrt(b)),
    ("np.sin(a * b) * np.cos(a)", lambda a, b: mp.sin(a * b) * mp.cos(a)),
    ("np.tan(a * b) + np.arctan(a)", lambda a, b: mp.tan(a * b) + mp.atan(a)),
    ("np.arcsin(a * b) + np.arccos(a)", lambda a, b: mp.asin(a * b) + mp.acos(a)),
    ("np.sinh(a * b) * np.cosh(b)", lambda a, b: mp.sinh(a * b) * mp.cosh(b)),
    ("np.tanh(a - b) + np.arcsinh(a * b)", lambda a, b: mp.tanh(a - b) + mp.asinh(a * b)),
    ("np.sinc(a * b)", lambda a, b: mp.sinc(mp.pi * a * b)),
    ("math.erf(a * b) + math.erfc(b)", lambda a, b: mp.erf(a * b) + mp.erfc(b)),
    ("math.lgamma(a * b)", lambda a, b: mp.loggamma(a * b)),
    ("math.gamma(a * b)", lambda a, b: mp.gamma(a * b)),
    ("math.lgamma(-a * b - 2.0)", lambda a, b: mp.log(abs(mp.gamma(-a * b - 2)))),
    ("a**b", lambda a, b: a**b),
    ("a**3 * b**-2 + 3.0**b", lambda a, b: a**3 / b**2 + 3**b),
    ("np.hypot(a, b) + np.arctan2(a, b)", lambda a, b: mp.hypot(a, b) + mp.atan2(a, b)),
    ("np.logaddexp(a, b * b)", lambda a, b: mp.log(mp.exp(a) + mp.exp(b * b))),
    ("a / b + abs(a - b) * a", lambda a, b: a / b + abs(a - b) * a),
    ("((a * b) % 0.3) * a", lambda a, b: mp.fmod(a * b, mp.mpf(0.3)) * a),
    ("max(a * a, b**3) + np.minimum(a**3, b * b)", lambda a, b: max(a**2, b**3) + min(a**3, b**2)),
    ("np.linalg.norm(x) + np.std(x)", lambda a, b: mp.hypot(a, b) + abs(a - b) / 2),
    ("np.sum(np.where(x > 0.6, x**2, np.sin(x)))", lambda a, b: sum(map(_piece, (a, b)))),
    ("np.dot(x, x) * np.exp(-np.sum(W * x))", lambda a, b: (a**2 + b**2) * mp.exp(-a - 2 * b)),
    ("2.0 * a - b", lambda a, b: 2 * a - b),
]


def _piece(z):
    return z**2 if z > 0.6 else mp.sin(z)


def _written():
    """One function of all cases, chosen by a number: a single compilation."""
    lines = ["def f(x, k):", "    a, b = x[0], x[1]"]
    for k, (text, _) in enumerate(CASES):
        lines += [f"    if k == {k}:", f"        return {text}"]
    names = {"np": np, "math": math, "W": np.array([1.0, 2.0])}
    exec("\n".join([*lines, "    return a * 0.0"]), names)
    return names["f"]


def _wanted(reference, point):
    with mp.workdps(40):
        a, b = map(mp.mpf, point)
        orders = ((2, 0), (1, 1)), ((1, 1), (0, 2))
        return np.array([[float(mp.diff(reference, (a, b), o)) for o in row] for row in orders])


@pytest.fixture(scope="module")
def wanted():
    return {(k, point): _wanted(CASES[k][1], point) for k in range(len(CASES)) for point in POINTS}


@pytest.fixture(scope="module")
def every():
    return _written()


def _errors(found, wanted):
    for key, matrix in wanted.items():
        k, point = key
        size = np.abs(matrix).max() if np.abs(matrix).max() > 1e-20 else 1.0
        yield CASES[k][0], point, np.abs(found(np.array(point), k) - matrix).max() / size


def test_exact_to_rounding(every, wanted):
    compiled = numba.njit(every)
    exact = hessians.source_of(compiled, None, np.array(POINTS[0]), (0,), True)
    assert exact.method == "autodiff"
    assert exact.noise == 0.0
    for text, point, error in _errors(lambda x, k: exact.matrix(x, (k,)), wanted):
        assert error < 2e-14, (text, point)
    h = fastopt.hessian(compiled, POINTS[0], 0)  # the same code
    assert h.shape == (2, 2)
    assert h.dtype == np.float64
    np.testing.assert_array_equal(h, exact.matrix(np.array(POINTS[0]), (0,)))
    single = fastopt.hessian(compiled, np.array(POINTS[0], np.float32), (0,))
    assert single.dtype == np.float64
    assert np.abs(single - h).max() < 1e-5


def test_differences_of_exact_gradients(every, wanted):
    source = hessians._of_duals(every)
    for text, point, error in _errors(lambda x, k: source.matrix(x, (k,)), wanted):
        assert error < 1e-11, (text, point)


def test_differences_of_values(every, wanted):
    def found(x, k):
        return fastopt.hessian(every, x, (k,), jac="3-point")

    for text, point, error in _errors(found, wanted):
        assert error < 2e-8, (text, point)


def test_more_parameters_than_partials_and_an_x_of_two_axes():
    rng = np.random.default_rng(1)
    a = rng.normal(size=(12, 12))

    def f(x, a):
        v = x.reshape(-1)
        return 0.5 * np.dot(v, np.dot(a, v)) + np.sum(x**4)

    x = rng.normal(size=(3, 4))
    h = fastopt.hessian(f, x, (a,))
    assert h.shape == (3, 4, 3, 4)
    whole = h.reshape(12, 12)
    np.testing.assert_allclose(whole, 0.5 * (a + a.T) + np.diag(12.0 * x.ravel() ** 2), rtol=1e-13)
    np.testing.assert_array_equal(whole, whole.T)


def test_own_gradients():
    def f(x, scale):
        return scale * np.exp(x[0]) * x[1] ** 3

    def slope(x, scale):
        e = scale * np.exp(x[0])
        return np.array([e * x[1] ** 3, 3.0 * e * x[1] ** 2])

    def both(x, scale):
        return f(x, scale), slope(x, scale)

    x, e = np.array([0.4, -2.0]), 5.0 * math.exp(0.4)
    wanted = [[-8.0 * e, 12.0 * e], [12.0 * e, -12.0 * e]]
    for h in (fastopt.hessian(f, x, 5.0, jac=slope), fastopt.hessian(both, x, (5.0,), jac=True)):
        np.testing.assert_allclose(h, wanted, rtol=1e-11)
        np.testing.assert_array_equal(h, h.T)
    with pytest.raises(ValueError, match=r"the gradient has shape \(3,\); x has shape \(2,\)"):
        fastopt.hessian(f, x, (5.0,), jac=lambda x, scale: np.ones(3))


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_differences_know_no_units(unit):
    def gradient(x):
        return np.array([1.0 / x[0], np.log(x[0]) * 0.0 + 2.0 * x[1] / unit**2])

    h = second_differences.of_gradient(gradient, np.array([3.0 * unit, 0.0]))
    np.testing.assert_allclose(h[0, 0], -1.0 / (3.0 * unit) ** 2, rtol=1e-11)


def test_differences_stay_in_the_domain():
    h = second_differences.of_values(
        lambda x: math.sqrt(x[0]) if x[0] > 0.98 else math.nan, np.ones(1)
    )
    np.testing.assert_allclose(h, [[-0.25]], rtol=1e-7)
    h = second_differences.of_gradient(lambda x: np.full(1, np.nan), np.ones(1))
    assert np.isnan(h).all()


def test_without_derivatives_differences_and_a_warning_or_an_error():
    args = ({1: 2},)  # no dict can be compiled: Python runs the functions

    def cubed(x, unused):
        return x[0] ** 3

    def converted(x, unused):
        return (x.astype(float) ** 2).sum()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(fastopt.hessian(cubed, 2.0, args), [[12.0]], rtol=1e-11)
    with pytest.warns(UserWarning, match=r"jac='3-point'") as said:
        np.testing.assert_allclose(fastopt.hessian(converted, [2.0], args), [[2.0]], rtol=1e-8)
    assert said[0].filename == __file__
    with pytest.raises(TypeError, match=r"line \d+ of test_hessian.py"):
        fastopt.hessian(converted, [2.0], args, jac="autodiff")


def test_nested_gradients_are_sent_here():
    slope = fastopt.value_and_grad(lambda x: x[0] ** 3)

    def nested(x):
        return slope(x)[1][0]

    message = r"derivatives of derivatives call fastopt\.hessian"
    with pytest.raises(numba.TypingError, match=message):
        fastopt.value_and_grad(nested)(np.ones(1))
    with pytest.raises(TypeError, match=message):
        hessians._of_duals(nested).matrix(np.ones(1), ())


def test_wrong_arguments():
    def f(x):
        return x[0] ** 2

    with pytest.raises(TypeError, match="fun must be a function, not int"):
        fastopt.hessian(3, [1.0])
    with pytest.raises(ValueError, match="jac='cs' gives no second derivatives"):
        fastopt.hessian(f, [1.0], jac="cs")
    with pytest.raises(ValueError, match="jac = 'exact'; it must be"):
        fastopt.hessian(f, [1.0], jac="exact")
    with pytest.raises(ValueError, match="x is empty"):
        fastopt.hessian(f, [])
    with pytest.raises(ValueError, match="x is not finite at component 1"):
        fastopt.hessian(f, [1.0, np.nan])
    with pytest.raises(TypeError, match="x has dtype complex128"):
        fastopt.hessian(f, [1.0j])
    with pytest.raises(TypeError, match="hessian\\(\\) has no argument 'bounds'"):
        fastopt.hessian(f, [1.0], **{"bounds": None})
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        fastopt.hessian(f, [1.0], 2.0)
    with pytest.raises(ZeroDivisionError):
        fastopt.hessian(lambda x: 1 / 0, [1.0], jac="3-point")
