"""Narrowed code computes what it did: integers exactly, floats to float32's precision.

It is meant for devices; here Numba compiles it for the CPU, which has the same IR and types.
"""

import math

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.rewrites.registry import Rewrite, rewrite_registry

from fastopt.compiling.compiler import is_plain, link
from fastopt.compiling.float32_constants import narrowed
from fastopt.derivatives import substitutions
from fastopt.derivatives.forward.operators import float32_arithmetic

SCALE, LARGE, PAIR, GRID = 1.5, 70_000, (2, 0.1), np.array([0.1, 0.2])
whole = st.integers(-(10**6), 10**6)
small = st.integers(-40_000, 40_000)
real = st.floats(-1e4, 1e4, width=32)


@pytest.fixture(scope="module", autouse=True)
def rewriting():
    """The rewrite, for the time of this module."""
    known = rewrite_registry.rewrites["before-inference"]
    ours = float32_arithmetic.rewrite(Rewrite)
    known.append(ours)
    yield
    known.remove(ours)


def compiled(function):
    def wrap(linked, _original):
        return numba.njit(error_model="python")(linked)

    # Numba for the CPU folds the arguments of max and min into a tuple; those of the device are
    # tested in tests/cuda_compile.
    table = substitutions.meanings(None, True, np.float32)
    replace = {key: value for key, value in table.items() if key not in (id(max), id(min))}
    return link(function, {}, wrap, top=wrap, narrow=np.float32, follow=is_plain, replace=replace)


def test_constants():
    """Floats are narrowed wherever they stand; integers and all else are what they were."""
    outer = 0.1

    def function(x, rate=0.1, count=3, *, shift=0.2):
        return 0.1 * x + rate, outer, SCALE, PAIR, LARGE, 2, "0.1", (lambda: 0.3)(), shift, math.pi

    new = link(function, {}, lambda f, _: f, narrow=np.float32)
    old = function(np.float32(2))
    for before, after in zip(old, new(np.float32(2)), strict=True):
        if isinstance(before, float | np.float32) and before is not math.pi:
            assert type(after) is np.float32
            assert after == np.float32(before)
    assert new(np.float32(2))[3] == (2, np.float32(0.1))
    assert [type(v) for v in new(np.float32(2))[4:7]] == [int, int, str]
    assert new.__defaults__ == (np.float32(0.1), 3)
    assert type(function.__defaults__[0]) is type(PAIR[1]) is float  # the user's own are untouched


def test_constants_that_float32_has_not():
    assert narrowed(1e300, np.float32) == np.inf
    assert narrowed((1e-300, -0.0, 7), np.float32) == (0.0, 0.0, 7)
    assert math.isnan(narrowed(math.nan, np.float32))
    assert narrowed(GRID, np.float32).dtype == np.float32
    for same in (True, 7, "a", None, (1, 2), np.float32(0.1), np.arange(3), len):
        assert narrowed(same, np.float32) is same


def index(i, j):
    return i * 2 + 1 - j // 2 + (j % 2 == 0) - i % 7 + abs(j) + (-i) // 3


def large(i, j):
    return i * 1_000_000 + 40_000 * j - 32_768 + LARGE * i + (300 * 300) * 300


def overflowing(i, j):
    k = 300
    if i > j:
        k = j
    return k * k * k + 32_767 * 32_767 - (k + 32_767)


def accumulated(i, j):
    total = 0
    count = -5
    for k in range(abs(i) % 50):
        total += k * i
        count -= 1
        total -= j
    return total * 3 + count


def branches(i, j):
    s = 7 if i > 3 else j
    if s == 7:
        return 1
    n = 30_000
    n *= s
    return n + max(s, 3) - min(i, 12, j)


def bits(i, j):
    k = 1
    k <<= abs(j) % 20
    return (i & 255) | (k << 3) ^ (j >> 2)


def powers_of_integers(i, j):
    return i**2 + (j % 10) ** 3 + 2 ** (abs(i) % 20)


def items(i, j):
    t = (3, 5, 8)
    k = 0
    while k < abs(i) % 3:
        k += 1
    return t[k] + t[2] * t[-1] + t[abs(j) % 3]


INTEGERS = [index, large, overflowing, accumulated, branches, bits, powers_of_integers, items]


@pytest.mark.parametrize("function", INTEGERS, ids=lambda f: f.__name__)
def test_integers_are_exact(function):
    """To the last digit, and integers they stay."""
    narrow = compiled(function)

    @given(whole, small)
    @settings(deadline=None, max_examples=150)
    def check(i, j):
        got = narrow(i, j)
        assert isinstance(got, int)
        assert got == function(i, j)

    check()


def mixed(x, y, i, j):
    return 2 * x - y / 3 + i * 0.5 + j / 7 + (i + 1) * x - x // 2 + (x > 1) + SCALE * j


def loops(x, y, i, j):
    s = 0
    for k in range(abs(j) % 9):
        s += k * x - (k + 1) / 4 + y
    return s + PAIR[1] * i + PAIR[0] * x


def functions(x, y, i, j):
    s = math.sqrt(abs(j) + 1) + x * 2 - y / 2 + float(i) + abs(y)
    return s + math.atan2(x, 1) + (x if i > j else 0) + x**2 + y**-1 if y > 1 else s + GRID[1]


def comparisons(x, y, i, j):
    return (x < 1) + 2 * (y >= j) + 4 * (x == 0) + 8 * (i != x) + 16 * (i < j)


@pytest.mark.parametrize("function", [mixed, loops, functions], ids=lambda f: f.__name__)
def test_floats_are_close(function):
    """And the type is float32: Numba returns it as a Python float that float32 has."""
    narrow = compiled(function)

    @given(real, real, small, small)
    @settings(deadline=None, max_examples=150)
    def check(x, y, i, j):
        got = narrow(np.float32(x), np.float32(y), i, j)
        size = (abs(x) + abs(y) + 2) * (abs(j) % 9 + 3) + abs(x * (i + 1)) + abs(i) + abs(j) + x * x
        if abs(x - round(x)) > 1e-2:  # // jumps there
            assert got == np.float32(got)
            assert got == pytest.approx(function(x, y, i, j), abs=4e-6 * size)

    check()
    kinds = numba.float32, numba.float32, numba.int64, numba.int64
    assert numba.typeof(narrow).get_call_type(narrow.typingctx, kinds, {}).return_type == kinds[0]


def test_comparisons_agree():
    narrow = compiled(comparisons)

    @given(real, real, st.integers(-1000, 1000), st.integers(-1000, 1000))
    @settings(deadline=None)
    def check(x, y, i, j):
        assert narrow(np.float32(x), np.float32(y), i, j) == comparisons(x, y, i, j)

    check()


def expressions(leaves, operators):
    def larger(inner):
        return st.tuples(inner, st.sampled_from(operators), inner).map(
            lambda p: f"({p[0]} {p[1]} {p[2]})"
        )

    return st.recursive(st.sampled_from(leaves), larger, max_leaves=8)


@given(
    expressions(["i", "j", "1", "3", "-2", "500", "40000"], ["+", "-", "*", "<", "==", "-"]),
    st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99)), min_size=5, max_size=5),
)
@settings(deadline=None, max_examples=12)
def test_any_integer_expression(text, pairs):
    scope = {"__name__": __name__}
    exec(f"def function(i, j):\n    s = 0\n    s += {text}\n    return s", scope)
    narrow = compiled(scope["function"])
    for i, j in pairs:
        expected = scope["function"](i, j)
        if abs(expected) < 2**62:
            assert narrow(i, j) == expected
