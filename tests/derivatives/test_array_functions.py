"""Functions of arrays: value and gradient, compiled and in plain Python, and methods with state."""

import functools
import math
import pathlib
import types

import numba
import numpy as np
import pytest
from derivative_cases import differences
from scipy import special

import fastopt
from fastopt.derivatives import supported_functions
from fastopt.derivatives.forward import python_dual

V = np.array([0.7, -1.3, 2.1, 0.4])
M = np.array([[0.3, -1.2, 0.8], [1.1, 0.4, -0.7], [-0.2, 1.9, 0.5]])
T = np.array([0.0, 1.0, 2.0, 3.0])


def joins(x):
    r = np.vstack((x, T)) * 1.5
    h = np.hstack((x, T, x[:1]))
    c = np.column_stack((x, T, r.T))
    s = np.stack((x, T), axis=1)
    s0 = np.stack([T, x])
    k = np.concatenate([x, T])
    kk = np.concatenate((r, s0), axis=1)
    return (
        np.sum(r**2)
        + np.sum(h**3)
        + np.sum(c**2)
        + np.sum(s**3)
        + np.sum(s0[0] * s0[1])
        + np.sum(k**2)
        + np.sum(kk**3)
    )


def arrays(x):
    c, s = np.cos(x[0]), np.sin(x[0])
    R = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    a = np.array([x[0], 1.0, 2])
    b = np.array((x[1], 0.5, x[2]))
    d = np.array([x[0], x[1]], dtype=np.float64)
    e = np.asarray([x[0], 3.0])
    return (
        np.sum((R @ np.array([1.0, 2.0, 3.0])) ** 3)
        + np.dot(a, b)
        + np.sum(d**2)
        + e[0] * e[1]
        + np.sum((R @ a) ** 2)
    )


def more(x):
    a = np.append(x, 0.5)
    b = np.append(x, T)
    r = np.repeat(x, 3)
    r2 = np.repeat(x, np.array([1, 0, 2, 1]))
    r3 = np.repeat(x[0], 3)
    return (
        np.sum(a**2)
        + np.sum(b**3)
        + np.sum(r**3)
        + np.sum(r2**2)
        + np.sum(r3)
        + np.sum(x.repeat(2) ** 2)
    )


def layout(x):
    m = np.outer(x, T)
    D = np.diag(x) + 0.3
    return (
        np.sum(np.diag(x, 1) ** 3)
        + np.sum(np.diag(m, -1) ** 2)
        + np.trace(m)
        + np.trace(D, 1)
        + np.sum(np.kron(D, np.stack((x, T))) ** 2)
        + np.sum(np.kron(x, T) ** 2)
        + np.sum(np.kron(T, D) ** 2)
    )


def series(x):
    xp = np.array([-2.0, 0.0, 0.5, 1.0, 3.0])
    fp = np.array([1.0, 3.0, -1.0, 2.0, 0.5])
    return (
        np.sum(np.interp(x, xp, fp) ** 2)
        + np.interp(0.3, T, x)
        + np.interp(x[0], np.cumsum(np.exp(x)), x**2)
        + np.sum(np.interp(T, xp * x[3], fp) ** 2)
    )


def integrals(x):
    return (
        np.trapezoid(x**2)
        + np.trapezoid(x, T)
        + np.trapezoid(x**2, dx=0.5)
        + np.trapezoid(T, x)
        + np.polyval(x, 0.5)
        + np.polyval(np.array([1.0, 2.0, 3.0]), x[0])
        + np.sum(np.polyval(x[:3], x))
        + np.sum(np.linspace(x[0], 2.0, 5) ** 2)
        + np.sum(np.linspace(0, x[1], 5) ** 2)
        + np.sum(np.linspace(x[0], x[1]) ** 2)
        + np.polyval(T, 2.0)
    )


def stats(x):
    y = x * 1.0
    y[1] = np.nan
    return (
        np.nansum(y**2)
        + np.nanmean(y**3)
        + np.nanmax(y)
        + np.nanmin(y)
        + np.median(x) ** 2
        + np.median(x[:3]) * 3
        + np.sum(np.cumprod(x) ** 2)
        + np.sum(x.cumprod())
        + np.nansum(T)
    )


def misc(x):
    return (
        np.sum(np.sinc(x))
        + np.sinc(x[0])
        + np.sinc(0.3)
        + np.sum(np.convolve(x, T) ** 2)
        + np.sum(np.convolve(T[:2], x, "same") ** 2)
        + np.sum(np.convolve(x, x[:3], mode="valid") ** 2)
        + special.gammaln(x[2])
        + np.sum(special.gammaln(x**2))
        + special.erf(x[0])
        + float(x[0]) ** 2
        + np.float64(x[1]) ** 2
        + np.float64(3)
    )


def casts(x):
    return (
        np.sum(x.astype(np.float64) ** 2)
        + np.sum(x.astype(float) ** 3)
        + np.sum(x.astype(np.int64) * x)
    )


