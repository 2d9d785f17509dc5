"""Dual numbers in user code: functions of math and NumPy, edges, random expressions."""

import functools
import math
import operator

import mpmath
import numpy as np
import pytest
from derivative_cases import complex_step
from hypothesis import given
from hypothesis import strategies as st
from test_duals import WEIGHTS, assert_same, interpreted, one_of, source

import fastopt
from fastopt.derivatives.rules import derivative_rules

MP = mpmath.mp.clone()
MP.dps = 40
ALL = (-2.3, -0.4, 0.7, 1.9)
UNIT = (-0.8, 0.1, 0.65)
ABOVE = (0.04, 0.7, 1.0, 6.5)
# names in math or NumPy -> the function in mpmath, and where to look
UNARY = {
    "exp": (MP.exp, ALL),
    "exp2": (lambda v: 2**v, ALL),
    "expm1": (MP.expm1, (*ALL, 1e-9)),
    "log": (MP.log, ABOVE),
    "log2": (lambda v: MP.log(v, 2), ABOVE),
    "log10": (MP.log10, ABOVE),
    "log1p": (lambda v: MP.log(1 + v), (-0.6, 1e-9, 0.4, 5.0)),
    "sqrt": (MP.sqrt, ABOVE),
    "cbrt": (lambda v: MP.sign(v) * MP.cbrt(abs(v)), ALL),
    "sin": (MP.sin, (*ALL, 30.0)),
    "cos": (MP.cos, (*ALL, -30.0)),
    "tan": (MP.tan, ALL),
    "asin arcsin": (MP.asin, UNIT),
    "acos arccos": (MP.acos, UNIT),
    "atan arctan": (MP.atan, (*ALL, 50.0)),
    "sinh": (MP.sinh, ALL),
    "cosh": (MP.cosh, ALL),
    "tanh": (MP.tanh, (*ALL, 15.0)),
    "asinh arcsinh": (MP.asinh, (*ALL, -40.0)),
    "acosh arccosh": (MP.acosh, (1.02, 1.5, 9.0)),
    "atanh arctanh": (MP.atanh, UNIT),
    "radians deg2rad": (MP.radians, ALL),
    "degrees rad2deg": (MP.degrees, ALL),
    "erf": (MP.erf, (*ALL, 3.5)),
    "erfc": (MP.erfc, (*ALL, 5.0)),
    "gamma": (MP.gamma, (-2.5, -0.4, 0.2, 1.0, 2.5, 7.25)),
    "lgamma": (lambda v: MP.log(abs(MP.gamma(v))), (-2.5, -0.4, 0.2, 1.0, 2.5, 40.5)),
    "fabs abs absolute": (abs, ALL),
    "square": (lambda v: v * v, ALL),
    "reciprocal": (lambda v: 1 / v, ALL),
    "negative": (lambda v: -v, ALL),
    "positive": (lambda v: v, ALL),
}
PAIRS = ((1.7, 0.6), (-1.3, 0.8), (-0.45, -2.2), (0.35, -0.9))
MODULI = (*PAIRS, (2.5, 0.7))  # where (a - a % b) / b is just below a whole number
FIRST = ((1.7, 0.6), (0.4, 2.3), (1.2, -1.4))  # positive bases


def truncated(v):
    return MP.floor(v) if v > 0 else MP.ceil(v)


BINARY = {
    "atan2 arctan2": (MP.atan2, PAIRS),
    "hypot": (MP.hypot, PAIRS),
    "copysign": (lambda a, b: abs(a) * MP.sign(b), PAIRS),
    "fmod": (lambda a, b: a - b * truncated(a / b), MODULI),
    "mod remainder": (lambda a, b: a - b * MP.floor(a / b), MODULI),
    "pow power float_power": (MP.power, FIRST),
    "maximum fmax": (max, PAIRS),
    "minimum fmin": (min, PAIRS),
    "logaddexp": (lambda a, b: MP.log(MP.exp(a) + MP.exp(b)), (*PAIRS, (20.0, -20.0))),
    "add": (operator.add, PAIRS),
    "subtract": (operator.sub, PAIRS),
    "multiply": (operator.mul, PAIRS),
    "divide true_divide": (operator.truediv, PAIRS),
}


