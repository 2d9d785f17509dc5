"""The tests that end a search, as functions of numbers."""

import numpy as np
import pytest

from fastopt.algorithms import convergence
from fastopt.algorithms.status_codes import FTOL, NO_STEP
from fastopt.compiling.linker import link, undecorated
from fastopt.targets.common import loop_constants

EPS = {dtype: float(np.finfo(dtype).eps) for dtype in (np.float64, np.float32)}
dtypes = pytest.mark.parametrize("dtype", EPS)


def linked(function, dtype=np.float64, **bindings):
    """The function with the constants of an element type, as plain Python."""
    return link(function, {**loop_constants.numbers(dtype), **bindings}, undecorated)


def end(dtype=np.float64, **changed):
    """Whether a search ends: by default near a minimum at which f is 2."""
    eps = EPS[dtype]
    about = {"gain": 8.0 * eps, "size": 1e-3, "f": 2.0, "pull": 0.0}
    about |= {"first_pull": 100.0, "first_f": 50.0, "kept": 3.0}
    kinds = {"EXACT": True, "CENTRAL": False, "BOUNDED": False}
    bindings = {name: changed.pop(name, usual) for name, usual in kinds.items()}
    return linked(convergence.converged, dtype, **bindings)(**{**about, **changed})


@dtypes
def test_a_gain_within_the_rounding_of_f_ends_if_f_is_level(dtype):
    eps = EPS[dtype]
    assert end(dtype)
    assert end(dtype, f=-2.0)
    assert not end(dtype, gain=1e3 * eps)
    assert end(dtype, gain=0.0)
    # The model is trusted to different degrees before and after the gradient has fallen.
    for pull, fallen, ends in ((0.5, True, True), (5.0, False, False), (0.5, False, True)):
        root = 2.0 * eps**0.5
        first_pull = 1e5 if fallen else 1e3 * root
        assert end(dtype, pull=pull * root, first_pull=first_pull) is ends
    # Beside a large constant, a gradient that jumps is within these degrees, but never falls.
    assert not end(dtype, pull=0.5 * root, first_pull=5.0 * root)
    assert end(dtype, pull=eps, first_pull=eps)
    assert end(pull=1e-5, first_pull=1.0)
    assert not end(pull=1e-5, first_pull=0.05)
    assert not end(pull=2e-5, first_pull=1.0)


@dtypes
def test_at_a_minimum_of_zero_the_size_of_the_step_decides(dtype):
    eps = EPS[dtype]
    near = {"f": 1e-9, "gain": 1e-9, "pull": 1e-7, "size": 0.01 * eps**0.5}
    assert end(dtype, **near)
    assert not end(dtype, **{**near, "size": 0.05 * eps**0.5})
    assert not end(dtype, **near, first_pull=1e-4)  # the gradient has not fallen
    assert not end(dtype, **near, kept=0.0)  # without pairs the step's size is a guess
    assert not end(dtype, **{**near, "gain": 1e-11})  # f is not zero, and can still fall
    # The first f was larger than such steps explain: it began in a place of another steepness.
    assert not end(dtype, **near, first_f=1e50)


def test_f_that_never_fell_is_at_no_minimum():
    """At a kink at zero the scales shrink with x, and the pull with them."""
    kink = {"f": 9.0, "first_f": 9.0, "pull": 1e-14}
    for exact in (True, False):
        assert not end(EXACT=exact, **kink, first_pull=1e3)
        assert final(EXACT=exact, **kink, first_pull=1e3) == NO_STEP
        assert end(EXACT=exact, **kink, first_pull=1e-4)  # it began near a minimum
        assert final(EXACT=exact, **kink, first_pull=1e-4) == FTOL
    assert end(f=0.0, gain=0.0, first_f=0.0)
    assert end(**{**kink, "pull": 0.0}, first_pull=1.0)  # without a slope, the first pull is 1
    assert end(BOUNDED=True, **kink, first_pull=1e13)  # a bound may block the first slope


