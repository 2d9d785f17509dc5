"""Elementary functions against mpmath, NumPy and the math module: ulps, edges, vectors."""

import functools
import math
import re

import hypothesis
import mpmath
import numba
import numpy as np
import pytest
from hypothesis import strategies as st

from fastopt.compiling import compiler
from fastopt.elementary import FLOAT32, FLOAT64

EXACT = {
    "cos": mpmath.cos,
    "exp": mpmath.exp,
    "exp2": lambda x: mpmath.power(2, x),
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log10": mpmath.log10,
    "log1p": mpmath.log1p,
    "log2": lambda x: mpmath.log(x, 2),
    "pow": mpmath.power,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "sin": mpmath.sin,
    "tanh": mpmath.tanh,
}
WIDER = {
    "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "pow": np.power,
    **{name: getattr(np, name) for name in EXACT if name not in ("sigmoid", "pow")},
}
LIMIT = {"pow": 1.5, "sigmoid": 1.5, "expm1": 1.1}  # others: 1 ulp
COUNT = 1500
HALVES = np.arange(-1074, 1024) + 0.5

each_function = pytest.mark.parametrize("name", sorted(EXACT))
both_tables = pytest.mark.parametrize("table", [FLOAT64, FLOAT32], ids=["float64", "float32"])


@functools.cache
def loop(function, pair=False, fastmath=False):
    """out[i] = function(x[i]), or of x[i] and y[i]; one for all tests."""
    flags = {"error_model": "numpy", "fastmath": fastmath and set(fastmath)}
    if pair:

        @numba.njit(**flags)
        def run(x, y):
            out = np.empty_like(x)
            for i in range(x.size):
                out[i] = function(x[i], y[i])
            return out
    else:

        @numba.njit(**flags)
        def run(x):
            out = np.empty_like(x)
            for i in range(x.size):
                out[i] = function(x[i])
            return out

    return run


def signed(rng, low, high):
    """Log-uniform sizes from 2^low to 2^high, of both signs."""
    return rng.choice([-1.0, 1.0], COUNT) * 2.0 ** rng.uniform(low, high, COUNT)


def near(rng, centres):
    """Neighbours of the centres, to 40 ulp."""
    return rng.choice(centres, COUNT) * (1.0 + rng.integers(-40, 41, COUNT) * 2.0**-52)


def points(name):
    rng = np.random.default_rng(53)
    bits = rng.integers(1, 0x7FF0000000000000, COUNT).view(np.float64)  # all positive numbers
    uniform = rng.uniform
    if name in ("exp", "sigmoid"):
        edges = [-745.13, -708.4, 709.78, 36.7]
        x = [
            uniform(-745.2, 709.78, COUNT),
            near(rng, HALVES[330:] * math.log(2)),
            near(rng, edges),
        ]
        x += [signed(rng, -60, 3), uniform(-745.2, -708, COUNT)]
    elif name == "exp2":
        x = [uniform(-1075, 1024, COUNT), signed(rng, -60, 3), near(rng, HALVES), HALVES - 0.5]
    elif name in ("expm1", "tanh"):
        x = [signed(rng, -1074, 3), signed(rng, -10, 6), uniform(-2, 2, COUNT)]
        x += [near(rng, HALVES[1030:1120] * math.log(2) / 2), uniform(30, 709.78, COUNT)]
    elif name == "log1p":
        x = [bits, uniform(-1, 2, COUNT), signed(rng, -1074, -1), near(rng, [0.5**0.5 - 1])]
        x += [near(rng, [2**0.5 - 1]), 2.0 ** uniform(-53, -1, COUNT) - 1.0]
    elif name.startswith("log"):
        x = [bits, uniform(0.5, 2, COUNT), 1 + signed(rng, -52, -1), 2.0 ** (HALVES - 0.5)]
        x += [near(rng, [2**0.5, 0.5**0.5]), 10.0 ** np.arange(-307, 308)]
    elif name in ("sin", "cos"):
        turns = np.concatenate([np.arange(1.0, 3000), np.rint(2.0 ** uniform(0, 39.3, COUNT))])
        x = [signed(rng, -1000, 40), uniform(-10, 10, COUNT), near(rng, turns * (math.pi / 2))]
        x += [turns * (math.pi / 2), turns * (math.pi / 4), signed(rng, 38, 1023)]
    else:
        x = np.concatenate([bits, uniform(0.5, 2, COUNT), 1 + signed(rng, -50, -1)])
        y = uniform(-745, 709.7, x.size) / np.log(x)
        small = rng.integers(-9, 10, x.size) / 2.0
        return np.concatenate([x, x]), np.concatenate([y, np.where(abs(y) < 5, y, small)])
    return (np.concatenate(x),)