def two(x):
    return (
        np.sum(np.vstack((x, x[0])) ** 2)
        + np.sum(np.hstack((x, x.T)) ** 3)
        + np.sum(np.concatenate((x, x)) ** 2)
        + np.sum(np.append(x, x[0]) ** 3)
        + np.sum(np.cumsum(x) ** 2)
        + np.median(x)
        + np.nansum(x)
        + np.sum(np.repeat(x, 2) ** 2)
        + np.sum(np.array(x) ** 2)
        + np.linalg.norm(x)
    )


CASES = {joins: V, arrays: V[:3], more: V, layout: V, series: V}
CASES |= {integrals: V} if hasattr(np, "trapezoid") else {}  # NumPy 1 says trapz
CASES |= {stats: V, misc: V, casts: V, two: M}
NUMPY_ALONE = {misc, casts}  # astype and np.float64 are Numba's, not those of NumPy's objects


@pytest.mark.parametrize("fun", CASES, ids=lambda f: f.__name__)
def test_compiled(fun):
    x = CASES[fun]
    f, g = fastopt.value_and_grad(fun, size=x.size)(x)
    wanted = differences(fun, x)
    assert f == pytest.approx(fun(x.copy()), rel=1e-14)
    np.testing.assert_allclose(g, wanted, rtol=1e-7, atol=1e-8 * np.max(np.abs(wanted)))


@pytest.mark.parametrize(
    "fun", [f for f in CASES if f not in NUMPY_ALONE], ids=lambda f: f.__name__
)
def test_in_plain_python(fun):
    x, g = CASES[fun], np.zeros(CASES[fun].size)
    result = python_dual.function(fun)(python_dual.seeded(x.size, x, None, 0, 0))
    python_dual.write_partials(result, g, 0, 0)
    wanted = differences(fun, x)
    assert python_dual.value_of(result) == pytest.approx(fun(x.copy()), rel=1e-14)
    np.testing.assert_allclose(
        g.reshape(x.shape), wanted, rtol=1e-7, atol=1e-8 * np.max(np.abs(wanted))
    )


def test_norms_of_tiny_and_huge_vectors():
    slope = fastopt.value_and_grad(lambda x: np.linalg.norm(x), size=2)
    for size in (1e-30, 1e-12, 1.0, 1e25):
        f, g = slope(np.array([3.0 * size, 4.0 * size], np.float32))
        assert f == pytest.approx(5.0 * size, rel=1e-6)
        np.testing.assert_allclose(g, [0.6, 0.8], rtol=1e-6)


class Model:
    def __init__(self):
        self.t, self.calls = np.linspace(0, 1, 5), 0
        self.y = 2 * np.exp(-self.t)

    @property
    def size(self):
        return self.t.size

    def model(self, p):
        return p[0] * np.exp(-p[1] * self.t)

    @staticmethod
    def square(r):
        return np.square(r)

    def loss(self, p):
        self.calls += 1
        return np.sum(self.square(self.model(p) - self.y)) / self.size

    def loops(self, p):
        pairs = zip(self.t, self.y, strict=True)
        return sum((p[0] * math.exp(-p[1] * a) - b) ** 2 for a, b in pairs)

    def __call__(self, p):
        return self.loss(p)


class Child(Model):
    def model(self, p):
        return np.exp(-p[1] * self.t) * p[0]


def misfit(p, t, y, shape):
    return np.sum((p[0] * shape(-p[1] * t) - y) ** 2)


def exponential(v):
    return np.exp(v)


def test_methods_objects_and_partials():
    m = Model()
    partial = functools.partial(misfit, t=m.t, y=m.y, shape=exponential)
    bound = types.MethodType(lambda self, p: self.loss(p), Child())
    for fun in (m.loss, m.loops, m, partial, Child().loss, bound):
        res = fastopt.minimize(fun, [1.0, 1.5], jac="autodiff")
        assert res.jac_method == "reverse"
        np.testing.assert_allclose(res.x, [2.0, 1.0], atol=1e-5)
    assert m.calls > 0


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="it has other names")
def test_the_table_is_what_the_code_says():
    page = pathlib.Path(__file__).parents[2] / "docs" / "differentiable.md"
    assert page.read_text() == supported_functions.table()


HELD = {"a": 1.0}


def of_a_dict(x):
    return x[0] * HELD["a"]


def sum_of_a_number(x):
    return np.sum((x[0] - 1.0) ** 2)


BLAMED = {of_a_dict: "'HELD' is a dict", sum_of_a_number: "sum is given a number"}


@pytest.mark.parametrize("fun", BLAMED, ids=lambda f: f.__name__)
def test_messages_blame_what_is_wrong(fun):
    with pytest.raises(numba.TypingError, match=f"line .*{BLAMED[fun]}"):
        fastopt.value_and_grad(fun, size=4)(V)