def named(module, rules):
    """Of the names that have rules, ``(function, oracle, points)``."""
    table = {**UNARY, **BINARY, "clip": (lambda a, b: min(max(a, b), 0.5), PAIRS)}
    known = {name: row for names, row in table.items() for name in names.split()}
    present = [name for name in rules if hasattr(module, name)]
    assert not set(present) - set(known)
    return [(getattr(module, name), *known[name]) for name in present]


def objective_of(function, arity):
    if function is np.clip:
        return lambda a, b, n: function(a, b, 0.5)
    elif arity == 1:
        return lambda a, b, n: function(a) * b
    return lambda a, b, n: function(a, b)


def rows(module, rules):
    for function, oracle, points in named(module, rules):
        unary = not isinstance(points[0], tuple)
        yield function, oracle, [(v, 1.5) for v in points] if unary else points, unary


TABLES = {
    "math": list(rows(math, derivative_rules.MATH)),
    "numpy": list(rows(np, derivative_rules.NUMPY)),
}
ROWS = [(module, k) for module, table in TABLES.items() for k in range(len(table))]


def objectives(module):
    return [objective_of(function, 1 if unary else 2) for function, *_, unary in TABLES[module]]


@functools.cache
def compiled(module, fast=True):
    return fastopt.value_and_grad(one_of(objectives(module)), size=2, fast_math_functions=fast)


@functools.cache
def expected(module, k, dtype):
    """Points, values and gradients of a function, from 40 digits."""
    _, oracle, points, unary = TABLES[module][k]
    whole = (lambda a, b: oracle(a) * b) if unary else oracle
    result = []
    for point in points:
        x = np.array(point, dtype)
        at = tuple(MP.mpf(float(v)) for v in x)
        gradient = [float(MP.diff(whole, at, order)) for order in ((1, 0), (0, 1))]
        result.append((x, float(whole(*at)), np.array(gradient)))
    return result


def row_id(value):
    return f"{value[0]}.{TABLES[value[0]][value[1]][0].__name__}"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_functions(row, dtype):
    module, k = row
    objective = objectives(module)[k]
    for x, value, gradient in expected(module, k, dtype):
        assert_same(interpreted(lambda x: objective(x[0], x[1], 3), x), value, gradient, dtype)
        assert_same(compiled(module)(x, k, 3), value, gradient, dtype)


@pytest.mark.parametrize("row", ROWS[: len(TABLES["math"])], ids=row_id)
def test_functions_of_numba(row):
    module, k = row
    for x, *_ in expected(module, k, np.float64):
        fast, exact = compiled(module)(x, k, 3), compiled(module, fast=False)(x, k, 3)
        np.testing.assert_allclose(fast[0], exact[0], rtol=1e-14)
        np.testing.assert_allclose(fast[1], exact[1], rtol=1e-14, atol=1e-15)


