"""Optimizer objects against references that share no code with them."""

import copy
import pickle

import numpy as np
import pytest
from reference import REFERENCES
from rule_options import CASES, name, reference_options

import fastopt
from fastopt import rules, schedules

CLASSES = {rules.options_class(rules.get(m)).__name__: m for m in fastopt.methods()}
each_class = pytest.mark.parametrize("name", [*CLASSES, "AdamW"])
# One class for each number of state arrays, which is all that the ways to an array know of a rule.
SIZES = {
    sum(rules.uses(rules.get(m), rules.options_class(rules.get(m))())): c
    for c, m in CLASSES.items()
}
each_size = pytest.mark.parametrize("name", SIZES.values())
RNG = np.random.default_rng(8)
RATES = [0.05 / (1 + t % 7) for t in range(12)]


def falling(t):
    return RATES[int(t) - 1]


def class_of(method):
    return getattr(fastopt, next(c for c, m in CLASSES.items() if m == method))


def close(ours, theirs, epsilons=16):
    for a, b in zip(ours, theirs, strict=True):
        bound = epsilons * np.finfo(a.dtype).eps * np.maximum(1.0, abs(b))
        assert a.shape == b.shape
        assert (abs(a - b) <= bound).all()


def many(apart):
    """Arrays of several shapes and orders of memory; some with elements that lie apart."""
    shapes = [(7,), (3, 4), (), (0, 2), (2, 3, 4), (1,)]
    made = [*(RNG.normal(size=shape) for shape in shapes), RNG.normal(size=(5, 3)).T]
    return made + [RNG.normal(size=(4, 6))[:, ::2], RNG.normal(size=(3, 2))[::-1]] * apart


def gradients(xs):
    return [[RNG.normal(size=x.shape).astype(x.dtype) for x in xs] for _ in RATES]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_every_option_steps_as_the_paper_says(case):
    method, options = case
    xs = many(apart=not options)
    grads, start = gradients(xs), [x.copy() for x in xs]
    opt = class_of(method)(falling, **options)
    for step in grads:
        assert opt.step(xs, step) is None
    assert opt.t == len(RATES)
    options = reference_options(method, options)
    for k, x0 in enumerate(start):
        run = REFERENCES[method](x0, [g[k] for g in grads], RATES, np.float64, **options)
        close([xs[k]], [list(run)[-1]])


@each_size
def test_one_array_or_many_fresh_gradients_or_not_are_the_same_bits(name):
    """A single array has a way of its own; so have arrays whose elements lie apart."""
    dtype = np.float32 if name in ("RMSProp", "Adam", "SGD") else np.float64
    x0 = RNG.normal(size=9).astype(dtype)
    grads = [g for (g,) in gradients([x0])]
    wide = np.zeros(18, dtype)[::2]
    wide[...] = x0
    ends, kept = [], np.empty_like(x0)
    for params in (x0.copy(), [x0.copy()], {"a": {"b": (wide,)}}):
        opt, x = getattr(fastopt, name)(0.1, weight_decay=0.01), params
        while not isinstance(x, np.ndarray):
            x = next(iter(x.values())) if isinstance(x, dict) else x[0]
        for t, g in enumerate(grads):
            kept[...] = g
            given = kept if t % 3 else g.copy()
            given = {np.ndarray: given, list: [given], dict: {"a": {"b": [given]}}}[type(params)]
            opt.step(params, given)
        ends.append(x)
    assert (ends[0] != x0).any()
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_allclose(ends[0], ends[2], rtol=4 * np.finfo(dtype).eps)


def test_mixed_dtypes_and_nested_structures():
    params = {"w": np.ones((2, 2), np.float32), "rest": [np.ones(3), (np.ones(1, np.float32),)]}
    grads = {"rest": ([np.full(3, 0.5), [np.ones(1, np.float32)]]), "w": -np.ones((2, 2), "f4")}
    opt = fastopt.SGD(0.5)
    opt.step(params, grads)
    np.testing.assert_array_equal(params["w"], np.full((2, 2), 1.5))
    np.testing.assert_array_equal(params["rest"][0], [0.75] * 3)
    np.testing.assert_array_equal(params["rest"][1][0], [0.5])


