"""A few random programs; `programs.py` is a command for thousands."""

import math

import numba
import numpy as np
import programs
import pytest
from numba.core import ir

import fastopt
from fastopt.derivatives.forward.duals.dual_number import DualArray
from fastopt.derivatives.forward.operators.evaluation_order import Order
from fastopt.derivatives.forward.operators.loop_fusion import Fusion

# Programs with the fault in question.
MOVES, LOST = 3379, 3306
pytestmark = pytest.mark.filterwarnings("ignore:'@' is faster on contiguous arrays")


# They have four, ten, six and four parameters; the last goes through the public function, and the
# one before in float32 too.
@pytest.mark.parametrize(
    ("seed", "full"), [(2002, False), (2001, False), (2029, False), (2017, True)]
)
def test_values_and_gradients(seed, full):
    found, text = programs.check(seed, full)
    assert found in ("", "skipped"), text


def of_data(x, t, k):
    total = np.sum(np.cos(k) * 1.0) + np.sum(np.exp(k) - np.exp2(k) * np.expm1(k))
    total += np.sum(np.float_power(k, 0.7) * np.clip(k, 0, 2)) + np.sin(k[1]) * math.exp(k[2])
    total += np.sum(np.clip(t, -0.5, 0.6)) + np.clip(t[0], 0.1, 0.2) * np.clip(t[4], 0, 1)
    return x[0] * total + x[1]


def test_functions_of_whole_numbers_and_clip_of_data():
    data = np.array([0.3, 0.9, -4.0, math.inf, 0.7]), np.array([0, 1, 2, 3, 0])
    x = np.array([1.5, 2.0])
    with programs.quick():
        f, g = fastopt.value_and_grad(of_data, size=2)(x, *data)
    assert f == pytest.approx(of_data(x, *data), rel=1e-14)
    assert g == pytest.approx([(f - 2.0) / 1.5, 1.0], rel=1e-14)


def test_clip_of_data_lets_nan_pass_and_the_upper_bound_wins():
    @numba.njit
    def fun(x, t):
        clipped = np.clip(t, 1.0, -1.0)
        return x[0] * clipped[0] + np.sum(np.where(np.isnan(np.clip(t, 0.0, 1.0)), 7.0, 0.0))

    with programs.quick():
        f, g = fastopt.value_and_grad(fun, size=1)(np.ones(1), np.array([0.5, math.nan]))
    assert (f, g[0]) == (6.0, -1.0)


def test_programs_find_an_expression_that_moves_past_a_write(monkeypatch):
    monkeypatch.setattr(Order, "match", lambda *_: False)
    assert "value" in programs.check(MOVES)[0]


def test_programs_find_an_expression_that_is_lost(monkeypatch):
    match = Fusion.match

    def taken_out(self, func_ir, block, typemap, calltypes):
        found = match(self, func_ir, block, typemap, calltypes)
        for statement in block.find_insts(ir.Assign):
            numbas = getattr(statement.value, "op", None) == "arrayexpr"
            if numbas and not isinstance(typemap[statement.target.name], DualArray):
                self.grown(statement.value.expr)
        return found

    monkeypatch.setattr(Fusion, "match", taken_out)
    try:
        found, _ = programs.check(LOST)
    except Exception as error:  # what is read may be of any size
        found = f"value: {error}"
    assert "value" in found


def summed_first(x, t, y):
    s = 0.0
    for i in range(2):
        s += x[i] * x[0]
    return np.sum((s * t - y) ** 2)


def in_loops(x, t, y):
    s = 0.0
    for i in range(2):
        s += x[i] * x[0]
        for _ in range(2):
            r = s * t
            s = s + r[0] * 0.1
    b = s * t
    b[0] = x[1]
    return np.sum((math.sin(s) * t - y) ** 2) + np.sum(b[::-1] * t)


@pytest.mark.parametrize("fun", [summed_first, in_loops])
def test_a_number_that_begins_as_zero_times_data(fun):
    x, args = np.array([1.0, 0.5]), (np.array([1.0, 2.0]), np.ones(2))
    with programs.quick():
        f, g = fastopt.value_and_grad(fun, size=2)(x, *args)
    assert f == pytest.approx(fun(x, *args), rel=1e-14)
    assert g == pytest.approx(programs.differences(fun, x, args), rel=1e-9)


def data_or_not(x, t):
    a = t[::2]
    if x[0] > 0.0:
        a = (x * t)[::2]
    return np.sum(a * a)


def test_one_name_for_data_and_for_what_depends_on_x():
    """In forward mode it is refused; reverse mode takes its place."""
    t = np.array([2.0, 1.0])
    with programs.quick():
        slope = fastopt.value_and_grad(data_or_not, size=2)
        for start, right in (([3.0, 1.0], [24.0, 0.0]), ([-3.0, 1.0], [0.0, 0.0])):
            assert slope(np.array(start), t)[1].tolist() == right
        slope = fastopt.value_and_grad(data_or_not, size=2, jac="forward")
        with pytest.raises(Exception, match="the same name is an array of plain num"):
            slope(np.ones(2), t)