def ulps(got, exact):
    """The error in units in the last place of a float64, which subnormal numbers share."""
    if abs(exact) >= mpmath.mpf(2) ** 1024 * (1 - mpmath.mpf(2) ** -54):
        return 0 if got == mpmath.sign(exact) * math.inf else math.inf
    place = max(mpmath.mag(exact) - 53, -1074) if exact else -1074
    return float(abs(mpmath.mpf(got) - exact) / mpmath.mpf(2) ** place)


def ulps32(got, exact):
    """The same in float32, of arrays; what is exact is known in float64."""
    place = 2.0 ** np.maximum(np.frexp(exact)[1] - 24, -149)
    error = abs(got - np.where(np.isfinite(exact), exact, 0.0)) / place
    over = abs(exact) >= 2.0**128 * (1 - 2.0**-25)
    error = np.where(over, np.where(got == np.copysign(np.inf, exact), 0.0, np.inf), error)
    return np.where(np.isnan(exact), np.where(np.isnan(got), 0.0, np.inf), error)


@each_function
def test_float64_is_right_to_an_ulp(name):
    arguments = points(name)
    results = loop(FLOAT64[name], pair=len(arguments) == 2)(*arguments)
    worst = 0.0, ()
    with mpmath.workprec(160):
        for got, *at in zip(results.tolist(), *(a.tolist() for a in arguments), strict=True):
            worst = max(worst, (ulps(got, EXACT[name](*map(mpmath.mpf, at))), tuple(at)))
    assert worst[0] <= LIMIT.get(name, 1.0), worst


@each_function
@np.errstate(all="ignore")
def test_float32_is_right_to_an_ulp(name):
    every = np.arange(0, 2**32, 4093, dtype=np.uint64).astype(np.uint32).view(np.float32)
    rng = np.random.default_rng(24)
    arguments = (every,)
    if name == "pow":
        x = np.concatenate([abs(every), rng.uniform(0.5, 2, 300_000).astype(np.float32)])
        arguments = x, (rng.uniform(-104, 89, x.size) / np.log(x.astype(float))).astype(np.float32)
    got = loop(FLOAT32[name], pair=len(arguments) == 2)(*arguments)
    assert got.dtype == np.float32
    error = ulps32(got.astype(float), WIDER[name](*(a.astype(float) for a in arguments)))
    worst = np.argmax(error)
    assert error[worst] <= LIMIT.get(name, 1.0), [a[worst] for a in arguments]


SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, 0.5, -0.5, -2.5, 1e300, -1e300, 1e-300, 5e-324]
SPECIAL += [-5e-324, math.inf, -math.inf, math.nan, 2.0**52 + 1, -(2.0**53) + 1, 2.0**53, 2.2e-308]
some_float = st.sampled_from(SPECIAL) | st.floats() | st.integers(-9, 9).map(float)


def wider(name, *at):
    """What NumPy gives in float64; of arrays, as its powers of one exponent are not all C's."""
    return WIDER[name](*(np.array([float(a), b]) for a, b in zip(at, (1.0, 2.0), strict=False)))[0]


def agree(got, expected):
    if np.isnan(expected):
        return np.isnan(got)
    if not (np.isfinite(expected) and expected):
        return got == expected and np.signbit(got) == np.signbit(expected)
    return np.signbit(got) == np.signbit(expected) and np.isclose(
        got, expected, rtol=4 * np.finfo(expected.dtype).eps, atol=2 * np.nextafter(got * 0, 1)
    )


def right(name, table, x, y=2.0):
    """Return True if a function is right at x, or the power at x and y."""
    kind = np.float64 if table is FLOAT64 else np.float32
    at = (kind(x), kind(y)) if name == "pow" else (kind(x),)
    # 1 / (1 + exp(-x)) underflows early.
    if name == "sigmoid" and x < 0:
        expected = kind(np.exp(np.float64(at[0])) / (1.0 + np.exp(np.float64(at[0]))))
    else:
        expected = kind(wider(name, *at))
    return agree(kind(table[name](*at)), expected)


@each_function
@both_tables
@hypothesis.given(x=some_float, y=some_float)
@hypothesis.settings(max_examples=100)
@np.errstate(all="ignore")
def test_any_values(name, table, x, y):
    assert right(name, table, x, y)


@each_function
@both_tables
@np.errstate(all="ignore")
def test_special_values(name, table):
    for x in SPECIAL:
        assert right(name, table, x), x


@pytest.mark.parametrize("y", SPECIAL)
@both_tables
@np.errstate(all="ignore")
def test_every_pair_of_special_values_in_pow(y, table):
    for x in SPECIAL:
        assert right("pow", table, x, y), x


