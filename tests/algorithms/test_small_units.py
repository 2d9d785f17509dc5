"""Parameters and boxes in small units: difference steps, projected gradients, what stands still."""

import itertools
import math

import numba
import numpy as np
import pytest
from scipy.optimize._numdiff import approx_derivative

import fastopt

UNITS = [1e-12, 1e-9, 1e-6, 1e-3, 1.0, 1e6]


def in_units(unit):
    return lambda x: (x[0] / unit - 3.0) ** 2 + (x[0] / unit - 3.0) ** 4 + (x[1] - 2.0) ** 2


@pytest.mark.parametrize("jac", ["2-point", "3-point", "cs"])
@pytest.mark.parametrize("unit", UNITS)
def test_differences_are_relative(unit, jac):
    for start in ([unit, 1.0], [-unit, 1e-20], [1e3 * unit, 0.0]):
        res = fastopt.minimize(in_units(unit), start, jac=jac)
        assert res.success, (start, res)
        np.testing.assert_allclose(res.x, [3.0 * unit, 2.0], rtol=1e-3)


@pytest.mark.parametrize("learning_rate", ["auto", 1e-3])
def test_differences_of_a_plain_point(learning_rate):
    """The gradient at x itself, of each formula, for a textbook rate too."""
    x = np.array([1e-9, -2e-5, 0.3])
    wanted = np.array([-4e9, 1.6e5, 4.6])

    def fun(x):
        return (x[0] / 1e-9 - 3.0) ** 2 - 0.2 * (x[1] / 1e-5 - 2.0) ** 2 + (x[2] + 2.0) ** 2

    for jac in ("2-point", "3-point", "cs"):
        options = {"maxiter": 0, "learning_rate": learning_rate}
        res = fastopt.minimize(fun, x, jac=jac, options=options)
        np.testing.assert_allclose(res.jac, wanted, rtol=1e-6)


@pytest.mark.parametrize("jac", ["2-point", "3-point"])
def test_a_given_step_is_scipys(jac):
    ours, theirs, x0 = [], [], np.array([1000.0, 0.01, 0.0, -0.5])

    def fun(seen):
        return lambda x: (seen.append(x.tolist()), np.sum((x - 1.0) ** 2))[1]

    options = {"finite_diff_rel_step": 1e-4, "maxiter": 0}
    fastopt.minimize(fun(ours), x0, jac=jac, options=options)
    f = fun([])(x0)
    approx_derivative(fun(theirs), x0, jac, rel_step=1e-4, f0=f)
    assert all(any(np.allclose(a, b, rtol=1e-12, atol=0) for b in ours) for a in theirs)
    assert len(ours) == 1 + len(theirs)


def test_objectives_in_float32():
    """Steps of float64 are below their rounding: the start came back, with success."""
    t = np.linspace(0.0, 2.0, 21).astype("f4")
    y = (2.0 * np.exp(-1.5 * t)).astype("f4")

    def misfit(p, t, y):
        q = p.astype(np.float32)
        return np.sum((q[0] * np.exp(-q[1] * t) - y) ** 2)

    def wide(p, t, y):
        q = p.astype(np.float32)
        return np.sum((q[0] * np.exp(-q[1] * t) - y).astype(np.float64) ** 2)

    both = itertools.product((misfit, wide), ("2-point", "3-point"))
    for fun, jac in (*both, (numba.njit(misfit), "2-point"), (numba.njit(wide), "3-point")):
        res = fastopt.minimize(fun, [1.0, 1.0], (t, y), jac=jac)
        near = np.allclose(res.x, [2.0, 1.5], atol=1e-2)
        assert near or (not res.success and fun is wide), (jac, res)


