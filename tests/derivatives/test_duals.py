"""Dual numbers in user code, compiled and interpreted: operators, choices, control flow, layouts.

Gradients are compared with the complex step in 60 digits (`derivative_cases`), values with plain
Python's. Functions of math and NumPy, edges and random expressions
are in `test_dual_functions`.
"""

import functools
import inspect
import math

import numpy as np
import pytest
from derivative_cases import complex_step
from hypothesis import given
from hypothesis import strategies as st

import fastopt
from fastopt.derivatives.forward import python_dual

FACTOR = 0.75
WEIGHTS = (0.5, -1.5, 2.0)
TOLERANCE = {np.float64: 1e-13, np.float32: 1e-5}


def eight(functions, rest):
    """An objective that evaluates the k-th of 8 functions of its first and last component."""
    f0, f1, f2, f3, f4, f5, f6, f7 = functions

    def chosen(x, k, n):
        a, b = x[0], x[-1]
        if k == 0:
            return f0(a, b, n)
        elif k == 1:
            return f1(a, b, n)
        elif k == 2:
            return f2(a, b, n)
        elif k == 3:
            return f3(a, b, n)
        elif k == 4:
            return f4(a, b, n)
        elif k == 5:
            return f5(a, b, n)
        elif k == 6:
            return f6(a, b, n)
        elif k == 7:
            return f7(a, b, n)
        return rest(x, k - 8, n)

    return chosen