@pytest.mark.parametrize("central", [False, True])
def test_differences_end_where_their_error_hides_a_gain(central):
    kind = {"EXACT": False, "CENTRAL": central}
    seen = EPS[np.float64] ** (2 / 3 if central else 1 / 2)
    level = {"gain": 2e-11, "f": 2.0, "pull": 1e-4, "first_pull": 1e3, "size": 1.0}
    assert end(**kind, **level)
    assert not end(**{**kind, "EXACT": True}, **level)
    assert not end(**kind, **{**level, "pull": 1e-3})
    assert not end(**kind, **{**level, "first_pull": 1.0})
    assert not end(**kind, **{**level, "gain": 1e-8})
    # Along a valley beside a large constant, the steps are short, and the slope is no error.
    assert not end(**kind, **{**level, "size": 1e-7, "pull": 2e-6})
    # Differences displace a minimum of zero, and f is level where their slope vanishes.
    zero = {"gain": 1e-17, "f": 1e-14, "first_f": 1.0, "pull": 0.5 * seen, "first_pull": 1.0}
    assert end(**kind, **zero, size=1e-5)
    assert not end(**{**kind, "EXACT": True}, **zero, size=1e-5)
    assert not end(**kind, **zero, size=1e-3)
    assert not end(**kind, **{**zero, "first_f": 1e-3}, size=1e-5)
    assert not end(**kind, **{**zero, "first_pull": 0.01}, size=1e-5)


def test_a_fall_to_zero_ends_where_f_has_vanished():
    assert end(f=1e-63, gain=1e-63, size=1.0, first_f=1.0)
    assert not end(f=1e-63, gain=1e-63, size=1.0, first_f=1e-3)
    assert not end(f=1e50, gain=1e50, size=1.0, first_f=1e120)
    assert not end(f=1e-20, gain=1e-20, size=1.0, first_f=1.0)
    assert end(f=0.0, gain=0.0)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("power", [-60, 60])
def test_units_of_f_change_no_verdict(power, exact):
    """Powers of two scale f, its slope and its changes exactly."""
    unit, rng = 2.0**power, np.random.default_rng(0)
    verdicts = []
    for _ in range(500):
        keys = "gain", "f", "pull", "first_pull", "first_f"
        about = dict(zip(keys, 10.0 ** rng.uniform(-20.0, 3.0, 5), strict=True))
        about |= {"size": 10.0 ** rng.uniform(-14.0, 0.0), "kept": float(rng.integers(0, 6))}
        scaled = {k: v if k in ("size", "kept") else unit * v for k, v in about.items()}
        verdicts.append(end(**about, EXACT=exact))
        assert end(**scaled, EXACT=exact) is verdicts[-1], about
    assert 20 < sum(verdicts) < 480


def start(dtype=np.float64, **changed):
    """Whether x0 is a minimum: by default two trials agree, and f rises visibly."""
    about = {"found": 1e-3, "before": 1.02e-3, "size": 1e-6, "f": 0.0, "rise": 1.0, "pull": 1.0}
    return linked(convergence.starts_at_minimum, dtype)(**{**about, **changed})


def test_a_start_at_a_minimum():
    assert start()
    assert start(f=1.0, rise=1.0, pull=1e-5)  # the gradient is small
    assert not start(f=1.0, rise=1.0, pull=1.0)  # the rise may be rounding
    assert not start(before=1e-2)  # the place shrinks with the trial: a wrong gradient, or a kink
    assert not start(found=1e-2, before=1e-3)
    assert not start(size=1e-3)  # the minimum is farther away than rounding
    assert start(np.float32, size=1e-2)
    assert not start(np.float32, size=1.0)


def final(**changed):
    about = {"pull": 1.0, "f": 1.0, "first_pull": 1e9, "first_f": 1e9}
    about |= {"left_over": 0.0, "ended": False, "jumps": False}
    bindings = {"EXACT": changed.pop("EXACT", True)}
    return linked(convergence.final_status, **bindings)(**{**about, **changed})


