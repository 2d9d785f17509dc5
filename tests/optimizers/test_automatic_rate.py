"""Optimizer objects with learning_rate="auto"."""

import copy
import pickle
from collections import namedtuple

import numba
import numpy as np
import pytest

import fastopt
from fastopt import rules
from fastopt.algorithms.training import schedule_free

TARGET = np.array([[5.0, -3.0, 0.2], [1.0, 40.0, -7.0]])
CURVATURE = np.array([1.0, 10.0, 100.0])


def descend(opt, x, steps, target=TARGET, unit=1.0, noise=0.0):
    """Step towards the minimum of a quadratic, and return the average."""
    rng = np.random.default_rng(1)
    for _ in range(steps):
        opt.step(x, unit * CURVATURE * (x - target + noise * rng.normal(size=x.shape)))
    return opt.average(x)


def schedule_free_rmsprop(x0, gradient, steps, rho=0.9, eps=1e-8):
    """Return the average after some steps, from the papers' formulas in NumPy."""
    g = gradient(x0)
    unit = 2.0 ** -np.floor(np.log2(abs(g).max()))
    distance, gain, trace, weights = 1e-4 * (abs(x0).max() or 1.0), 0.0, np.zeros_like(x0), 0.0
    x, base, average, v, steps_squared, ratios = x0, x0, x0, np.zeros_like(x0), 0.0, 0.0
    keep = 1.0
    for t in range(1, steps + 1):
        g = unit * gradient(x)
        v = rho * v + (1.0 - rho) * g**2
        u = g / np.sqrt(v + eps)
        trace = keep * trace + g
        gain = keep * gain + np.sum(g * (x0 - x))
        steps_squared, ratios = steps_squared + np.mean(u**2), ratios + np.mean(u**2)
        before = distance
        distance = max(distance, gain / np.sum(abs(trace)))
        keep = 0.9995 * before / distance
        weights = 1.0 + weights * (before / distance) ** 2
        base = base - distance / np.sqrt(max(steps_squared, ratios) / t) * u
        average = average + (base - average) / weights
        x = 0.2 * base + 0.8 * average
    return average


@pytest.mark.parametrize("method", fastopt.methods())
def test_every_rule_takes_it(method):
    """The slots of the search have other names than those of any rule."""
    name = rules.options_class(rules.get(method)).__name__
    state = getattr(fastopt, name)("auto").init(np.ones(2))
    assert {*schedule_free.SLOTS} < state["arrays"]["params"].keys()


def test_the_papers_formulas():
    def gradient(x):
        return CURVATURE * (x - TARGET) + 0.1 * np.sin(3.0 * x)

    x0 = np.full((2, 3), 0.5)
    x, opt = x0.copy(), fastopt.RMSProp("auto")
    for _ in range(60):  # later, differences of rounding grow
        opt.step(x, gradient(x))
    expected = schedule_free_rmsprop(x0, gradient, 60)
    assert abs(expected - x0).max() > 1.0
    np.testing.assert_allclose(opt.average(x), expected, rtol=1e-9)


@pytest.mark.parametrize("unit_of_f", [1.0, 1e-12, 1e12])
@pytest.mark.parametrize("unit_of_x", [1e-9, 1.0, 1e9])
def test_no_units(unit_of_f, unit_of_x):
    target, x = TARGET * unit_of_x, np.zeros((2, 3))
    found = descend(fastopt.RMSProp("auto"), x, 1500, target, unit_of_f)
    assert (abs(found - target) < 1e-2 * abs(target).max()).all()


def test_a_minimum_near_a_large_start():
    x = np.full((2, 3), 1e6)
    found = descend(fastopt.RMSProp("auto"), x, 1500, 1e6 + TARGET * 1e-3)
    assert (abs(found - 1e6 - TARGET * 1e-3) < 1e-3).all()


def test_noise_is_averaged():
    found = descend(fastopt.RMSProp("auto"), np.zeros((2, 3)), 4000, noise=1.0)
    assert (abs(found - TARGET) < 0.2).all()


def test_a_first_step_that_overflows():
    x, opt = np.zeros(3), fastopt.RMSProp("auto", clip_norm=1.0)
    with np.errstate(over="ignore"):
        for _ in range(1500):
            opt.step(x, np.sinh(1e8 * x - 3.0))
    assert opt.skipped == 0
    np.testing.assert_allclose(1e8 * opt.average(x), 3.0, rtol=1e-2)