@pytest.mark.parametrize("unit", [1e-20, 1e-12, 1e-9, 1e-3, 1.0, 1e6])
def test_compare_grad_in_any_units(unit):
    fun = in_units(unit)

    def jac(x, factor=1.0):
        r = x[0] / unit - 3.0
        return np.array([factor * (2.0 * r + 4.0 * r**3) / unit, 2.0 * (x[1] - 2.0)])

    for x in ([unit, 1.0], [3.0 * unit, 2.0], [3.0 * unit, 1.0]):
        assert fastopt.compare_grad(fun, x, jac=jac).success, x
    wrong = fastopt.compare_grad(fun, [unit, 1.0], jac=lambda x: jac(x, 1.001))
    assert (wrong.success, wrong.worst) == (False, (0,))
    tiny = fastopt.compare_grad(lambda x: 1e-15 * fun(x), [unit, 1.0], jac=jac)
    assert not tiny.success


@numba.njit
def farads(x):
    return (x[0] / 1e-9 - 5.0) ** 2 + 10.0 * (x[1] / 1e-9 - 2.0) ** 2


BOXES = [
    [(0.0, 1e-8), (0.0, 1e-8)],
    [(0.0, None), (0.0, None)],
    [(0.0, None), (0.0, 1e-8)],
    [(None, 1e-8), (0.0, 1.0)],
    [(-1e30, 1e30), (0.0, 1e-8)],
]


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("start", [[1e-9, 1e-9], [0.0, 0.0], [1e-8, 1e-8]])
def test_a_box_narrower_than_gtol(box, start):
    res = fastopt.minimize(farads, start, bounds=box)
    assert res.success, res
    np.testing.assert_allclose(res.x, [5e-9, 2e-9], rtol=1e-6)


def test_narrow_boxes_of_their_own():
    units = np.array([1e-9, 1e-4, 1.0, 1e5])

    @numba.njit
    def fun(x, unit):
        return (x[0] / unit - 5.0) ** 2 + (x[1] / unit - 2.0) ** 2

    box = np.stack([np.zeros((4, 2)), np.outer(units, [3.0, 10.0])], axis=-1)
    options = {"gtol": 0.0}
    for given in ({}, {"options": options}):
        res = fastopt.minimize_batch(fun, np.outer(units, [1.0, 1.0]), units, bounds=box, **given)
        assert res.success.all()
        np.testing.assert_allclose(res.x, np.outer(units, [3.0, 2.0]), rtol=1e-5)
    many = fastopt.multistart(farads, [(0, 1e-8), (0, 1e-8)], 16)
    assert len(many.minima) == 1


@pytest.mark.parametrize("rate", ["auto", 0.05])
@pytest.mark.parametrize("slope", [math.inf, -math.inf, math.nan])
def test_a_fixed_component_stops_no_other(slope, rate):
    def jac(x):
        return np.array([2.0 * (x[0] - 3.0), slope])

    res = fastopt.minimize(
        lambda x: (x[0] - 3.0) ** 2,
        [1.0, 2.0],
        jac=jac,
        bounds=[(None, None), (2.0, 2.0)],
        options={"learning_rate": rate},
    )
    np.testing.assert_allclose(res.x, [3.0, 2.0], atol=0.1 if rate != "auto" else 1e-6)
    assert res.status in (0, 1)


def test_an_infinite_slope_that_holds_at_a_bound():
    def jac(x):
        return np.array([2.0 * (x[0] - 3.0), math.inf if x[1] == 0.0 else 0.5 / math.sqrt(x[1])])

    res = fastopt.minimize(
        lambda x: (x[0] - 3.0) ** 2 + math.sqrt(x[1]),
        [1.0, 0.0],
        jac=jac,
        bounds=[(None, None), (0.0, 1.0)],
    )
    assert res.success
    np.testing.assert_allclose(res.x, [3.0, 0.0], atol=1e-6)
    same = fastopt.minimize(
        lambda x: (x[0] - 3.0) ** 2 + math.sqrt(1.0 - x[1]),
        [1.0, 1.0],
        jac=lambda x: np.array([2.0 * (x[0] - 3.0), -math.inf]),
        bounds=[(None, None), (0.0, 1.0)],
    )
    assert same.success
    np.testing.assert_allclose(same.x, [3.0, 1.0], atol=1e-6)
