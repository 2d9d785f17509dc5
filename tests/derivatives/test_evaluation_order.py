"""Array expressions are computed where they stand: what is read is computed, and at its time."""

import numpy as np
import pytest
from derivative_cases import complex_step, jit

import fastopt

X = np.array([0.7, -1.3, 2.1, 0.4])


def bump(a):
    a[0] += 1.0
    return a


def doubled(a):
    a[:] = a * 2.0
    return 3.0


def shifted(a):
    for i in range(a.size - 1):
        a[i] = a[i + 1]
    return a[0]


# Masks that Numba reads, not we.


def box(x):
    inside = (x > 0.0) & (x < 1.0)
    return np.sum(x[inside])


def weights(x):
    return np.sum(np.where(x > 0.0, 1.0, 0.0)) * x[0]


def masked_store(x):
    a = x.copy()
    a[(a > 0.0) & (a < 1.0)] = 5.0
    return np.sum(a * a)


def inverted(x):
    return np.sum(x[~(x > 0.0)]) + np.sum(1.0 * (x > 0.5)) * x[1]


def steps(x):
    return np.sum(x // 0.4 + 1.0) * x[2] + np.sum(np.floor(x - 0.1) * 2.0) * x[0]


def kinds_of_numbers(x):
    return np.sum(np.isnan(x - 1.0) | (x * 2.0 > 1.0)) * x[0] + np.sum(np.sign(x - 0.5) + 1.0)


def xor(x):
    return np.sum(x[(x > 0.0) ^ (x * x > 1.0)] ** 2)


def mixed(x):
    keep = ~((x > 0.0) & (x < 1.0)) | (x == 2.1)
    return np.sum(np.where(keep & (x * 3.0 > 0.0), x * x, -x))


def counted(x):
    return np.sum((x > 10.0) | (x < 0.5)) + x[0] ** 2


def parts(x):
    low, high = x[:2] > 0.0, x[2:] > 0.0
    return np.sum((low | high) * 1.0) * x[3] + np.sum(x[:2][low & high])


# Writes between an expression and its use.


def product(x):
    a = x.copy()
    return np.dot(a * 2.0, bump(a))


def matrix_product(x):
    a = x.copy()
    return (a * 2.0) @ bump(a)


def chosen(x):
    a = x.copy()
    return np.sum(np.where(x > 0.0, a * 2.0, bump(a)))


def added(x):
    a = x.copy()
    return np.sum(a * a + bump(a))


def functions(x):
    a = x.copy()
    return np.sum(np.maximum(np.exp(a), bump(a) * 1.5))


def deep(x):
    a = x.copy()
    return np.sum((a * 2.0 - np.exp(a) * 0.1) * doubled(a))


def of_a_view(x):
    a = x.copy()
    return np.sum(a[1:] * 2.0 + bump(a[1:]))


def in_place(x):
    a = x.copy()
    return np.sum((a + 1.0) * shifted(a) - a)


def sorted_between(x):
    a = x.copy()
    return np.sum(a * np.arange(4.0) + order(a))


def order(a):
    a.sort()
    return a


def filled(x):
    a = x.copy()
    b = np.zeros(4)
    return np.sum((a * 3.0 + b) * put(b, a[1]) + b)


def put(b, v):
    b.fill(v)
    return 2.0


def numbers(x):
    b = np.array([1.0, 2.0, 3.0, 4.0])
    return np.sum(np.where(x > 0.0, b * 2.0, 1.0) * doubled(b) * x) + np.sum(b * x)


def of_a_tuple(x):
    a = x.copy()
    return np.sum(a * 2.0 + of_pair((a, 2.0)))


def of_pair(pair):
    pair[0][1] = pair[1]
    return pair[0][1] * 1.5


def masked(x):
    a = x.copy()
    return np.sum(np.where(a > 0.0, x, 2.0 * x) * doubled(-a) + (a > 0.5) * bump(a))


def nothing_written(x):
    return np.sum((x * 2.0) * size_of(x) + np.sqrt(x * x) * len(x))


def size_of(x):
    return x.size + x[0]


MASKS = [box, weights, masked_store, inverted, steps, kinds_of_numbers, xor, mixed, counted, parts]
WRITES = [product, matrix_product, chosen, added, functions, deep, of_a_view, in_place]
WRITES += [sorted_between, filled, numbers, of_a_tuple, masked, nothing_written]


@pytest.mark.parametrize("fun", MASKS + WRITES, ids=lambda f: f.__name__)
def test_as_python_computes_it(fun):
    f, g = fastopt.value_and_grad(jit(fun), size=4)(X)
    assert f == pytest.approx(fun(X.copy()), rel=1e-14)
    np.testing.assert_allclose(g, slopes(fun), rtol=1e-9, atol=1e-9)


def slopes(fun):
    try:
        return complex_step(fun, X)
    except (TypeError, ValueError, AttributeError):  # masks of objects
        steps = np.eye(4) * 1e-4
        return np.array([(fun(X + h) - fun(X - h)) / 2e-4 for h in steps])


@pytest.mark.parametrize("fun", [added, functions, of_a_view], ids=lambda f: f.__name__)
def test_without_derivatives(fun):
    """Numba by itself moves the first operand past the call; our functions stay Python's."""
    options = {"maxfev": 1, "learning_rate": 1.0}  # whose loop takes less to compile
    found = fastopt.minimize(jit(fun), X, jac="2-point", options=options)
    assert found.fun_last == pytest.approx(fun(X.copy()), rel=1e-14)
