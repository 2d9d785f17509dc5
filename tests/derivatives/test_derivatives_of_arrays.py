"""Array code that derivatives could get wrong without a word: each is right or refused."""

import math

import numpy as np
import pytest
from derivative_cases import differences
from numba import njit, objmode

import fastopt

VECTOR = np.array([0.7, -1.3, 2.1, 0.4])
MATRIX = np.array([[0.3, -1.2, 0.8, 2.0], [1.1, 0.4, -0.7, 0.6], [-0.2, 1.9, 0.5, -1.4]])
WEIGHTS = np.array([[1.0, 0.5, -1.0, 2.0], [0.3, 2.0, 0.1, 0.0], [4.0, -1.0, 0.2, 1.0]]).T


def along_axes(x):
    first = np.sum(np.sum(x, axis=0) ** 2) + np.sum(x.sum(axis=-1) ** 3)
    rows = np.sum(np.mean(x, axis=1) ** 2) + x[0].sum(axis=0) * x[1].mean(-1)
    return first + rows + np.sum(np.diff(x) ** 2) + np.linalg.norm(x)


def norms(x):
    return np.linalg.norm(x, 1) * np.linalg.norm(x, 2) + np.linalg.norm(x, np.inf) ** 2


def aliases(x):
    z = x * 1.0
    same, whole = np.asarray(z), np.ascontiguousarray(z)
    same[0] = 5.0
    whole[1] = 2.0 * x[2]
    return np.sum(z**3)


def whole_numbers(x):
    return np.sum(np.full_like(np.arange(4), 2.7) * x) + np.argmin(x) * x[0] + np.argmax(x) * x[3]


def chosen(x):
    r = x * 2.0
    r[x > 0] = x[x > 0] ** 2
    return np.sum(r[np.array([0, 2, 2])]) + np.sum(x[x < 1] ** 3)


def products(x):
    total = np.sum(np.dot(x, WEIGHTS) ** 2) + np.vdot(x[0], x[1])
    return total + np.sum(np.dot(x, x.T)) + np.sum(np.dot(x[0], WEIGHTS) * (x[1] @ WEIGHTS))


RIGHT = {along_axes: MATRIX, norms: VECTOR, aliases: VECTOR, products: MATRIX}
RIGHT |= {whole_numbers: VECTOR, chosen: VECTOR}


@pytest.mark.parametrize("fun", RIGHT, ids=lambda f: f.__name__)
def test_right(fun):
    x = RIGHT[fun]
    f, g = fastopt.value_and_grad(fun, size=x.size)(x)
    assert f == pytest.approx(fun(x.copy()), rel=1e-13)
    wanted = differences(lambda x: fun(x.copy()), x)
    np.testing.assert_allclose(g, wanted, rtol=1e-8, atol=1e-8)


def cube(x):
    return np.sum(np.sum(x, axis=0) ** 2)


def spectral(x):
    return np.linalg.norm(x, 2)


def strided(x):
    return np.sum(np.lib.stride_tricks.as_strided(x, (2,), (8,)))


def scalar(x):
    return np.isscalar(x[0]) * x[0]


def stacked(x):
    return np.sum(np.concatenate((x, x)) ** 2)


def in_python(x):
    s = x[0]
    with objmode(y="float64"):
        y = float(s)
    return y * x[0]


def shown(x):
    print(x[0])
    return x[0] ** 2


REFUSED = {
    cube: (MATRIX.reshape(2, 3, 2), "sums along an axis are known for vectors and matrices only"),
    spectral: (MATRIX, "norms of matrices are known without ord only"),
    stacked: (MATRIX.reshape(2, 3, 2), "concatenate is known for vectors or matrices only"),
    strided: (VECTOR, "as_strided"),
    scalar: (VECTOR, "numpy.isscalar"),
    in_python: (VECTOR, "a number that depends on x cannot be given to Python code"),
    shown: (VECTOR, "a number that depends on x cannot be given to Python code"),
}


@pytest.mark.filterwarnings("ignore:Code running in object mode")
@pytest.mark.parametrize("fun", REFUSED, ids=lambda f: f.__name__)
def test_refused(fun):
    x, words = REFUSED[fun]
    with pytest.raises(TypeError, match="fun cannot be differentiated: line") as info:
        fastopt.minimize(njit(fun), x, jac="forward")
    assert words in str(info.value)