# What stands around the rule.


@pytest.mark.parametrize("decoupled", [False, True])
@each_size
def test_weight_decay_clipping_and_direction(name, decoupled):
    method = CLASSES[name]
    decay, limit, norm = 0.1, 0.8, 2.0
    x0s = [RNG.normal(size=n) for n in (5, 3)]
    grads = gradients(x0s)
    opt = class_of(method)(
        falling,
        weight_decay=decay,
        decoupled_weight_decay=decoupled,
        clip_value=limit,
        clip_norm=norm,
        maximize=True,
    )
    xs, seen = [x.copy() for x in x0s], []
    clipped = 0
    for t, step in enumerate(grads):
        whole = np.sqrt(sum((g**2).sum() for g in step))
        clipped += whole > norm
        factor = min(1.0, norm / whole)
        fed = [np.clip(-factor * g, -limit, limit) for g in step]
        seen.append([g if decoupled else g + decay * x for g, x in zip(fed, xs, strict=True)])
        before = [x.copy() for x in xs]
        opt.step(xs, step)
        for k, (x, old) in enumerate(zip(xs, before, strict=True)):
            run = REFERENCES[method](
                np.zeros_like(x), [s[k] for s in seen], RATES[: t + 1], np.float64
            )
            *_, last = [np.zeros_like(x), *run][-2:]
            previous = [
                np.zeros_like(x),
                *REFERENCES[method](
                    np.zeros_like(x), [s[k] for s in seen[:-1]], RATES[:t], np.float64
                ),
            ][-1]
            wanted = old + (last - previous) - decoupled * RATES[t] * decay * old
            close([x], [wanted], 64)
    assert 0 < clipped < len(grads) or clipped == len(grads)


def test_adamw_is_adam_with_decoupled_decay():
    a, b, g = np.ones(3), np.ones(3), np.array([1.0, -2.0, 0.0])
    for _ in range(3):
        fastopt.AdamW(0.1).step(a, g)
        fastopt.Adam(0.1, weight_decay=0.01, decoupled_weight_decay=True).step(b, g)
    np.testing.assert_array_equal(a, b)
    assert a[2] == pytest.approx((1 - 0.1 * 0.01) ** 3)


def test_the_norm_is_that_of_all_arrays_whatever_the_threads(monkeypatch):
    from fastopt.targets.cpu.steps import shared_steps

    g = RNG.normal(size=3_000_000)
    ends = []
    for least in (shared_steps.BYTES_TO_CALL, 1 << 60):
        monkeypatch.setattr(shared_steps, "BYTES_TO_CALL", least)
        xs = [np.zeros_like(g), np.zeros(3, np.float32)]
        opt = fastopt.SGD(1.0, clip_norm=1.0)
        opt.step(xs, [g, np.ones(3, np.float32)])
        ends.append(xs[0])
    np.testing.assert_array_equal(*ends)
    norm = np.sqrt((g**2).sum() + 3.0)
    np.testing.assert_allclose(ends[0], -g / norm, rtol=1e-12)


def test_schedules_and_setting_the_rate():
    x, g = np.zeros(2), np.ones(2)
    opt = fastopt.SGD(schedules.exponential(1.0, decay=0.5))
    for _ in range(3):
        opt.step(x, g)
    assert x[0] == -1.75
    opt.learning_rate = 10.0
    assert opt.learning_rate == 10.0
    opt.step(x, g)
    assert x[0] == -11.75
    opt.learning_rate = lambda t: t
    opt.step(x, g)
    assert x[0] == -16.75
    with pytest.raises(ValueError, match="learning_rate = -1"):
        opt.learning_rate = -1.0
    assert callable(opt.learning_rate)


