"""Where a slope is infinite, parameters that have no part in it keep their partials."""

import functools
import math

import numpy as np
import pytest
from numba import njit
from test_duals import interpreted, one_of

import fastopt

INF = math.inf
# f(b), where, and the derivative there; None where it has none
EDGES = {
    "sqrt": (lambda b: np.sqrt(b), 0.0, INF),
    "math.sqrt": (lambda b: math.sqrt(b), 0.0, INF),
    "power": (lambda b: b**0.5, 0.0, INF),
    "np.power": (lambda b: np.power(b, 0.3), 0.0, INF),
    "quotient": (lambda b: 1.0 / (1.0 + 1.0 / (b * b)), 0.0, None),
    "power of nothing": (lambda b: b**0.0, 0.0, 0.0),
    "exponent": (lambda b: (b - b) ** b, 1.5, None),
    "nothing to nothing": (lambda b: (b * 0.0) ** b, 0.0, None),
    "cbrt": (lambda b: np.cbrt(b), 0.0, INF),
    "arccos": (lambda b: np.arccos(b), 1.0, -INF),
    "arcsin": (lambda b: np.arcsin(b), 1.0, INF),
    "math.asin": (lambda b: math.asin(b), -1.0, INF),
    "arccosh": (lambda b: np.arccosh(b), 1.0, INF),
    "arctan2": (lambda b: np.arctan2(b, b), 0.0, None),
    "hypot": (lambda b: np.hypot(b, b), 0.0, 0.0),
    "saturated exp": (lambda b: 1.0 / (1.0 + np.exp(-b)), -1e3, 0.0),
    "arctan": (lambda b: np.arctan(np.exp(b)), 1e3, 0.0),
    "math.atan": (lambda b: math.atan(math.exp(b)), 1e3, 0.0),
    "tanh": (lambda b: np.tanh(np.sinh(b)), 1e3, 0.0),
    "erf": (lambda b: math.erf(math.exp(b)), 1e3, 0.0),
    "exp of exp": (lambda b: np.exp(-np.exp(b)), 1e3, 0.0),
    "square": (lambda b: 1.0 / (1.0 + np.exp(b) ** 2), 1e3, 0.0),
    "np.square": (lambda b: 1.0 / (1.0 + np.square(np.exp2(b))), 2e3, 0.0),
    "reciprocal": (lambda b: np.reciprocal(1.0 + np.expm1(b)), 1e3, 0.0),
    "product": (lambda b: 1.0 / (1.0 + 3.0 * (b * np.exp(b))), 1e3, 0.0),
    "minimum": (lambda b: np.minimum(np.exp(b), 7.0), 1e3, 0.0),
    "maximum": (lambda b: np.maximum(np.sqrt(b), 1.0), 0.0, 0.0),
    "max": (lambda b: max(1.0, b**0.25), 0.0, 0.0),
    "where": (lambda b: np.where(b > 0.0, np.log(b), 0.5), 0.0, 0.0),
    "division": (lambda b: np.arctan(1.0 / b), 0.0, None),
    "division of nothing": (lambda b: np.minimum(0.3, 2.0 / b), 0.0, 0.0),
    "log": (lambda b: np.exp(np.log(b)), 0.0, None),
    "log1p": (lambda b: np.maximum(np.log1p(b), -3.0), -1.0, 0.0),
    "log10": (lambda b: np.maximum(np.log10(b), -4.0), 0.0, 0.0),
    "log2": (lambda b: np.maximum(np.log2(b), -5.0), 0.0, 0.0),
    "remainder": (lambda b: 1.5 % np.exp(b), 1e3, 0.0),
    "gamma": (lambda b: np.maximum(0.0, -math.gamma(b)), 200.0, 0.0),
}


NAMES = list(EDGES)
OF_ARRAYS = [k for k in NAMES if k not in ("max", "erf", "gamma") and "math" not in k]


def beside(function):
    """An objective of two parameters, of which one alone is at the edge."""
    return lambda a, b, n: (a - 3.0) ** 2 + function(b) * (a + 1.0)


def value_of(function, where):
    with np.errstate(all="ignore"):
        return float(njit(error_model="numpy")(function)(where))


@functools.cache
def values():
    """What the functions give at their edges."""
    return {name: value_of(function, where) for name, (function, where, _) in EDGES.items()}


@functools.cache
def compiled(size):
    functions = [beside(function) for function, *_ in EDGES.values()]
    return fastopt.value_and_grad(one_of(functions), size=size)


def assert_right(name, f, g):
    _, _, slope = EDGES[name]
    assert math.isfinite(f)
    assert g[0] == pytest.approx(-4.0 + values()[name], rel=1e-12)
    assert slope is None or g[-1] == 2.0 * slope
    assert not g[1:-1].any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [2, 9])  # partials by themselves, and as vectors
def test_compiled(name, size):
    x = np.array([1.0, *[0.5] * (size - 2), EDGES[name][1]])
    assert_right(name, *compiled(size)(x, NAMES.index(name), 2))


@pytest.mark.parametrize("name", NAMES)
def test_interpreted(name):
    function, where, _ = EDGES[name]
    with np.errstate(all="ignore"):
        fun = beside(function)
        result = interpreted(lambda x: fun(x[0], x[1], 2), np.array([1.0, where]))
    assert_right(name, *result)


def test_arrays():
    """All in one objective, so that none spoils another's partials."""
    lines = ["def fun(x):", "    total = (x[0] - 3.0) ** 2"]
    for i, _ in enumerate(OF_ARRAYS, 1):
        lines.append(f"    total += np.sum(f{i}(x[{i} : {i + 1}]) * (x[0] + 1.0))")
    scope = {f"f{i}": njit(EDGES[name][0]) for i, name in enumerate(OF_ARRAYS, 1)}
    exec("\n".join([*lines, "    return total"]), {"np": np, **scope}, scope)
    x = np.array([1.0, *(EDGES[name][1] for name in OF_ARRAYS)])
    f, g = fastopt.value_and_grad(njit(scope["fun"]), size=x.size)(x)
    edges = [values()[name] for name in OF_ARRAYS]
    assert f == pytest.approx(4.0 + 2.0 * sum(edges), rel=1e-12)
    assert g[0] == pytest.approx(-4.0 + sum(edges), rel=1e-12)
    for name, partial in zip(OF_ARRAYS, g[1:], strict=True):
        slope = EDGES[name][2]
        assert slope is None or partial == 2.0 * slope, name


def test_infinite_values_have_infinite_slopes():
    function = njit(lambda a: a[0] * np.exp(-a[1]))
    _, g = fastopt.value_and_grad(function, size=2)(np.array([1.0, -1e3]))
    assert g.tolist() == [INF, -INF]
    _, g = fastopt.value_and_grad(njit(lambda x: np.log(x[0] * 0.0 + x[1])), size=2)(
        np.array([1.0, 0.0])
    )
    assert g.tolist() == [0.0, INF]


def test_float32():
    function = njit(lambda x: (x[0] - 3) ** 2 + x[1] ** 0.5 + np.cbrt(x[2]) / (1 + np.exp(x[3])))
    x = np.array([1, 0, 0, 200], np.float32)
    _, g = fastopt.value_and_grad(function, size=4)(x)
    assert g.dtype == np.float32
    assert g[:2].tolist() == [-4.0, INF]
    assert g[3] == 0.0
