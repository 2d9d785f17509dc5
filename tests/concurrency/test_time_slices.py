"""How much work a slice gets."""

import math

import pytest

from fastopt.concurrency.time_slices import next_amount


def amounts(speeds, amount, **more):
    """Return the amounts of successive slices at these speeds."""
    found = [amount]
    for speed in speeds:
        found.append(next_amount(found[-1], found[-1], found[-1] / speed, **more))
    return found


def test_a_slice_lasts_fifty_milliseconds():
    """Whatever the speed was before, as soon as it has been measured."""
    found = amounts((2000.0, 2000.0, 400.0, 400.0, 8e4), 1.0)
    assert found == pytest.approx([1.0, 100.0, 100.0, 20.0, 20.0, 4000.0])
    assert next_amount(100.0, 3.0, 0.01) == pytest.approx(15.0)  # it ended early


def test_amounts_grow_by_a_factor_at_most():
    """The first slice is too short to measure a speed."""
    assert amounts([1e9] * 3, 1.0) == pytest.approx([1.0, 1e3, 1e6, 5e7])
    found = amounts([1e6] * 4, 32.0, growth=8.0)
    assert found == pytest.approx([32.0, 256.0, 2048.0, 16384.0, 50000.0])


@pytest.mark.parametrize(
    ("left", "right"), [(0.03, 30.0), (0.2, 50.0), (1e-9, 1.0), (0.0, 1.0), (-1.0, 1.0)]
)
def test_slices_end_with_the_time_that_is_left(left, right):
    assert next_amount(10.0, 10.0, 0.01, left) == pytest.approx(right)


def test_slices_without_work_or_time():
    """A slice in which nothing was done is followed by the least; a clock may stand still."""
    assert next_amount(7.0, 0.0, 0.01) == 1.0
    assert math.isfinite(next_amount(1.0, 1.0, 0.0))