def test_groups():
    params = {
        "body": {"weight": np.ones(2), "bias": np.ones(2)},
        "head": {"weight": np.ones(2), "bias": np.ones(2)},
    }
    zeros = {k: {n: np.zeros(2) for n in v} for k, v in params.items()}
    opt = fastopt.SGD(
        0.5,
        weight_decay=0.5,
        groups={"bias": {"weight_decay": 0.0}, "head": {"learning_rate": 1.0}, "body.bias": {}},
    )
    opt.step(params, zeros)
    assert params["body"]["weight"][0] == 0.75
    assert params["head"]["weight"][0] == 0.5
    assert params["body"]["bias"][0] == params["head"]["bias"][0] == 1.0
    opt.learning_rate = 0.25
    opt.step(params, zeros)
    assert params["body"]["weight"][0] == 0.75 * 0.875
    assert params["head"]["weight"][0] == 0.25


def test_groups_by_place_with_options_of_the_rule():
    xs, g = [np.zeros(2), np.zeros(2)], [np.ones(2), np.ones(2)]
    opt = fastopt.RMSProp(1.0, groups={1: {"momentum": 0.5, "centered": True, "eps": 1.0}})
    one, two = fastopt.RMSProp(1.0), fastopt.RMSProp(1.0, momentum=0.5, centered=True, eps=1.0)
    x1, x2 = np.zeros(2), np.zeros(2)
    for _ in range(3):
        opt.step(xs, g)
        one.step(x1, g[0])
        two.step(x2, g[0])
    np.testing.assert_array_equal(xs, [x1, x2])
    assert set(opt.state_dict()["arrays"]["0"]) == {"v", "carry"}
    assert set(opt.state_dict()["arrays"]["1"]) == {"v", "mean", "buffer", "carry"}


# The functional form.


@each_size
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_updates_are_what_a_step_adds(name, decay):
    make = lambda: getattr(fastopt, name)(falling, weight_decay=decay)  # noqa: E731
    xs = [RNG.normal(size=4), RNG.normal(size=(2, 3)).astype(np.float32)]
    moved, opt, functional = [x.copy() for x in xs], make(), make()
    state, params = functional.init(xs), [x.copy() for x in xs]
    for g in gradients(xs):
        kept = copy.deepcopy((g, state, params))
        updates, new = functional.update(g, state, params if decay else None)
        np.testing.assert_equal((g, state, params), kept)
        params, state = [p + u for p, u in zip(params, updates, strict=True)], new
        opt.step(moved, g)
    assert functional.t == 0
    assert state["t"] == len(RATES)
    close(params, moved, 64)


def test_updates_keep_the_structure_and_say_what_they_need():
    opt = fastopt.AdamW(0.1)
    params = {"a": np.ones(2), "b": (np.ones(1),)}
    state = opt.init(params)
    with pytest.raises(ValueError, match="weight decay needs params"):
        opt.update(params, state)
    updates, _ = opt.update(params, state, params)
    assert set(updates) == {"a", "b"}
    assert isinstance(updates["b"], tuple)


# Saving.


@each_class
def test_a_restored_optimizer_goes_on_with_the_same_bits(name):
    xs = [RNG.normal(size=5), RNG.normal(size=(2, 3)).astype(np.float32)]
    grads = gradients(xs)
    make = lambda: getattr(fastopt, name)(falling, weight_decay=0.1)  # noqa: E731
    opt = make()
    for g in grads[:6]:
        opt.step(xs, g)
    saved, others = opt.state_dict(), []
    for restored in (make(), make(), pickle.loads(pickle.dumps(opt)), copy.deepcopy(opt)):
        if restored.t == 0:
            restored.load_state_dict(copy.deepcopy(saved))
        others.append((restored, [x.copy() for x in xs]))
    assert {type(v) for own in saved["arrays"].values() for v in own.values()} <= {
        np.ndarray,
        float,
    }
    for g in grads[6:]:
        opt.step(xs, g)
        for restored, ys in others:
            restored.step(ys, g)
    for restored, ys in others:
        assert restored.t == opt.t
        np.testing.assert_equal(ys, xs)
        np.testing.assert_equal(restored.state_dict(), opt.state_dict())