NAN, INF = math.nan, math.inf
EDGES = [  # function of a and b, point, value, gradient
    (lambda a, b, n: 1 / (1 + math.exp(-a)), (-800.0, 0.0), 0.0, (0.0, 0.0)),
    (lambda a, b, n: 1 / (1 + math.exp(-b)), (0.0, 800.0), 1.0, (0.0, 0.0)),
    (lambda a, b, n: math.log1p(math.exp(-abs(a))), (-800.0, 0.0), 0.0, (0.0, 0.0)),
    (lambda a, b, n: math.log1p(math.exp(-abs(a))), (0.0, 0.0), math.log(2), (0.0, 0.0)),
    (lambda a, b, n: math.atan(math.exp(a)), (800.0, 0.0), math.pi / 2, (0.0, 0.0)),
    (lambda a, b, n: math.tanh(math.exp(a)) * b, (800.0, 3.0), 3.0, (0.0, 1.0)),
    (lambda a, b, n: math.tanh(math.sinh(a)) + b, (-800.0, 3.0), 2.0, (0.0, 1.0)),
    (lambda a, b, n: b / math.cosh(a), (800.0, 3.0), 0.0, (0.0, 0.0)),
    (lambda a, b, n: math.exp(-math.exp(a)), (800.0, 0.0), 0.0, (0.0, 0.0)),
    (lambda a, b, n: math.sqrt(a * 0.0) + b, (2.0, 3.0), 3.0, (0.0, 1.0)),
    (lambda a, b, n: math.sqrt(a**4 + b**4), (0.0, 0.0), 0.0, (0.0, 0.0)),
    (lambda a, b, n: math.sqrt(a) + b, (0.0, 3.0), 3.0, (INF, 1.0)),
    (lambda a, b, n: a**0 + a**b, (0.0, 0.0), 2.0, (0.0, 0.0)),
    (lambda a, b, n: a ** (n - 3) + b, (0.0, 2.0), 3.0, (0.0, 1.0)),
    (lambda a, b, n: a ** (n - 2) + a**1, (0.0, 2.0), 0.0, (2.0, 0.0)),
    (lambda a, b, n: 0.0**a + b, (2.0, 5.0), 5.0, (0.0, 1.0)),
    (lambda a, b, n: (b - 5.0) ** a, (2.0, 3.0), 4.0, (NAN, -4.0)),
    (lambda a, b, n: (b - 5.0) ** (2.0 + 0.0 * a), (1.0, 3.0), 4.0, (0.0, -4.0)),
    (lambda a, b, n: (-2.0) ** (3.0 + 0.0 * a), (1.0, 3.0), -8.0, (0.0, 0.0)),
    (lambda a, b, n: abs(a) + abs(-b), (0.0, -0.0), 0.0, (0.0, 0.0)),
    (lambda a, b, n: math.fabs(a) + np.abs(b), (0.0, -3.0), 3.0, (0.0, -1.0)),
    (lambda a, b, n: math.hypot(a, b), (0.0, 0.0), 0.0, (0.0, 0.0)),
    (lambda a, b, n: math.hypot(a, b), (3e200, -4e200), 5e200, (0.6, -0.8)),
    (lambda a, b, n: max(a, b) + min(2 * a, 2 * b), (1.5, 1.5), 4.5, (3.0, 0.0)),
    (lambda a, b, n: max(1.5, a, b) + min(1.5, b), (1.5, 1.5), 3.0, (0.0, 0.0)),
    (lambda a, b, n: np.maximum(a, b) + np.minimum(b, 1.5), (1.5, 1.5), 3.0, (0.5, 1.0)),
    (lambda a, b, n: np.fmax(a, b) - np.fmin(b, a), (1.5, 1.5), 0.0, (0.0, 0.0)),
    (lambda a, b, n: np.maximum(a, b) + np.minimum(b, a), (NAN, 1.5), NAN, (2.0, 0.0)),
    (lambda a, b, n: np.fmax(a, b) + np.fmin(b, a), (NAN, 1.5), 3.0, (0.0, 2.0)),
    (lambda a, b, n: max(a, b), (NAN, 1.5), NAN, (1.0, 0.0)),
    (lambda a, b, n: max(b, a) + min(b, a), (NAN, 1.5), 3.0, (0.0, 2.0)),
    (lambda a, b, n: np.clip(a, -1.0, 1.0) + np.clip(b, -1.0, 1.0), (-1.0, 1.0), 0.0, (1.0, 1.0)),
    (lambda a, b, n: np.clip(a, b, 2.0) + np.clip(0.5, 0.0, b), (-1.0, 0.25), 0.5, (0.0, 2.0)),
    (lambda a, b, n: np.clip(a, 2.0, b), (0.5, 1.0), 1.0, (0.0, 1.0)),
    (lambda a, b, n: np.clip(a, -1.0, 1.0), (NAN, 0.0), NAN, (1.0, 0.0)),
    (lambda a, b, n: a % b, (-7.0, 3.0), 2.0, (1.0, 3.0)),
    (lambda a, b, n: a % b, (7.0, -3.0), -2.0, (1.0, 3.0)),
    (lambda a, b, n: a % b, (-7.0, -3.0), -1.0, (1.0, -2.0)),
    (lambda a, b, n: np.fmod(a, b), (-7.0, 3.0), -1.0, (1.0, 2.0)),
    (lambda a, b, n: a // b + a, (-7.0, 3.0), -10.0, (1.0, 0.0)),
    (lambda a, b, n: math.sin(a) + a * a + b, (NAN, 1.0), NAN, (NAN, NAN)),
    (lambda a, b, n: np.logaddexp(a, b), (900.0, -900.0), 900.0, (1.0, 0.0)),
    (lambda a, b, n: np.logaddexp(a, b), (-INF, 2.0), 2.0, (0.0, 1.0)),
    (lambda a, b, n: math.copysign(a, b), (2.0, -0.0), -2.0, (-1.0, 0.0)),
    (lambda a, b, n: np.where(a > 0.0, a, b) * np.sign(b), (0.0, -2.0), 2.0, (0.0, -1.0)),
    (lambda a, b, n: a if math.isnan(b) or np.isinf(b) else b, (2.0, INF), 2.0, (1.0, 0.0)),
    (lambda a, b, n: math.atan2(a, b), (0.0, -2.0), math.pi, (-0.5, 0.0)),
    (lambda a, b, n: math.expm1(a) + math.log1p(b), (1e-12, -1e-12), 0.0, (1.0, 1.0)),
]


@functools.cache
def compiled_edges(fast):
    objective = one_of([edge[0] for edge in EDGES])
    return fastopt.value_and_grad(objective, size=2, fast_math_functions=fast)


@pytest.mark.parametrize("k", range(len(EDGES)), ids=lambda k: source(EDGES[k][0]))
@pytest.mark.parametrize("how", ["interpreted", "compiled", "exact functions"])
def test_edges(k, how):
    function, at, *expected = EDGES[k]
    x = np.array(at)
    if how == "interpreted":
        actual = interpreted(lambda x, n: function(x[0], x[1], n), x, 3)
    else:
        actual = compiled_edges(how == "compiled")(x, k, 3)
    np.testing.assert_allclose(actual[0], expected[0], rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(actual[1], expected[1], rtol=1e-14, atol=3e-12)


OUTER = [
    lambda v: math.sin(v),
    lambda v: math.tanh(v),
    lambda v: math.exp(-v * v),
    lambda v: math.sqrt(1.5 + v**2),
    lambda v: v % 2.0 + math.atan(v),
    lambda v: 1 - abs(v),
    lambda v: math.erf(v),
]
JOINED = [
    lambda v, w: v + 2 * w,
    lambda v, w: v * w,
    lambda v, w: v / (1.5 + w * w),
    lambda v, w: max(v, w) - min(w, 0.5),
    lambda v, w: v if v > w else math.atan2(w, 2.0 + v * v),
    lambda v, w: (0.5 + v * v) ** math.sin(w),
]


def of_one(outer, inner):
    return lambda x: outer(inner(x))


def of_two(outer, left, right):
    return lambda x: outer(left(x), right(x))


def constant(value):
    return lambda x: value


LEAVES = [lambda x: x[0], lambda x: x[1], lambda x: x[0] * x[1]]
EXPRESSIONS = st.recursive(
    st.sampled_from(LEAVES) | st.builds(constant, st.integers(-3, 3) | st.sampled_from(WEIGHTS)),
    lambda inner: (
        st.builds(of_one, st.sampled_from(OUTER), inner)
        | st.builds(of_two, st.sampled_from(JOINED), inner, inner)
    ),
    max_leaves=6,
)
NUMBERS = st.floats(-2.0, 2.0).map(lambda v: round(v, 3) + 0.00037)  # away from ties and steps


def gradient_of(fun, x):
    return interpreted(fun, x)[1]


@given(EXPRESSIONS, NUMBERS, NUMBERS)
def test_random_expressions(fun, a, b):
    x = np.array([a, b])
    value, gradient = interpreted(fun, x)
    np.testing.assert_allclose(value, fun(x), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient, complex_step(fun, x), rtol=1e-9, atol=1e-9)


@given(EXPRESSIONS, EXPRESSIONS, NUMBERS, NUMBERS)
def test_rules_of_sums_products_and_quotients(left, right, a, b):
    x = np.array([a, b])
    (u, du), (v, dv) = interpreted(left, x), interpreted(right, x)
    expected = {
        lambda v, w: 3 * v - 0.5 * w: 3 * du - 0.5 * dv,
        operator.mul: u * dv + v * du,
        lambda v, w: math.exp(math.sin(v)): math.exp(math.sin(u)) * math.cos(u) * du,
    }
    if abs(v) > 1e-3:
        expected[operator.truediv] = (du - u / v * dv) / v
    for combine, gradient in expected.items():
        np.testing.assert_allclose(
            gradient_of(of_two(combine, left, right), x), gradient, rtol=1e-10, atol=1e-10
        )