def test_later_gradients_that_are_not_finite():
    x, opt = np.zeros((2, 3)), fastopt.RMSProp("auto")
    descend(opt, x, 5)
    before = x.copy(), opt.state_dict()["search"]
    with pytest.raises(FloatingPointError, match="nothing has changed"):
        opt.step(x, np.full((2, 3), np.nan))
    assert (x == before[0]).all()
    assert opt.state_dict()["search"] == before[1]


def test_a_function_that_falls_without_end():
    for dtype in (np.float32, np.float64):
        x, opt = np.zeros(3, dtype), fastopt.RMSProp("auto")
        for _ in range(3000):
            opt.step(x, np.ones(3, dtype))
        assert np.isfinite(x).all()
        assert (x < -1e10).all()


def test_gradients_of_zero_first():
    x, opt = np.ones((2, 3)), fastopt.RMSProp("auto")
    for _ in range(3):
        opt.step(x, np.zeros((2, 3)))
    assert opt.distance == 0.0
    assert (opt.average(x) == 1.0).all()
    assert abs(descend(opt, x, 1500) - TARGET).max() < 0.1


def test_parameters_that_are_kept_in_bounds():
    rng, x, opt = np.random.default_rng(0), np.full(3, 2.0), fastopt.RMSProp("auto")
    for _ in range(3000):
        opt.step(x, x - np.array([-1.0, 1.0, 5.0]) + 0.1 * rng.normal(size=3))
        np.clip(x, 0.0, 3.0, out=x)
    np.testing.assert_allclose(opt.average(x), [0.0, 1.0, 3.0], atol=0.2)


def test_parameters_that_are_moved():
    x, opt = np.zeros((2, 3)), fastopt.RMSProp("auto")
    descend(opt, x, 300)
    average = opt.average(x)
    x[0] = 100.0
    assert (opt.average(x) == np.stack([x[0], average[1]])).all()
    assert (abs(descend(opt, x, 1500) - TARGET) < 0.1).all()


def test_tiny_gradients():
    for dtype, tiny in ((np.float32, 1e-44), (np.float64, 1e-320)):
        x, opt = np.full(3, 2.0, dtype), fastopt.RMSProp("auto", eps=1e-30)
        for _ in range(500):
            opt.step(x, tiny * np.sign(x - 1.0))
        assert (abs(opt.average(x) - 1.0) < 0.3).all()


def test_arrays_without_elements():
    params, opt = [np.zeros((0, 2)), np.zeros(0)], fastopt.RMSProp("auto")
    for _ in range(3):
        opt.step(params, [np.zeros((0, 2)), np.zeros(0)])
    assert opt.average(params)[0].shape == (0, 2)


def test_averages_are_nested_as_the_parameters():
    Pair = namedtuple("Pair", "w b")
    params, opt = (Pair(np.zeros(3), np.ones(2)), [np.zeros(1)]), fastopt.RMSProp("auto")
    opt.step(params, (Pair(np.ones(3), np.ones(2)), [np.ones(1)]))
    average = opt.average(params)
    assert [type(part) for part in average] == [Pair, list]
    assert type(average) is tuple
    assert (average[0].b == params[0].b).all()


def test_maximum_decay_and_clipping():
    options = {"maximize": True, "weight_decay": 0.5, "clip_value": 50.0}
    x, opt = np.zeros((2, 3)), fastopt.RMSProp("auto", **options)
    for _ in range(2000):
        opt.step(x, -CURVATURE * (x - TARGET))
    expected = CURVATURE * TARGET / (CURVATURE + 0.5)
    assert (abs(opt.average(x) - expected) < 0.05 * abs(TARGET).max()).all()


def state_of(opt, x):
    return [x.copy(), opt.average(x), opt.state_dict()["search"]]


def same(a, b):
    return all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))


@pytest.mark.parametrize("again", ["state_dict", "pickle", "copy"])
def test_states_continue_to_the_same_bits(again):
    whole = fastopt.RMSProp("auto", decoupled_weight_decay=True, weight_decay=1e-3)
    x, y = np.zeros((2, 3)), np.zeros((2, 3))
    descend(whole, x, 40)
    first = fastopt.RMSProp("auto", decoupled_weight_decay=True, weight_decay=1e-3)
    descend(first, y, 15)
    if again == "state_dict":
        second = fastopt.RMSProp("auto", decoupled_weight_decay=True, weight_decay=1e-3)
        second.load_state_dict(first.state_dict())
    else:
        second = pickle.loads(pickle.dumps(first)) if again == "pickle" else copy.copy(first)
    descend(second, y, 25)
    assert same(state_of(whole, x), state_of(second, y))
    assert second.t == 40
    second.reset()
    assert second.distance == 0.0