def test_states_that_do_not_fit():
    x = np.ones(3)
    opt = fastopt.RMSProp(0.1)
    assert opt.state_dict()["arrays"] == {}
    opt.step({"w": x}, {"w": x.copy()})
    state = opt.state_dict()
    assert state["arrays"]["w"]["v"] is not opt.state_dict()["arrays"]["w"]["v"]

    def refused(match, other=None, params=None, **changed):
        other = other or fastopt.RMSProp(0.1)
        params = params or {"w": np.ones(3)}

        def go_on():
            other.load_state_dict({**state, **changed})
            other.step(params, copy.deepcopy(params))

        with pytest.raises(ValueError, match=match):
            go_on()

    refused("of another format", format=99)
    refused("state of rmsprop, not of adam", fastopt.Adam(0.1))
    refused("'u' is in params only", params={"u": np.ones(3)})
    refused(r"array of shape \(3,\)", params={"w": np.ones(4)})
    refused("lacks 'buffer'", fastopt.RMSProp(0.1, momentum=0.5))
    with pytest.raises(ValueError, match="no state_dict"):
        opt.load_state_dict([1, 2])


BAD_STATES = {
    "t below zero": lambda s: s.update(t=-5),
    "t is NaN": lambda s: s.update(t=np.nan),
    "t is infinite": lambda s: s.update(t=np.inf),
    "t is half": lambda s: s.update(t=1.5),
    "t is text": lambda s: s.update(t="3"),
    "t is None": lambda s: s.update(t=None),
    "t is a bool": lambda s: s.update(t=True),
    "t is an array": lambda s: s.update(t=np.ones(2)),
    "skipped is NaN": lambda s: s.update(skipped=np.nan),
    "skipped below zero": lambda s: s.update(skipped=-1),
    "another rule's": lambda s: s.update(method="rmsprop"),
    "unknown key": lambda s: s.update(rate=0.5),
    "unknown slot": lambda s: s["arrays"]["w"].update(h=np.ones(3)),
    "a slot is missing": lambda s: s["arrays"]["w"].pop("v"),
    "of different shapes": lambda s: s["arrays"]["w"].update(v=np.ones(4)),
    "of different types": lambda s: s["arrays"]["w"].update(v=np.ones(3, np.float32)),
    "of integers": lambda s: s["arrays"]["w"].update(v=np.ones(3, int)),
    "of objects": lambda s: s["arrays"]["w"].update(v=np.array([1.0, None, 2.0])),
    "ragged": lambda s: s["arrays"]["w"].update(v=[[1.0], [1.0, 2.0]]),
    "masked": lambda s: s["arrays"]["w"].update(v=np.ma.ones(3)),
    "carry is NaN": lambda s: s["arrays"]["w"].update(carry=np.nan),
    "carry is text": lambda s: s["arrays"]["w"].update(carry="x"),
    "a name that is none": lambda s: s["arrays"].update({3: s["arrays"].pop("w")}),
    "the last of two": lambda s: s["arrays"].update(z={"carry": "x"}),
}


@pytest.mark.parametrize("spoil", BAD_STATES.values(), ids=BAD_STATES)
def test_a_state_that_is_refused_changes_nothing(spoil):
    x, g = {"w": np.ones(3)}, {"w": np.arange(3.0)}
    opt = fastopt.Adam(0.1)
    opt.step(x, g)
    other = {"w": x["w"].copy()}
    twin = copy.deepcopy(opt)
    state = opt.state_dict()
    state["t"] = 7
    spoil(state)
    with pytest.raises(ValueError, match="state"):
        opt.load_state_dict(state)
    assert (opt.t, opt.skipped) == (1, 0)
    opt.step(x, g)
    twin.step(other, g)
    np.testing.assert_array_equal(x["w"], other["w"])


def test_a_state_of_other_groups_is_refused():
    opt, other = fastopt.Adam(0.1), fastopt.Adam(0.1, groups={"u": {"learning_rate": 1.0}})
    opt.step({"w": np.ones(3)}, {"w": np.ones(3)})
    with pytest.raises(ValueError, match="groups has 'u'"):
        other.load_state_dict(opt.state_dict())
    assert other.t == 0
