"""The passes for many parameters give the direction of the two-loop recursion."""

import numba
import numpy as np
import pytest

import fastopt
from fastopt.algorithms import direction, fused_passes, solve_loop
from fastopt.compiling import compiler
from fastopt.compiling.linker import link, undecorated
from fastopt.targets.common import loop_constants
from fastopt.targets.cpu import magnitudes

ONE = loop_constants.SINGLE_WORKER


def arrays_of(pairs, n):
    numbers = [np.zeros(shape) for shape in fused_passes.shapes(pairs, n)]
    return fused_passes.PairNumbers(*numbers)


def plainly(function, bindings):
    return link(function, bindings, undecorated)


def linked(function, **bindings):
    """The function in plain Python."""
    constants = {**loop_constants.numbers(np.dtype(float)), **ONE, "real": float, **bindings}
    return plainly(function, constants)


@pytest.mark.parametrize("common", [0.0, 0.7])
@pytest.mark.parametrize("pairs", [1, 3, 7])
def test_same_directions_as_the_recursion(pairs, common, monkeypatch):
    monkeypatch.setattr(fused_passes, "BLOCK", 5)  # the last of four blocks is shorter
    n, rng = 17, np.random.default_rng(pairs)
    root = rng.normal(size=(n, n))
    hessian = root @ root.T / n + np.eye(n)
    both = {}
    for fused in (False, True):
        accept = linked(direction.accept_trial, FUSED=fused)
        search = linked(direction.search_direction, FUSED=fused)
        along = arrays_of(pairs, n) if fused else np.zeros(2 * pairs)
        both[fused] = accept, search, along, np.zeros((2 * pairs, n))
    x, w, scale = np.zeros(n), rng.uniform(0.5, 2.0, n), np.ones(n)
    g, kept = hessian @ x - 1.0, 0
    for step in range(3 * pairs + 2):
        new = x + rng.normal(size=n)
        new_g = hessian @ new - 1.0
        if step == 2 * pairs:  # a pair that is not kept: f is not convex along it
            new_g = g - 0.1 * (new - x)
        found = []
        for accept, search, along, store in both.values():
            moved = x.copy(), g.copy(), new, new_g, w, scale.copy()
            sums = accept(*moved, store, along, float(kept))
            count = float(kept + (sums[1] > 0.0))
            p = np.zeros(n)
            slope = 0.0
            if sums[1] > 0.0:
                slope = search(*moved[:2], p, w, common, store, along, count, 1.0, x, x)
            found.append((*sums, slope, *p))
        np.testing.assert_allclose(found[1], found[0], rtol=1e-9, atol=1e-12)
        x, g, kept = new, new_g, int(count)
        w = w * rng.uniform(0.9, 1.1, n)
    assert kept == 3 * pairs + 1


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_largest_magnitude(dtype):
    """It is found among integers: in compiled code, and in the interpreter."""
    for bindings in (magnitudes.BINDINGS, magnitudes.PLAIN):
        constants = {**loop_constants.numbers(np.dtype(dtype)), **ONE, "real": dtype}
        constants.update(bindings, FUSED=True)
        compiled = bindings is magnitudes.BINDINGS
        largest = (compiler.jit if compiled else plainly)(solve_loop.largest, constants)
        for numbers in ([0.0, -0.0], [1.0, -3.0, 2.0] * 7, [1e-40, -2e-40], [1.0, -np.inf]):
            v = np.array(numbers, dtype)
            assert largest(v) == np.abs(v).max()
        assert np.isnan(largest(np.array([np.inf, -np.nan, 1.0], dtype)))


def test_a_problem_of_many_parameters():
    """The loop as it is compiled for them; the minimum is known. The last block is a short one."""

    @numba.njit
    def chain(x):
        f, g = 0.0, np.zeros_like(x)
        for i in range(x.size - 1):
            r, s = x[i + 1] - x[i] * x[i], 1.0 - x[i]
            f += 10.0 * r * r + s * s
            g[i] -= 40.0 * r * x[i] + 2.0 * s
            g[i + 1] += 20.0 * r
        return f, g

    start = np.full(2100, 0.5)
    assert start.size % fused_passes.BLOCK > 0
    res = fastopt.minimize(chain, start, jac=True, options={"maxcor": 7})
    assert res.success
    assert res.nfev < 80
    np.testing.assert_allclose(res.x, 1.0, rtol=1e-6)
