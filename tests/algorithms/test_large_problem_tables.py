"""The tables of large problems say what is true: without compiling, against other formulas.

Each problem is here a second time, under the name of its function, for whole arrays. These formulas
accept complex numbers, so that complex steps give exact gradients. Those of the tables are by hand.
"""

import math

import numpy as np
import pytest
import scipy.optimize
from numpy import cos, exp, log, sin, sqrt, tan
from numpy.testing import assert_allclose
from problems.large import CUTE, PUBLIC, REAL
from problems.large_images import blurred

ROWS = [pytest.param(row, id=row.name) for row in [*CUTE, *REAL]]
every_row = pytest.mark.parametrize("row", ROWS)
SIZES = 12, 13, 25  # 25 is a square


def arglina(x):
    n = x.size
    matrix = np.vstack([np.eye(n), np.zeros((n, n))]) - 1.0 / n
    return np.sum((matrix @ x - 1.0) ** 2)


def bdqrtic(x):
    s = x**2
    groups = s[:-4] + 2 * s[1:-3] + 3 * s[2:-2] + 4 * s[3:-1] + 5 * s[-1]
    return np.sum((3 - 4 * x[:-4]) ** 2 + groups**2)


def broydn7d(x):
    padded = np.concatenate(([0], x, [0]))
    r = (3 - 2 * x) * x - padded[:-2] - 2 * padded[2:] + 1
    both = np.concatenate((r, x[: x.size // 2] + x[x.size // 2 :]))
    return np.sum((both**2) ** (7 / 6))


def chained_rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def wood(x, constant, step):
    a, b, c, d = (x[k : x.size - 3 + k : step] for k in range(4))
    valleys = 100 * (b - a**2) ** 2 + (1 - a) ** 2 + 90 * (d - c**2) ** 2 + (1 - c) ** 2
    return constant + np.sum(valleys + 10 * (b + d - 2) ** 2 + (b - d) ** 2 / 10)


def cragglvy(x):
    a, b, c, d = x[:-2:2], x[1:-2:2], x[2::2], x[3::2]
    u = c - d
    return np.sum((exp(a) - b) ** 4 + 100 * (b - c) ** 6 + (tan(u) + u) ** 4 + a**8 + (d - 1) ** 2)


def dixmaan(x, beta, gamma, delta, k):
    n, m = x.size, x.size // 3
    weights = (np.arange(1, n + 1) / n) ** k
    f = 1 + np.sum(weights * x**2) + beta * np.sum((x[:-1] * (x[1:] + x[1:] ** 2)) ** 2)
    f += gamma * np.sum(x[: 2 * m] ** 2 * x[m:] ** 4)
    return f + delta * np.sum(weights[:m] * x[:m] * x[2 * m :])


def edensch(x):
    a, b = x[:-1], x[1:]
    return 16 + np.sum((a - 2) ** 4 + (a * b - 2 * b) ** 2 + (b + 1) ** 2)


def engval1(x):
    return np.sum((x[:-1] ** 2 + x[1:] ** 2) ** 2) - 4 * np.sum(x[:-1]) + 3 * (x.size - 1)


def extrosnb(x):
    return (x[0] - 1) ** 2 + 100 * np.sum((x[1:] - x[:-1] ** 2) ** 2)


def freuroth(x):
    a, b = x[:-1], x[1:]
    return np.sum((-13 + a + 5 * b**2 - b**3 - 2 * b) ** 2 + (-29 + a + b**3 + b**2 - 14 * b) ** 2)


def genrose(x):
    return 1 + np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (x[1:] - 1) ** 2)


def morebv(x):
    h = 1 / (x.size + 1)
    t = h * np.arange(1, x.size + 1)
    padded = np.concatenate(([0], x, [0]))
    return np.sum((2 * x - padded[:-2] - padded[2:] + h**2 * (x + t + 1) ** 3 / 2) ** 2)


def noncvxu2(x):
    i = np.arange(1, x.size + 1)
    v = x + x[(3 * i - 2) % x.size] + x[(7 * i - 3) % x.size]
    return np.sum(v**2 + 4 * cos(v))


def nondquar(x):
    return (x[0] - x[1]) ** 2 + (x[-2] - x[-1]) ** 2 + np.sum((x[:-2] + x[1:-1] + x[-1]) ** 4)


def penalty1(x):
    return 1e-5 * np.sum((x - 1) ** 2) + (np.sum(x**2) - 0.25) ** 2


def powellsg(x):
    a, b, c, d = x[::4], x[1::4], x[2::4], x[3::4]
    return np.sum((a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4)


def power(x):
    return np.sum(np.arange(1, x.size + 1) * x**2) ** 2


def quartc(x):
    return np.sum((x - np.arange(1, x.size + 1)) ** 4)


def schmvett(x):
    a, b, c = x[:-2], x[1:-1], x[2:]
    return -np.sum(
        1 / (1 + (a - b) ** 2) + sin((math.pi * b + c) / 2) + exp(-(((a + c) / b - 2) ** 2))
    )


def sinquad(x):
    inner = sin(x[1:-1] - x[-1]) - x[0] ** 2 + x[1:-1] ** 2
    return (x[0] - 1) ** 4 + np.sum(inner**2) + (x[-1] ** 2 - x[0] ** 2) ** 2


def sparsqur(x):
    i = np.arange(1, x.size + 1)
    totals = x**2 + sum(x[(k * i - 1) % x.size] ** 2 for k in (2, 3, 5, 7, 11))
    return np.sum(i * totals**2) / 8


def srosenbr(x):
    return np.sum(100 * (x[1::2] - x[::2] ** 2) ** 2 + (1 - x[::2]) ** 2)


def tointgss(x):
    a, b, w = x[:-2], x[1:-1], x[2:] ** 2
    return np.sum((10 / (x.size - 2) + w) * (2 - exp(-((a - b) ** 2) / (0.1 + w))))


def tquartic(x):
    return (x[0] - 1) ** 2 + np.sum((x[0] ** 2 - x[1:] ** 2) ** 2)


def vareigvl(x, band):
    n = x.size - 1
    i, j = np.ogrid[1 : n + 1, 1 : n + 1]
    matrix = np.where(abs(i - j) <= 6, sin(i * j) * exp(-((j - i) ** 2) / n**2), 0.0)
    r = matrix @ x[:-1] - x[-1] * x[:-1]
    return np.sum(r**2) / 2 + np.sum(x[:-1] ** 2) ** 1.5 / 1.5


def variation(x, side, weight, smooth):
    image = x.reshape(side, side)
    down = np.diff(image, axis=0, append=image[-1:])
    right = np.diff(image, axis=1, append=image[:, -1:])
    return weight * np.sum(sqrt(down**2 + right**2 + smooth**2))


def denoise(x, noisy, known, side, weight, smooth):
    return np.sum((known * (x - noisy)) ** 2) / 2 + variation(x, side, weight, smooth)


def deblur(x, image, taps, side, weight, smooth):
    return np.sum((blurred(x, side, taps) - image) ** 2) / 2 + variation(x, side, weight, smooth)


def trend(x, noisy, weight, smooth):
    return np.sum((x - noisy) ** 2) / 2 + weight * np.sum(sqrt(np.diff(x, 2) ** 2 + smooth**2))


def sparse_logistic(x, columns, values, signs, decay):
    features = np.zeros((signs.size, x.size))
    np.add.at(features, (np.arange(signs.size)[:, None], columns), values)
    return np.mean(log(1 + exp(-signs * (features @ x)))) + decay / 2 * np.sum(x**2)


def factorisation(x, users, items, ratings, rank, decay):
    u, v = x.reshape(2, -1, rank)
    return np.sum(((u @ v.T)[users, items] - ratings) ** 2) / 2 + decay / 2 * np.sum(x**2)


def heat(x, wanted, side, cost):
    h, tau = 1 / (side + 1), 1 / side
    laplace = (2 * np.eye(side) - np.eye(side, k=1) - np.eye(side, k=-1)) / h**2
    y, f = np.zeros(side), 0
    for u, w in zip(x.reshape(side, side), wanted.reshape(side, side), strict=True):
        y = np.linalg.solve(np.eye(side) + tau * laplace, y + tau * u)
        f += np.sum((y - w) ** 2) + cost * np.sum(u**2)
    return h * tau / 2 * f


def logistic(x, features, signs, decay):
    z = features @ x[:-1] + x[-1]
    return np.mean(log(1 + exp(-signs * z))) + decay / 2 * np.sum(x[:-1] ** 2)


def softmax(x, features, labels, classes, decay):
    weights = x.reshape(classes, -1)
    z = features @ weights[:, :-1].T + weights[:, -1]
    return np.mean(log(exp(z).sum(1)) - z[np.arange(len(z)), labels]) + decay / 2 * np.sum(x**2)


def formula(row):
    """Return the formula of a problem for whole arrays."""
    return globals()[row.fun.py_func.__name__]


def slopes(fun, x, args, some):
    """Return derivatives of an analytic function from complex steps: exact to rounding."""
    found = []
    for i in some:
        z = x.astype(complex)
        z[i] += 1e-30j
        found.append(fun(z, *args).imag / 1e-30)
    return np.array(found)


def agree(row, x, args, some, exactly=1e-11):
    f, g = row.fun.py_func(x, *args)
    assert g.shape == x.shape
    assert g.dtype == x.dtype
    assert_allclose(f, formula(row)(x, *args), rtol=1e-12)
    wanted = slopes(formula(row), x, args, some)
    assert_allclose(g[some], wanted, rtol=exactly, atol=exactly * np.abs(wanted).max())


def test_no_name_occurs_twice():
    names = [row.name for row in [*CUTE, *REAL, *PUBLIC]]
    assert len(set(names)) == len(names)


@every_row
@pytest.mark.parametrize("n", SIZES)
def test_value_and_gradient_agree_with_the_formula(row, n):
    size = row.size(n)
    args = row.args(size)
    for x in (row.start(n), row.random(n), row.random(n, 1)):
        assert x.shape == (size,)
        assert x.dtype == float
        agree(row, x, args, np.arange(size))


@every_row
def test_sizes_and_starts(row):
    for n in (8, 100, 997):
        size = row.size(n)
        assert n - 62 < size <= n  # 31^2 is the largest square up to 997
        x = row.random(n)
        assert np.array_equal(x, row.random(n))
        assert not np.array_equal(x, row.random(n, 1))
        assert np.all(np.isfinite(row.start(n)))
        if row.least(size) is not None:
            for start in (row.start(n), x):
                assert row.fun.py_func(start, *row.args(size))[0] > row.least(size)


@every_row
def test_bounds_exclude_the_solution_and_allow_a_start(row):
    for n in (8, 100):
        size = row.size(n)
        low, high = row.bounds(n)
        assert low.shape == high.shape == (size,)
        assert np.all(low < high)
        assert np.isinf(low[2::3]).all()
        if row.solution:
            assert np.all(low[::3] > row.solution(size)[::3])
            assert np.all(low[1::3] < row.solution(size)[1::3])
        x = np.clip(row.start(n), low, high)
        assert np.isfinite(row.fun.py_func(x, *row.args(size))[0])


@pytest.mark.parametrize("row", [pytest.param(r, id=r.name) for r in CUTE if r.solution])
def test_least_value_at_the_solution(row):
    for n in (12, 100):
        n = row.size(n)
        f, g = row.fun.py_func(row.solution(n), *row.args(n))
        scale = np.abs(row.fun.py_func(row.start(n), *row.args(n))[1]).max()
        assert_allclose(f, row.least(n), rtol=1e-12, atol=1e-28)
        assert np.abs(g).max() <= 1e-14 * scale


def end(row, n):
    """Return the least f that SciPy finds from the standard start; needs no compiling."""
    args = row.args(n)
    options = {"maxiter": 1000, "maxfun": 1000, "ftol": 1e-15, "gtol": 1e-7}
    method = "L-BFGS-B"
    return scipy.optimize.minimize(
        row.fun.py_func, row.start(n), args, method, jac=True, options=options
    ).fun


@pytest.mark.parametrize("row", [pytest.param(r, id=r.name) for r in CUTE if r.published])
def test_published_least_value(row):
    """Values of sizes up to 100 are found again; no known least value differs from one."""
    for n, value in row.published.items():
        if row.least(n) is not None:
            assert_allclose(row.least(n), value, rtol=1e-5)
        elif n <= 100:
            assert_allclose(end(row, n), value, rtol=2e-4)


VALUES = [  # f at the standard start: Moré, Garbow and Hillstrom (1981), or by hand
    ("ARGLINA", 10, 50.0),
    ("EXTROSNB", 10, 3604.0),
    ("PENALTY1", 10, 148032.56535),
    ("POWELLSG", 12, 3 * 215.0),
    ("POWER", 10, 3025.0),
    ("SROSENBR", 10, 5 * 24.2),
    ("TOINTGSS", 12, 100.0),
    ("WOODS", 12, 3 * 19192.0),
]


@pytest.mark.parametrize(("name", "n", "value"), VALUES)
def test_value_at_the_standard_start(name, n, value):
    row = next(r for r in CUTE if r.name == name)
    assert_allclose(row.fun.py_func(row.start(n), *row.args(n))[0], value, rtol=1e-9)


def test_morebv_has_residuals_of_zero():
    row = next(r for r in CUTE if r.name == "MOREBV")
    assert end(row, 10) < 1e-12


@pytest.mark.parametrize("row", [pytest.param(r, id=r.name) for r in PUBLIC])
def test_public_data(row):
    """Few rows will do: every row is treated alike."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    n = row.size(0)
    features, *rest = row.args(n)
    assert features.flags.c_contiguous
    assert row.args(n)[0] is features
    labels, *rest = rest
    for x in (row.start(n), row.random(n)):
        agree(row, x, (features[:40], labels[:40], *rest), [0, 1, n // 2, n - 2, n - 1])