def test_updates_write_nothing():
    opt, in_place = fastopt.RMSProp("auto"), fastopt.RMSProp("auto")
    p, q = np.ones((2, 3)), np.ones((2, 3))
    state = opt.init(p)
    for _ in range(30):
        updates, state = opt.update(CURVATURE * (p - TARGET), state, p)
        p = p + updates
        assert (state["arrays"]["params"]["last_x"] == p).all()
    average = descend(in_place, q, 30)
    np.testing.assert_allclose(p, q, rtol=1e-12)
    np.testing.assert_allclose(opt.average(p, state), average, rtol=1e-12)
    assert opt.t == 0
    with pytest.raises(ValueError, match="after init or update give the state"):
        opt.average(p)
    opt.reset()
    assert (opt.average(p) == p).all()  # before the first step


def test_memory_orders_and_trees():
    plain, results = np.zeros((2, 3)), []
    expected = descend(fastopt.RMSProp("auto"), plain, 40)
    for x in (
        np.asfortranarray(np.zeros((2, 3))),
        np.zeros((2, 6))[:, ::2],
        np.zeros((2, 3))[::-1],
    ):
        results.append(descend(fastopt.RMSProp("auto"), x, 40))
        assert (x == plain).all()
    tree, opt = {"a": np.zeros(3), "b": [np.zeros(3)]}, fastopt.RMSProp("auto")
    for _ in range(40):
        a, b = (CURVATURE * (x - t) for x, t in zip((tree["a"], tree["b"][0]), TARGET, strict=True))
        opt.step(tree, {"a": a, "b": [b]})
    average = opt.average(tree)
    np.testing.assert_allclose([average["a"], average["b"][0]], expected, rtol=1e-9)
    assert all((r == expected).all() for r in results)


def test_the_same_bits_for_any_number_of_threads():
    n, found = 700_000, []
    target = np.random.default_rng(0).normal(size=n)
    for threads in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(threads)
        x, opt = np.zeros(n), fastopt.RMSProp("auto")
        for _ in range(4):
            opt.step(x, x - target)
        found.append(x)
    assert (found[0] == found[1]).all()


def wrong_state(search):
    opt = fastopt.RMSProp("auto")
    opt.load_state_dict({**opt.state_dict(), "search": search})


MISUSES = [
    (lambda opt: fastopt.RMSProp("Auto"), ValueError, 'must be "auto", a number or a schedule'),
    (lambda opt: fastopt.AdaGrad("auto", row_wise=True), ValueError, "row_wise needs a learning"),
    (
        lambda opt: fastopt.RMSProp("auto", groups={"b": {"learning_rate": 0.1}}),
        ValueError,
        "for all groups of arrays, or for none",
    ),
    (lambda opt: setattr(opt, "learning_rate", 0.1), ValueError, "cannot change from or to"),
    (lambda opt: opt.coefficients(3), TypeError, "coefficients need a learning_rate that is given"),
    (
        lambda opt: opt.step_rows(np.ones((3, 2)), [1], np.ones((1, 2))),
        TypeError,
        "rows and sparse gradients need a learning_rate that is given",
    ),
    (lambda opt: opt.update(np.ones(3), opt.init(np.ones(3))), ValueError, '"auto" needs params'),
    (lambda opt: opt.average(np.ones(4)), ValueError, r"params has shape \(4,\)"),
    (lambda opt: opt.average(np.ones(3), {"t": 0}), TypeError, "state must be what init"),
    (
        lambda opt: opt.load_state_dict(fastopt.RMSProp(0.1).state_dict()),
        ValueError,
        "that of an optimizer with a given learning_rate",
    ),
    (
        lambda opt: fastopt.RMSProp(0.1).load_state_dict(opt.state_dict()),
        ValueError,
        'that of an optimizer with learning_rate = "auto"',
    ),
    (lambda opt: wrong_state([1.0]), ValueError, "search must be 14 numbers"),
    (lambda opt: wrong_state([-1.0] * 14), ValueError, "numbers that no search has"),
    (lambda opt: wrong_state([np.inf] * 14), ValueError, "numbers that no search has"),
    (lambda opt: wrong_state("much"), ValueError, "search must be 14 numbers"),
]


@pytest.mark.parametrize(("call", "kind", "message"), MISUSES)
def test_misuse(call, kind, message):
    opt = fastopt.RMSProp("auto")
    opt.step(np.ones(3), np.ones(3))
    with pytest.raises(kind, match=message):
        call(opt)


def test_with_a_given_rate_the_average_is_a_copy():
    x, opt = np.zeros(3), fastopt.RMSProp(0.1)
    opt.step(x, np.ones(3))
    average = opt.average(x)
    assert (average == x).all()
    assert not np.shares_memory(average, x)
    assert opt.distance is None
