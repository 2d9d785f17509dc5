"""Differences of functions that round their values or arguments coarsely."""

import numpy as np
import pytest

import fastopt


def in_half_precision(x):
    return float(np.float16(x[0]) - 3) ** 2


def in_bins(x):
    return (np.floor(100 * x[0]) / 100 - 3) ** 2


@pytest.mark.parametrize("jac", ["2-point", "3-point"])
@pytest.mark.parametrize("fun", [in_half_precision, in_bins])
def test_a_level_start_is_left_by_longer_steps(fun, jac):
    """A bin is 1e-2 wide, and half precision has 1e-3: f is level between."""
    res = fastopt.minimize(fun, [1.0], jac=jac)
    assert res.x == pytest.approx([3.0], abs=0.04)  # half of the longest step, 0.02 of x


@pytest.mark.parametrize(("jac", "most"), [("2-point", 5), ("3-point", 7)])
def test_a_constant_costs_few_evaluations(jac, most):
    res = fastopt.minimize(lambda x: 5.0, [1.0], jac=jac)
    assert res.success
    assert res.nfev <= most
