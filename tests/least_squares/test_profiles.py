"""The search for the ends of profiles, on misfits in closed form."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from fastopt.intervals import profiles
from fastopt.results.intervals import APPROXIMATE, AT_BOUND, CUT, FOUND, OPEN, TURNS


class Formula:
    """Refits whose misfit is a formula of the first parameter; the second one follows it."""

    def __init__(self, misfit, low=-math.inf, high=math.inf, fails=lambda p: False):
        self.misfit, self.fails, self.rounds, self.fits = misfit, fails, 0, 0
        self.low, self.high = np.array([low, -math.inf]), np.array([high, math.inf])

    def again(self, starts, low, high):
        assert (low[:, 0] == high[:, 0]).all()
        assert (starts[:, 0] == low[:, 0]).all()
        self.rounds += 1
        self.fits += len(starts)
        costs = [0.5 * self.misfit(p) for p in starts[:, 0]]
        found = np.column_stack([starts[:, 0], 3.0 * starts[:, 0]])
        success = np.isfinite(costs) & ~np.array([self.fails(p) for p in starts[:, 0]])
        return SimpleNamespace(x=found, cost=np.array(costs), success=success)


def ends(refits, qs=(2.0,), x=0.0, stderr=1.0):
    fit = SimpleNamespace(x=np.array([[x, 3.0 * x]]), cost=np.array([0.5 * refits.misfit(x)]))
    errors, cov = np.array([stderr, 3.0 * stderr]), stderr**2 * np.array([[1.0, 3.0], [3.0, 9.0]])
    _, found, better = profiles.trace(refits, fit, (0,), sorted(qs), errors, cov, 1.0)
    if better is not None:
        return better
    return [[side[q] for q in sorted(qs)] for side in found]


def test_a_parabola_takes_one_round_for_all_levels():
    refits = Formula(lambda p: p * p)
    assert ends(refits, (1.0, 2.0, 3.0)) == [
        [(-1.0, FOUND), (-2.0, FOUND), (-3.0, FOUND)],
        [(1.0, FOUND), (2.0, FOUND), (3.0, FOUND)],
    ]
    assert (refits.rounds, refits.fits) == (1, 24)


@pytest.mark.parametrize("stderr", [1e-3, 0.7, 50.0, math.inf])
def test_curved_profiles(stderr):
    """The misfit of an exponential: tau = exp(p) - 1 upwards, 1 - exp(p) downwards."""
    refits = Formula(lambda p: math.expm1(min(p, 300.0)) ** 2)
    low, high = ends(refits, (0.5, 0.9), stderr=stderr)
    for side, sign in ((low, -1), (high, 1)):
        for (end, status), q in zip(side, (0.5, 0.9), strict=True):
            assert status == FOUND
            assert end == pytest.approx(math.log1p(sign * q), rel=1e-6)
    assert refits.rounds <= 16
    low, high = ends(refits, (1.5,), stderr=stderr)
    assert low == [(-math.inf, OPEN)]


def test_bounds_jumps_and_edges():
    assert ends(Formula(lambda p: p * p, high=1.5))[1] == [(1.5, AT_BOUND)]
    assert ends(Formula(lambda p: p * p, high=0.0))[1] == [(0.0, AT_BOUND)]
    assert ends(Formula(lambda p: p * p, high=2.0))[1] == [(2.0, FOUND)]
    [(end, status)] = ends(Formula(lambda p: p * p if p < 1.25 else math.inf))[1]
    assert status == CUT
    assert end == pytest.approx(1.25, rel=1e-9)
    [(end, status)] = ends(Formula(lambda p: p * p if p < 1.25 else 9.0 * p))[1]
    assert status == TURNS
    assert end == pytest.approx(1.25, rel=1e-9)


def turning(p):
    """Return a misfit whose root rises to 3 at p = 1.5, falls to 1 at p = 2.5 and rises again."""
    tau = 2 * p if p < 1.5 else 6 - 2 * p if p < 2.5 else p - 1.5
    return tau**2


def test_profiles_that_turn_back():
    # The thresholds 2.5 and 4 are searched at once: points beyond the first crossing tell.
    [(end, status), (far, other)] = ends(Formula(turning), (2.5, 4.0), stderr=0.75)[1]
    assert (status, other) == (TURNS, TURNS)
    assert end == pytest.approx(1.25, rel=1e-6)
    assert far == pytest.approx(5.5, rel=1e-6)


def test_a_lower_misfit_ends_the_search():
    better = ends(Formula(lambda p: p * p if p < 1 else 1 - 4 * (p - 1)))
    assert better.tolist() == [1.5, 4.5]


def test_refits_that_fail_make_an_end_approximate():
    low, high = ends(Formula(lambda p: p * p, fails=lambda p: p > 0))
    assert low == [(-2.0, FOUND)]
    assert high == [(2.0, APPROXIMATE)]
