"""Numerical trouble in compiled objectives gives what NumPy gives, and never raises."""

import cmath
import functools
import math

import numba
import numpy as np
import pytest

import fastopt
from fastopt.compiling import compiler
from fastopt.derivatives import substitutions

FAST, EXACT = substitutions.meanings(None, True), substitutions.meanings(None, False)


@functools.cache
def compiled(function, fast=True):
    """`function` as the solver compiles it, to be called from Python."""
    inner, _ = compiler.user(numba.njit(function), FAST if fast else EXACT)
    return numba.njit(lambda *args: inner(*args))


def quotients(a, b, r, k):
    c = a
    c /= b
    array = np.array([a, b])
    return a / b, r / b, k / b, 1 / b, c, (a / array)[1], np.divide(a, b), np.sum(1.0 / array)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("a", [1 + 2j, -1j, 0j, complex(np.inf, 1), complex(np.nan, 0)])
def test_complex_division_by_zero_is_numpys(a, fast):
    for b in (0j, complex(-0.0, 0.0), complex(0.0, -0.0)):
        with np.errstate(all="ignore"):
            wanted = quotients(np.complex128(a), np.complex128(b), np.float64(2), np.int64(3))
        found = compiled(quotients, fast)(a, b, 2.0, 3)
        for one, other in zip(found, wanted, strict=True):
            # Numba's own np.divide takes its sign from a zero, NumPy's does not.
            parts = [[abs(v.real), abs(v.imag)] for v in (one, other)]
            np.testing.assert_equal(*parts)


def test_complex64_and_other_divisors():
    divide, theirs = compiled(lambda a, b: a / b), numba.njit(lambda a, b: a / b)
    found = divide(np.complex64(1j), np.complex64(0))
    assert np.isnan(found.real)
    assert found.imag == np.inf
    rng = np.random.default_rng(0)
    for _ in range(200):
        a, b = 10.0 ** rng.uniform(-300, 300, 4).reshape(2, 2) @ (1, 1j)
        np.testing.assert_allclose(divide(a, b), theirs(a, b), rtol=1e-14)
    for b in (complex(np.inf, np.inf), complex(np.nan, 0), complex(5e-324, 0)):
        np.testing.assert_equal(divide(1 + 1j, b), theirs(1 + 1j, b))


def powers(x, k):
    y, z = x, x
    y **= k
    z **= -2
    array = np.full(2, x)
    return x**k, pow(x, k), y, z, x**-1, x**-3, (array**k)[0], (array**-2)[1]


@pytest.mark.parametrize("x", [0.0, -0.0, 1e-200, -1e-200, np.inf, np.nan, 1.7])
@pytest.mark.parametrize("k", [-1, -2, -70_000, 3, -(2**63)])
def test_whole_powers_that_overflow(x, k):
    with np.errstate(all="ignore"):
        exact = [np.float64(x) ** np.float64(p) for p in (k, k, k, -2, -1, -3, k, -2)]
    np.testing.assert_allclose(compiled(powers)(x, k), exact, rtol=1e-13)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_whole_powers_have_numbas_bits(kind):
    ours, theirs = compiled(powers), numba.njit(powers)
    for x in np.random.default_rng(1).uniform(-3, 3, 50).astype(kind):
        for k in (-7, -1, 0, 1, 5):
            assert ours(x, k) == theirs(x, k)


def test_powers_of_other_integers():
    power = compiled(lambda a, b: a**b)
    assert power(2.0, np.uint8(10)) == power(2, np.int8(10)) == 1024
    assert power(np.float32(2), np.int8(-100)) == np.float32(2.0**-100)
    assert [power(a, -1) for a in (0, 1, -1, 2)] == [-(2**63), 1, -1, 0]  # as Numba's own
    assert [power(a, -(2**63)) for a in (1, -1, 2)] == [1, 1, 0]


def whole(a, zero):
    array = np.array([a, a])
    return (
        a // zero, a % zero, divmod(a, zero)[0], divmod(a, zero)[1], np.mod(a, zero),
        np.floor_divide(a, zero), (array // zero)[0], (array % zero)[1], np.fmod(a, zero),
    )  # fmt: skip


def test_integer_division_by_zero_is_numpys():
    with np.errstate(all="ignore"):
        wanted = whole(np.asarray(7), np.asarray(0))
    assert list(compiled(whole)(7, 0)) == [int(w) for w in wanted] == [0] * 9


def of_math(z):
    return (
        math.sqrt(z - 1), math.log(z - 1), math.acos(z + 2), math.fabs(z) % z, math.pow(z - 1, 0.5),
        math.exp(z + 1e4), math.cosh(z + 1e4), math.gamma(z + 1e3), math.pow(z, -1.0), 1 / z,
        math.log(z), math.log10(z), math.log1p(z - 1), math.lgamma(z), math.atanh(z + 1), z / z,
    )  # fmt: skip


@pytest.mark.parametrize("fast", [True, False])
def test_errors_of_math_are_nan_and_inf(fast):
    nan, inf = np.nan, np.inf
    wanted = [nan] * 5 + [inf] * 5 + [-inf] * 3 + [inf] * 2 + [nan]
    np.testing.assert_equal(compiled(of_math, fast)(0.0), wanted)


def test_errors_of_cmath():
    def function(z):
        return abs(cmath.log(z)), abs(cmath.exp(z + 1e4)), abs(z**-1.0), abs(z ** (-1 + 1j))

    found = compiled(function)(0j)
    assert found[:2] == (np.inf, np.inf)
    assert not np.isfinite(found[2:]).any()


def through_complex(p, y):
    return (p[0] - 1.0) ** 2 + abs(1.0 / (y + 0j))


def through_powers(p, y):
    return (p[0] - 1.0) ** 2 + y**-2


@pytest.mark.parametrize("jac", [None, "2-point"])
def test_a_problem_of_a_batch_has_its_status(jac):
    data = np.array([2.0, 0.0, 4.0])
    result = fastopt.minimize_batch(through_powers, [2.0], data, jac=jac)
    assert result.status[1] == -1
    assert not result.errors
    np.testing.assert_allclose(result.x[[0, 2]], 1.0, atol=1e-5)
    if jac:
        result = fastopt.minimize_batch(through_complex, [2.0], data, jac=jac)
        assert result.status[1] == -1
        assert not result.errors
        np.testing.assert_allclose(result.x[[0, 2]], 1.0, atol=1e-5)


def test_minimize_ends_with_a_status():
    def f(p):
        return abs(1 / (p[0] + 1j * p[1])) + p[0] ** -2

    result = fastopt.minimize(numba.njit(f), [0.0, 0.0], jac="2-point")
    assert result.status == -1
    assert result.fun == np.inf