def test_edges_of_overflow_and_underflow():
    exp, expm1 = FLOAT64["exp"], FLOAT64["expm1"]
    assert exp(709.782712893384) == pytest.approx(math.exp(709.782712893384), rel=1e-15)
    assert math.isinf(exp(709.79))
    assert math.isinf(expm1(709.79))
    assert math.isfinite(expm1(709.78))
    assert exp(-745.13) == 5e-324
    assert exp(-745.14) == 0.0
    assert FLOAT64["pow"](2.0, -1074.0) == 5e-324
    assert FLOAT64["pow"](2.0, 1023.0) == 2.0**1023
    assert FLOAT64["pow"](10.0, 22.0) == 1e22
    assert FLOAT32["exp"](np.float32(88.72)) < math.inf
    assert math.isinf(FLOAT32["exp"](np.float32(88.73)))


@each_function
@both_tables
@pytest.mark.parametrize(
    "flags",
    [("fast",), ("nnan", "ninf", "reassoc", "contract")],
    ids=["fast", "finite and reordered"],
)
@np.errstate(all="ignore")
def test_the_callers_fastmath_does_not_leak_in(name, table, flags):
    kind = np.float64 if table is FLOAT64 else np.float32
    edges = [709.78, 709.79, -745.1, 88.72, 88.73, 1e-320, 0.7, 1e5, 3e-9, *SPECIAL]
    x = np.array(edges * 3, kind)
    at = (x, np.roll(x, 7)) if name == "pow" else (x,)
    strict = [table[name](*pair) for pair in zip(*at, strict=True)]
    got = loop(table[name], pair=len(at) == 2, fastmath=flags)(*at)
    np.testing.assert_array_equal(got, np.array(strict, kind))


def lanes(compiled, real):
    """Return how many numbers are multiplied at once, and LLVM's text."""
    text = next(iter(compiled.inspect_llvm().values()))
    return max(map(int, re.findall(rf"fmul <(\d+) x {real}>", text)), default=1), text


@functools.cache
def lanes_of_sums(kind, real):
    """Return what Numba does with a loop that calls nothing."""

    @numba.njit(error_model="numpy")
    def sums(x, out):
        for i in range(x.size):
            out[i] = x[i] * x[i] + x[i]

    sums(np.ones(64, kind), np.ones(64, kind))
    return lanes(sums, real)[0]


@each_function
@both_tables
def test_loops_vectorise_at_full_width(name, table):
    kind, real = (np.float64, "double") if table is FLOAT64 else (np.float32, "float")
    widest = lanes_of_sums(kind, real)
    if widest == 1 or not compiler.processor()["simd"].endswith("vectors"):
        pytest.skip("this processor has no vectors that Numba knows of")
    run = loop(table[name], pair=name == "pow")
    run(*[np.ones(64, kind)] * (1 + (name == "pow")))
    found, text = lanes(run, real)
    assert found >= widest
    if real == "float":
        assert "double" not in text


@each_function
def test_other_types_are_refused(name):
    with pytest.raises(numba.TypingError):
        FLOAT32[name](*[1.0] * (1 + (name == "pow")))


@pytest.mark.parametrize("name", ["sin", "cos"])
@both_tables
def test_huge_angles_are_right_in_any_lane(name, table):
    kind = np.float64 if table is FLOAT64 else np.float32
    rng = np.random.default_rng(7)
    x = rng.uniform(-9, 9, 999)
    huge = rng.random(999) < 0.1
    x[huge] = 2.0 ** rng.uniform(20, 127, huge.sum())
    x = x.astype(kind)
    x[::100] = np.inf
    with np.errstate(invalid="ignore"):
        expected = WIDER[name](x.astype(float)).astype(kind)
    tolerance = 2 * np.finfo(kind).eps
    np.testing.assert_allclose(loop(table[name])(x), expected, rtol=tolerance)


@both_tables
def test_sine_and_cosine_in_one_loop(table):
    sin, cos = table["sin"], table["cos"]

    @numba.njit(error_model="numpy")
    def both(x):
        out = np.empty_like(x)
        for i in range(x.size):
            out[i] = sin(x[i]) * cos(x[i])
        return out

    kind = np.float64 if table is FLOAT64 else np.float32
    x = np.array([0.1, 1e30, -3.0, 2.0**50, 5e4] * 20, kind)
    strict = np.array([kind(sin(a)) * kind(cos(a)) for a in x], kind)
    np.testing.assert_array_equal(both(x), strict)
    real = "double" if table is FLOAT64 else "float"
    if not compiler.processor()["simd"].endswith("vectors"):
        pytest.skip("this processor has no vectors that Numba knows of")
    assert re.search(rf"fmul <\d+ x {real}>", next(iter(both.inspect_llvm().values())))
