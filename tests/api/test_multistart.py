"""Multistart: every minimum once, the best first."""

import numpy as np
import pytest
from scipy.optimize import Bounds

import fastopt

BOX = [(-3.0, 3.0), (-2.0, 2.0)]


def camel(x):
    """Six-hump camel (Dixon and Szegö 1978): six minima, two of them global."""
    a, b = x[0] ** 2, x[1] ** 2
    return (4 - 2.1 * a + a * a / 3) * a + x[0] * x[1] + (4 * b - 4) * b


# Its stationary points that are minima, refined from the literature's five digits by Newton steps.
MINIMA = [[0.08984201, -0.71265640], [-1.70360671, 0.79608357], [-1.60710475, -0.56865145]]


def test_finds_all_six_minima():
    res = fastopt.multistart(camel, BOX, 64)
    assert res.success
    assert res.fun == pytest.approx(-1.0316284534898774, abs=1e-12)
    expected = np.array([sign * np.array(x) for x in MINIMA for sign in (1, -1)])
    assert res.minima.shape == (6, 2)
    gaps = np.abs(res.minima[:, None] - expected[None]).max(axis=2)
    np.testing.assert_array_less(gaps.min(axis=0), 1e-5)
    assert (np.diff(res.minima_fun) > -1e-12).all()
    assert res.minima_count.sum() == res.starts.success.sum()
    np.testing.assert_array_equal(res.minima[0], res.x)
    assert len(res.starts.fun) == 64
    assert res.message.startswith("6 minima from 64 starts.")


def test_starts_are_reproducible_spread_and_inside():
    first, again = (fastopt.multistart(camel, BOX, 50) for _ in range(2))
    np.testing.assert_array_equal(first.starts.x, again.starts.x)
    other = fastopt.multistart(camel, Bounds([-3, -2], [3, 2]), 50, rng=3)
    assert (other.starts.nfev != first.starts.nfev).any()
    low, high = np.array(BOX).T
    options = {"maxiter": 0}
    starts = fastopt.multistart(camel, BOX, 64, options=options).starts.x
    assert np.all((starts >= low) & (starts <= high))
    cells = np.floor((starts - low) / (high - low) * 8).astype(int)
    assert len({tuple(cell) for cell in cells}) >= 60  # Sobol: nearly one in each of 64 cells


def test_none_converged():
    res = fastopt.multistart(camel, BOX, 8, options={"maxiter": 0})
    assert not res.success
    assert res.minima.shape == (0, 2)
    assert res.fun == res.starts.fun.min()


def test_ties_and_failures():
    def well(x, lowest):
        return np.log(x[0] - lowest) ** 2

    res = fastopt.multistart(well, [(-1.0, 3.0)], 16, (0.5,))
    assert res.x[0] == pytest.approx(1.5, abs=1e-6)
    assert (res.starts.status == -1).any()
    assert len(res.minima) == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"bounds": [(0, 1), (0, None)]}, r"component 1 are \(0, inf\); they must be finite"),
        ({"bounds": None}, "bounds = None"),
        ({"bounds": [(1, 0)]}, "low above high"),
        ({"n_starts": 0}, "n_starts = 0"),
        ({"n_starts": 2.5}, "n_starts = 2.5; it must be a whole number"),
        ({"n_starts": np.inf}, "n_starts = inf; it must be between"),
        ({"bounds": [(0, 1), (0,)]}, "bounds must be 2 pairs"),
        ({"distance": -1.0}, "distance = -1"),
        ({"rng": "dice"}, "rng = 'dice'; it must be a whole number"),
    ],
)
def test_bad_arguments(given, says):
    with pytest.raises((TypeError, ValueError), match=says):
        fastopt.multistart(**{"fun": camel, "bounds": BOX, **given})