def asked(x, k):
    if k == 0:
        return np.sum(x, axis=2)[0]
    if k == 1:
        return np.argmax(x[0][4:]) * x[0, 0]
    if k == 2:
        return np.zeros(-int(x[1, 0])).size * x[0, 0]
    if k == 3:
        return np.max(x[0][4:])
    if k == 4:
        return np.dot(x[0], x[1][:1])  # no stretching, as sums of products would allow
    return np.sum(x[:, :2] * x[:2])


def test_errors_of_numpy_are_errors():
    function = fastopt.value_and_grad(asked)
    words = (
        "axis",
        "empty",
        "negative dimensions",
        "empty|zero-size",
        "shapes|sizes",
        "shapes|broadcast",
    )
    for k, word in enumerate(words):
        with pytest.raises(ValueError, match=word):
            function(MATRIX, k)


def far(x, k):
    if k == 0:
        return math.atan2(x[0], 1e-170)
    if k == 1:
        return math.atan2(1e200, x[0])
    if k == 2:
        return math.asinh(x[0])
    if k == 3:
        return math.acosh(x[0])
    return 1e-310 / x[0]


def test_extreme_numbers():
    function = fastopt.value_and_grad(far, size=1)
    points = (1e-170, 1e200, -1e200, 1e200, 1e-309)
    wanted = (5e169, -5e-201, 1e-200, 1e-200, -1e308)
    for k, (x, slope) in enumerate(zip(points, wanted, strict=True)):
        assert function(np.array([x]), k)[1][0] == pytest.approx(slope, rel=1e-13)


def test_arguments_of_value_and_grad():
    for size in (0, -1, 2.5, "3", True):
        with pytest.raises(ValueError, match="it must be the number of components of x"):
            fastopt.value_and_grad(scalar, size=size)
    with pytest.raises(ValueError, match="x is empty"):
        fastopt.value_and_grad(lambda x: 5.0 + np.sum(x))(np.empty(0))
    for size in (1, 3, 9, 100):  # of another x: the passes are as many as it takes
        function = fastopt.value_and_grad(lambda x: np.sum(x**3), size=size)
        np.testing.assert_allclose(function(VECTOR)[1], 3.0 * VECTOR**2, rtol=1e-15)


def test_arrays_without_axes_are_numbers():
    """They come of `np.array(2.0)` and of reductions in xarray."""

    @njit
    def fun(x, t):
        less = 1.0 if x[0] < t else 2.0
        return t * x[0] + x[1] ** t - x[1] / t + less * np.exp(x[0] - t) + np.maximum(t, x[1])

    x, t = np.array([1.3, 0.7]), np.array(1.5)
    f, g = fastopt.value_and_grad(fun, size=2)(x, t)
    assert f == pytest.approx(fun.py_func(x, t), rel=1e-14)
    wanted = [1.5 + np.exp(-0.2), 1.5 * 0.7**0.5 - 1.0 / 1.5]
    np.testing.assert_allclose(g, wanted, rtol=1e-14)


def test_searchsorted_is_a_step():
    @njit
    def fun(x, knots, y):
        i = np.searchsorted(knots, x[0])
        slope = (y[i] - y[i - 1]) / (knots[i] - knots[i - 1])
        places = np.searchsorted(knots, x, side="right")
        iterates = np.searchsorted(x, 0.8)
        return y[i - 1] + slope * (x[0] - knots[i - 1]) + np.sum(y[places] * x) + iterates * x[1]

    x, knots = np.array([0.5, 1.3]), np.array([0.0, 0.5, 1.0, 2.0])
    y = np.array([1.0, 3.0, 2.0, 5.0])
    f, g = fastopt.value_and_grad(fun, size=2)(x, knots, y)
    assert f == pytest.approx(fun.py_func(x, knots, y), rel=1e-14)
    np.testing.assert_allclose(g, [4.0 + 2.0, 5.0 + 1.0], rtol=1e-14)
    wrong = fastopt.value_and_grad(njit(lambda x: x[np.searchsorted(x, x[0], "middle")]), size=2)
    with pytest.raises(ValueError, match="side must be"):
        wrong(x)