def one_of(functions):
    """One objective ``(x, k, n)`` of all these functions: one compilation serves a whole table."""
    objective = lambda x, k, n: x[0]  # noqa: E731
    for i in range((len(functions) - 1) // 8 * 8, -1, -8):
        part = [*functions[i : i + 8], *functions[:1] * 8][:8]
        objective = eight(part, objective)
    return objective


def interpreted(fun, x, *args):
    """Value and gradient by the duals of plain Python, of which every pass takes two partials."""
    g, linked = np.empty(x.size, x.dtype), python_dual.function(fun)
    for first in range(0, x.size, 2):
        result = linked(python_dual.seeded(2, x, None, first, 0), *args)
        python_dual.write_partials(result, g, first, 0)
    return python_dual.value_of(result), g.reshape(x.shape)


def assert_same(actual, value, gradient, dtype=np.float64):
    """The same value and gradient, by the largest partial."""
    f, g = actual
    assert g.dtype == dtype
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(f, value, rtol=tolerance, atol=tolerance)
    scale = np.max(np.abs(gradient))
    np.testing.assert_allclose(g, gradient, rtol=tolerance, atol=tolerance * scale)


def source(function):
    """What a function of a table is called: a lambda by its text."""
    if not callable(function) or function.__name__ != "<lambda>":
        return getattr(function, "__name__", None)
    text = inspect.getsource(function).strip().partition(": ")[2]
    return text.partition(", (")[0].removesuffix(",")


def accumulated(a, b, n):
    s, t = 0, 0.0
    for i in range(n):
        s += a * i
        t -= b / (i + 1)
        if s > 100.0:
            continue
        s = s + t * a
    return s


def iterated(a, b, n):
    while a * a < 50.0:
        a = a * a + 1.1 + b * b
        n += 1
        if n > 5:
            break
    else:
        return a * n
    return a - b


def early(a, b, n):
    if a > b:
        return a * b
    elif n == 3 and b > 1.0:
        return 1
    return b**n


def in_tuples(a, b, n):
    pair = (a, (b, 2.0 * a))
    c, (d, e) = pair
    for w in WEIGHTS:
        c = c + w * d
    c, d = d, c
    return c * d + e * pair[1][0] + max(pair[1]) - min((a, 0.1, b))


def helper(v, scale=2.0):
    return scale * v if v > 0 else v * v


def with_helpers(a, b, n):
    def inner(v):
        return helper(v) * a + FACTOR * helper(v, scale=3.0)

    return inner(b) + inner(a)


def of_closure(by):
    def enclosed(a, b, n):
        return (a * by + b) ** 2 + helper(a) * by

    return enclosed


def newton(a, b, n):
    """The root of v^3 + v = a + b by a fixed number of steps, from a constant."""
    v = 1.0
    for _ in range(12):
        v -= (v**3 + v - a - b) / (3 * v**2 + 1)
    return v


def counted(a, b, n):
    count = 0
    while count < a * a:
        count += 1
    return count + b if a else b


ANYWHERE = [
    lambda a, b, n: a + b,
    lambda a, b, n: a + 2 - (2.5 + b) + (3 - a) - (b - 0.5),
    lambda a, b, n: (1 - a) * (b - n),
    lambda a, b, n: a * b * 3 + 0.5 * a + b * n,
    lambda a, b, n: a / b,
    lambda a, b, n: 3 / a + b / 4 - 0.5 / b + a / 2.5,
    lambda a, b, n: a // 0.5 * b,
    lambda a, b, n: 2 // a * b + b // a * a + b // n,
    lambda a, b, n: a % b,
    lambda a, b, n: b % a,
    lambda a, b, n: 7 % a + b % 2 + a % 0.3 + -4.5 % b,
    lambda a, b, n: a**2 - b**3 + a**4,
    lambda a, b, n: a**-1 * b**-3,
    lambda a, b, n: a**n + b ** (-n),
    lambda a, b, n: a**0 + b**1 + a**2.0,
    lambda a, b, n: 2**a + 1.5 ** (a * b) + n**b,
    lambda a, b, n: (a * a) ** b,
    lambda a, b, n: abs(a) ** b + pow(abs(b), a) + pow(a, 2),
    lambda a, b, n: -a * +b - (-b),
    lambda a, b, n: (a > b) * a + (a <= b) * b + (a == a) * a,
    lambda a, b, n: a if a != b and b >= -1.0 else b * n,
    lambda a, b, n: a * b if a < 0.0 or not b < 0.0 else a - b,
    lambda a, b, n: b if 0 < a < 3 else a,
    lambda a, b, n: abs(a) * b - abs(a * b),
    lambda a, b, n: max(a, b) - min(a, b, a * b) * 2,
    lambda a, b, n: max(a, 0) + min(0.5, b) * max(1, n, b) - max((a, b, 2)),
    lambda a, b, n: round(a) * b + math.floor(b) * a + math.ceil(a) * b,
    lambda a, b, n: int(a * 3) * b + float(b) * a,
    lambda a, b, n: np.floor(a) * b + np.ceil(b) * a,
    lambda a, b, n: sum((a, b, 2 * a)) * (a or b),
    lambda a, b, n: 1.0 / (1.0 + math.exp(-a)) - math.log1p(math.exp(-abs(b))),
    lambda a, b, n: math.log(math.exp(a) + math.exp(b)) * math.tanh(b),
    accumulated,
    iterated,
    early,
    in_tuples,
    with_helpers,
    of_closure(-1.25),
    newton,
    counted,
]
POSITIVE = [
    lambda a, b, n: a**b,
    lambda a, b, n: b**a + a**0.5 - b**-1.5,
    lambda a, b, n: a ** (b + n) + 0.3**a,
    lambda a, b, n: math.sqrt(a * b) ** 3 + math.pow(a, -b),
]
FUNCTIONS = ANYWHERE + POSITIVE
POINTS = [(1.7, -0.6), (-1.3, 0.8), (-0.45, -2.2)]
POSITIVE_POINTS = [(0.4, 2.3), (1.7, 0.65)]


@functools.cache
def compiled(size):
    return fastopt.value_and_grad(one_of(FUNCTIONS), size=size)


@pytest.mark.parametrize(("dtype", "size"), [(np.float64, 2), (np.float32, 17), (np.float32, None)])
@pytest.mark.parametrize("function", FUNCTIONS, ids=source)
def test_operators_and_control_flow(function, dtype, size):
    """Partials of their own and in vectors, whose passes find a and b in different ones."""
    k, n = FUNCTIONS.index(function), 3
    for at in POSITIVE_POINTS if function in POSITIVE else POINTS:
        x = np.zeros(size or 2, dtype)
        x[[0, -1]] = at
        a, b = float(x[0]), float(x[-1])
        value = function(a, b, n)
        ends = complex_step(lambda x: function(x[0], x[1], 3), np.array([a, b]))
        gradient = np.array([ends[0], *[0.0] * (x.size - 2), ends[1]])
        assert_same(interpreted(one_of(FUNCTIONS), x, k, n), value, gradient, dtype)
        if size:
            assert_same(compiled(size)(x, k, n), value, gradient, dtype)


def rich(x):
    """Every component with its neighbour, and with all."""
    s, product = 0, 1.0
    for i in range(x.size):
        v, w = x[i], x[i - 1]
        s += math.exp(0.3 * v) * math.sin(w) + math.sqrt(1.0 + v * v) / (2.0 + w**2)
        s += max(v, w) ** 2 - abs(v) ** 1.5 + math.atan2(v, 2.0 + w * w)
        product *= 1.0 + 0.1 * math.tanh(v * w)
    return s + product - math.log1p(s * s)


def spread(size):
    return np.sin(np.arange(1.0, size + 1)) * 1.5


@pytest.mark.parametrize(("known", "sizes"), [(None, (1, 3, 4, 9)), (3, (3,)), (8, (8,))])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_partials_by_themselves(known, sizes, dtype):
    slope = fastopt.value_and_grad(rich, size=known)
    for size in sizes:
        x = spread(size).astype(dtype)
        wide = x.astype(np.float64)
        assert_same(slope(x), rich(wide), complex_step(rich, wide), dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_vectors_of_partials(dtype):
    slope = fastopt.value_and_grad(rich, size=17)
    for size in (8, 9, 17):
        x = spread(size).astype(dtype)
        wide = x.astype(np.float64)
        assert_same(slope(x), rich(wide), complex_step(rich, wide), dtype)
        assert_same(interpreted(rich, x), rich(wide), complex_step(rich, wide), dtype)


@given(st.lists(st.floats(-3.0, 3.0), min_size=3, max_size=3))
def test_compiled_as_interpreted(items):
    x = np.array(items)
    assert_same(rich_slope()(x), *interpreted(rich, x))


@functools.cache
def rich_slope():
    return fastopt.value_and_grad(rich, size=3)