def test_the_status_where_no_decrease_is_found():
    assert final() == FTOL  # the slope has fallen
    assert final(first_pull=10.0) == NO_STEP
    assert final(first_pull=10.0, f=1e6) == FTOL  # f is level
    assert final(first_pull=10.0, f=1e6, jumps=True) == NO_STEP
    # The slope of differences falls in a narrow valley too. So f must have gone with it.
    assert final(EXACT=False) == NO_STEP
    assert final(EXACT=False, f=1e-7) == FTOL


@pytest.mark.parametrize("exact", [True, False])
@dtypes
def test_no_end_is_missed_where_no_vector_is_looked_at(dtype, exact):
    """What `near_the_end` refuses, `converged` refuses for the sizes and pulls that say most."""
    near = linked(convergence.near_the_end, dtype, EXACT=exact)
    ended = linked(convergence.converged, dtype, EXACT=exact)
    powers = 10.0 ** np.arange(-320.0, 300.0, 5.0)
    refused = 0
    for f in (*powers, 0.0, -1.0, np.inf, np.nan):
        for gain in (*(f * 10.0 ** np.arange(-25.0, 3.0)), 0.0, -1.0, np.inf, np.nan):
            for first_f in (1e-100, 1.0, 1e200):
                if not near(gain, f, first_f):
                    refused += 1
                    assert not ended(gain, 0.0, f, 0.0, 1.0, first_f, 3.0)
    assert (refused > 0) is exact


def test_a_large_fall_from_a_huge_gradient_is_no_floor():
    visible = 1e3 * EPS[np.float64]
    assert final(left_over=visible) == NO_STEP
    assert final(left_over=np.nan) == NO_STEP  # the slope overflowed
    assert final(left_over=visible, ended=True) == FTOL
    assert final(left_over=1e-3 * visible) == FTOL


def test_contradicting_trials_are_no_floor():
    assert final(left_over=-1e-20, ended=True) == NO_STEP
    assert final(left_over=-1e-20, f=1e9) == NO_STEP


def trials(rise, slope=-1.0, f=1.0, factor=0.1):
    """Whether trials contradict the slope, if f rises so at a fraction of the direction."""
    contradicts = linked(convergence.contradicts)
    fraction, before, already = 1.0, np.inf, False
    for _ in range(4):
        curve = rise(fraction) - fraction * slope
        found = -0.5 * slope * fraction**2 / curve
        if before < np.inf:
            already = contradicts(found, before, -slope * found, f, already)
        fraction, before = factor * fraction, found
    return already


@pytest.mark.parametrize("factor", [0.1, 0.25, 0.5])
def test_trials_contradict_a_wrong_slope_and_a_kink(factor):
    assert trials(lambda a: a, factor=factor)  # the other sign
    assert trials(lambda a: 0.0 * a, factor=factor)  # f does not change
    assert trials(lambda a: 20.0 * a, factor=factor)  # a kink
    assert not trials(lambda a: 1e6 * a**2 - a, factor=factor)
    assert not trials(lambda a: 3.0 * a**2 - a + a**3, factor=factor)
    # The place promises no visible gain, or f is noise.
    assert not trials(lambda a: 20.0 * a, f=1e15, factor=factor)
    assert not trials(lambda a: 1e4 + 0.0 * a, factor=0.1)


def test_a_slope_that_grows_downhill_is_no_noise():
    is_signal = linked(convergence.is_signal)
    assert is_signal(0.1, 1.0, 1.0, 0.3)  # hardly changed
    assert is_signal(-0.6, 1.0, -1.0, 0.3)  # f falls ever more steeply
    assert is_signal(0.6, -1.0, 1.0, 0.3)
    assert not is_signal(0.6, 1.0, 1.0, 0.3)  # it grew uphill
    assert not is_signal(-1.6, 1.0, -1.0, 0.3)  # it changed its sign
    assert not is_signal(0.6, 1.0, -1.0, 0.3)  # it fell
