"""Reciprocal roots in steps over arrays: accuracy, special values, the same bits at any place."""

import functools

import numpy as np
import pytest
from numba import njit

import fastopt
from fastopt import rules
from fastopt.algorithms import solve_loop
from fastopt.compiling.compiler import jit
from fastopt.targets.cpu import array_roots
from fastopt.targets.cpu import cpu_target as cpu

RULE = rules.get("adagrad")
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
pytestmark = pytest.mark.skipif(
    not array_roots.are_reciprocal(RULE), reason="this processor has no estimate of 14 bits"
)


@functools.cache
def roots():
    @njit(error_model="numpy")
    def fill(u, y):
        for i in range(u.size):
            y[i] = array_roots.inverse_root(u[i])  # pyright: ignore[reportCallIssue]

    return fill


def inverse_roots(u):
    y = np.empty_like(u)
    roots()(u, y)
    return y


@both_dtypes
def test_an_inverse_root_is_right_to_an_ulp_wherever_it_is_in_a_vector(dtype):
    kind = np.finfo(dtype)
    rng = np.random.default_rng(3)
    u = 2.0 ** rng.uniform(kind.minexp - kind.nmant, kind.maxexp, 20_011)
    u = u[u < kind.max].astype(dtype)
    u[:2] = kind.smallest_subnormal, kind.max
    y, exact = inverse_roots(u), 1.0 / np.sqrt(u.astype(np.longdouble))
    assert np.max(abs(y - exact) / np.spacing(exact.astype(dtype))) <= 1.5
    for first in range(40):  # vectors, shorter vectors, and one by one
        part = u[first : first + 61 - first % 3].copy()
        np.testing.assert_array_equal(inverse_roots(part), y[first : first + part.size])


@both_dtypes
def test_zero_infinity_and_nan_have_the_inverse_roots_of_division(dtype):
    u = np.array([0.0, -0.0, np.inf, np.nan, -1.0, -np.inf], dtype)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.testing.assert_array_equal(inverse_roots(np.tile(u, 7)), np.tile(1.0 / np.sqrt(u), 7))


@both_dtypes
@pytest.mark.parametrize("eps", [0.0, 1e-8])
def test_steps_at_the_edges_are_those_of_root_and_division(dtype, eps):
    kind = np.finfo(dtype)
    roots = np.sqrt(np.array([0.0, kind.smallest_subnormal, kind.tiny, 1.0, kind.max], dtype))
    g = np.array([*roots, *-roots, 2.0 * roots[-1], kind.max, np.inf, -np.inf, np.nan], dtype)
    g, v = (array.ravel() for array in np.meshgrid(g, np.array([*roots**2, np.inf], dtype)))
    uses, c = RULE.S(True), np.array([0.5, eps, 0.0], dtype)
    plain = jit(solve_loop.sweep, cpu.rule_bindings(RULE, uses, np.dtype(dtype)))
    ends = []
    for run in (plain, cpu.kernel(RULE, uses, np.dtype(dtype))):
        x, s = np.zeros_like(g), v.copy()
        run(x, g, c, (s,), x, x, False)
        ends.append((x, s))
    np.testing.assert_allclose(ends[1][0], ends[0][0], rtol=4 * kind.eps)
    np.testing.assert_array_equal(ends[1][1], ends[0][1])


def test_decay_and_clipping_that_do_nothing_do_not_change_bits():
    """Steps without them have a loop of their own."""
    x = np.random.default_rng(4).normal(size=77).astype(np.float32)
    ends = []
    for options in ({}, {"clip_value": 1e30}):
        moved, opt = x.copy(), fastopt.AdaGrad(0.1, **options)
        for t in range(3):
            opt.step(moved, np.cos(x + np.float32(t)))
        ends.append(moved)
    np.testing.assert_array_equal(*ends)
