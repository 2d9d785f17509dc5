"""Every rule, under every option, against references that share no code with it."""

import functools
import inspect
import json
import pathlib
import pkgutil
import re

import hypothesis
import llvmlite.binding as llvm
import numpy as np
import pytest
from hypothesis import strategies as st
from reference import REFERENCES
from replay import in_place, replay
from rule_options import (
    CASES,
    OPTIONS,
    REPRESENTATIVES,
    name,
    reference_options,
    representative_methods,
)

import fastopt
from fastopt import rules
from fastopt.targets.cpu import cpu_target as cpu

DATA = json.loads(
    (pathlib.Path(__file__).parents[1] / "data").joinpath("trajectories.json").read_text()
)
DTYPES = (np.float64, np.float32)
WIDER = {np.float64: np.longdouble, np.float32: np.float64}
# LLVM 20 and older, of the lowest Numbas, contract other multiply-adds: 4.005 was measured there.
ULPS = {np.float64: 4 if llvm.llvm_version_info[0] > 20 else 4.01, np.float32: 8}
# Where the reference keeps a rule's slots, if not under the slot's own name.
KEPT_AS = {("adamax", "v"): "u", ("adam", "top"): "largest", ("rmsprop", "buffer"): "b"}
KEPT_AS["sgd", "buffer"] = "b"
# Rules whose trajectories by other libraries are stored in float64 only.
FIRST = "adagrad", "rmsprop", "adadelta", "adam", "adamax", "nadam", "sgd"
NEWER = [method for method in fastopt.methods() if method not in FIRST]
EACH = [(method, options) for method, rows in OPTIONS.items() for options in (rows[0], rows[-1])]

every_case = pytest.mark.parametrize("case", CASES, ids=name)
both_dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
each_rule = pytest.mark.parametrize("method", fastopt.methods())


def make_gradients(steps, n, dtype, seed=2012):
    """Magnitudes from 1e-4 to 1e3, a tenth of them zero; element 0 is zero for two steps."""
    rng = np.random.default_rng(seed)
    g = rng.choice([-1.0, 1.0], (steps, n)) * 10.0 ** rng.uniform(-4, 3, (steps, n))
    g[rng.random((steps, n)) < 0.1] = 0.0
    g[:2, :1] = 0.0
    return g.astype(dtype)


def make_rates(steps):
    """A rate that falls and rises again."""
    return [0.05 / (1.0 + 0.1 * (t % 50)) for t in range(steps)]


@every_case
@both_dtypes
@pytest.mark.parametrize("size", [0.0, 1.0], ids="from {}".format)
def test_each_step_is_exact_to_a_few_ulp(case, dtype, size):
    """One step from the same x and state as the reference, which computes in the next wider type.

    Before each step x and the rule's state are set to the reference's, rounded. The error of x
    after it is counted in units in the last place of the largest of |x|, |step| and the |step|
    before (a step with momentum is a sum of terms of the size of the step before: where they
    cancel, their rounding remains). At x = 0 this is the step's own relative error.
    """
    if np.finfo(WIDER[dtype]).eps >= np.finfo(dtype).eps:
        pytest.skip("long double is no wider than float64 here")
    method, options = case
    n, steps = 256, 12
    x = (size * np.random.default_rng(1).normal(size=n)).astype(dtype)
    gradients, rates = make_gradients(steps, n, dtype), make_rates(steps)
    wide = np.array(x, WIDER[dtype])
    reference = REFERENCES[method](
        x.copy(), gradients, rates, WIDER[dtype], **reference_options(method, options)
    )
    before, last = x.copy(), 0.0
    for state in in_place(method, x, gradients, rates, options):
        after = next(reference)
        step, wide = wide - after, after
        size = np.maximum(np.maximum(abs(before), abs(step)), abs(last)).astype(dtype)
        unit = np.spacing(np.maximum(size, np.finfo(dtype).tiny))
        assert np.max(abs(x - (before - step)) / unit) <= ULPS[dtype]
        x[:], last = before - step, step
        before = x.copy()
        kept = inspect.getgeneratorlocals(reference)
        for slot, array in zip(rules.get(method).S._fields, state, strict=True):
            array[:] = kept[KEPT_AS.get((method, slot), slot)]


@pytest.mark.parametrize("method", NEWER)
def test_float32_trajectories_of_the_newer_rules(method):
    """Fifty steps in float32, against the reference in float64: at most 8 ulp for each step.

    No trajectory of these rules in float32 is stored. The ulp of a step are those of the largest of
    |x|, |step| and the |step| before, as above, and here the errors of the state add up.
    """
    x0, rates = np.random.default_rng(3).normal(size=256).astype(np.float32), make_rates(50)
    gradients = make_gradients(50, 256, np.float32)
    ours = np.array(list(replay(method, x0, gradients, rates, np.float32)), np.float64)
    theirs = np.array(list(REFERENCES[method](x0, gradients, rates, np.float64)))
    points = np.vstack([x0[None], theirs])
    steps = abs(np.diff(points, axis=0))
    before = np.vstack([np.zeros((1, 256)), steps[:-1]])
    sizes = np.maximum(np.maximum(abs(points[:-1]), steps), before).astype(np.float32)
    allowed = ULPS[np.float32] * np.cumsum(np.spacing(sizes), axis=0, dtype=np.float64)
    assert steps.max() > 0.01
    assert (abs(ours - theirs) <= allowed).all(), (abs(ours - theirs) / allowed).max()


@every_case
def test_a_thousand_steps_stay_together(case):
    method, options = case
    gradients, rates = make_gradients(1000, 32, np.float64), make_rates(1000)
    start = np.random.default_rng(2).normal(size=32)
    ours = np.array(list(replay(method, start, gradients, rates, np.float64, options)))
    theirs = np.array(
        list(
            REFERENCES[method](
                start, gradients, rates, np.float64, **reference_options(method, options)
            )
        )
    )
    assert np.max(abs(ours - theirs) / np.maximum(1.0, abs(theirs))) <= 1e-12


@pytest.mark.parametrize("case", DATA["cases"], ids=lambda c: c["name"])
def test_trajectories_of_other_libraries(case):
    """torch, optax and Keras: to 16 epsilons of max(1, |x|) in float64, 4 in float32."""
    gradients = DATA["gradients"][case["gradients"]]
    ours = replay(
        case["method"], case["x0"], gradients, case["rates"], case["dtype"], case["options"]
    )
    theirs = np.array(case["trajectory"])
    error = abs(np.array(list(ours), np.float64) - theirs) / np.maximum(1.0, abs(theirs))
    epsilons = {"float64": 16, "float32": 4}[case["dtype"]]
    assert error.max() <= epsilons * np.finfo(case["dtype"]).eps


@pytest.mark.parametrize(
    ("method", "options", "expected"),
    [
        ("rmsprop", {"eps": 1e-7}, [-0.5811, 0.4189, 1.4189, 2.4189]),
        (
            "adagrad",
            {"eps": 1e-7, "initial_accumulator": 0.1},
            [0.5233, 1.5007, 2.5005, 3.5061],
        ),
    ],
)
@both_dtypes
def test_table_that_keras_tests_against(method, options, expected, dtype):
    (x,) = replay(method, [1, 2, 3, 4], [[1, 6, 7, 2]], [0.5], dtype, options)
    np.testing.assert_allclose(x, expected, rtol=0, atol=5e-5)


def test_every_option_of_every_rule_is_in_the_table():
    assert set(OPTIONS) == set(REFERENCES) == set(fastopt.methods())
    kinds = [{len(rules.get(m).S._fields) for m in ms} for ms in (OPTIONS, REPRESENTATIVES)]
    assert kinds[0] == kinds[1], "a number of slots that no representative rule has"
    for method, rows in OPTIONS.items():
        defaults = rules.options_class(rules.get(method))()._asdict()
        del defaults["learning_rate"]  # given step by step
        changed = {key for row in rows for key, value in row.items() if value != defaults[key]}
        assert changed == set(defaults), method


# Properties of the sweep.

cases = st.tuples(st.sampled_from(EACH), st.sampled_from(DTYPES))
few = hypothesis.settings(max_examples=30)


def walk(case, x, gradients, **how):
    """x, moved in place by a few steps."""
    (method, options), _ = case
    for _ in in_place(method, x, gradients, make_rates(len(gradients)), options, **how):
        pass
    return x


def same_bits(a, b):
    return a.tobytes() == b.tobytes()  # both in C order


@few
@hypothesis.given(case=cases, n=st.integers(1, 70), seed=st.integers(0, 2**32 - 1))
def test_elements_do_not_know_each_other(case, n, seed):
    x, gradients = np.linspace(-2, 2, n, dtype=case[1]), make_gradients(3, n, case[1], seed)
    order = np.random.default_rng(seed).permutation(n)
    permuted = walk(case, x[order], gradients[:, order])
    assert same_bits(permuted, walk(case, x, gradients)[order])


def strided(a):
    """The same values, every other element of a larger array."""
    big = np.full((*a.shape[:-1], 2 * a.shape[-1]), 7.0, a.dtype)
    view = big[..., ::2]
    view[...] = a
    return view


def reverse(a):
    return a[..., ::-1].copy()[..., ::-1]


def offset(a):
    big = np.zeros(a.size + 1, a.dtype)
    view = big[1:].reshape(a.shape)
    view[...] = a
    return view


def swapped(a):
    """Axes in an order that is neither C's nor Fortran's."""
    return np.moveaxis(np.moveaxis(a, 0, -1).copy(), -1, 0)


LAYOUTS = (np.array, strided, reverse, offset, swapped, functools.partial(np.array, order="F"))


@few
@hypothesis.given(
    case=cases,
    layouts=st.tuples(*3 * [st.sampled_from(LAYOUTS)]),
    shape=st.sampled_from([(), (1,), (40,), (5, 7), (2, 3, 4), (3, 1, 17), (0,), (2, 0)]),
)
def test_memory_order_does_not_change_bits(case, layouts, shape):
    dtype = case[1]
    x = np.linspace(-2, 2, int(np.prod(shape)), dtype=dtype).reshape(shape)
    gradients = list(make_gradients(3, x.size, dtype).reshape(3, *shape))
    of_x, of_g, of_state = layouts if x.ndim and x.size else 3 * [np.array]
    moved = walk(case, of_x(x), [of_g(g) for g in gradients], empty=of_state)
    assert moved.shape == shape
    assert same_bits(moved, walk(case, x, gradients))


FEW = [(each, layout) for each in EACH for layout in (np.array, strided)]
FEW = [(e, layout) for e, layout in FEW if layout is np.array or e[0] in representative_methods()]


@pytest.mark.parametrize(
    ("case", "layout"), FEW, ids=[f"{e}-{layout.__name__}" for e, layout in FEW]
)
@both_dtypes
def test_thread_count_does_not_change_bits(case, layout, dtype):
    """Strides are those of the slots, whatever the rule does with them."""
    case = case, dtype
    for n in [k + d for k in (0, 16, 32, 48, 96) for d in (-1, 0, 1) if k + d > 0]:
        x, gradients = np.linspace(-2, 2, n, dtype=case[1]), make_gradients(3, n, case[1])
        one, *more = (
            walk(case, layout(x), gradients, sweep=functools.partial(cpu.sweep, threads=threads))
            for threads in (1, 2, 3)
        )
        assert all(same_bits(one, other) for other in more), n


@few
@hypothesis.given(case=cases, n=st.integers(1, 40), data=st.data())
def test_nan_stays_in_its_element(case, n, data):
    x, gradients = np.linspace(-2, 2, n, dtype=case[1]), make_gradients(4, n, case[1])
    bad = data.draw(st.integers(0, n - 1))
    clean = walk(case, x.copy(), gradients)
    gradients[data.draw(st.integers(0, 3)), bad] = np.nan
    spoilt = walk(case, x, gradients)
    assert np.isnan(spoilt[bad])
    assert same_bits(np.delete(spoilt, bad), np.delete(clean, bad))


@every_case
@both_dtypes
def test_zero_gradient_at_the_start_keeps_x(case, dtype):
    if case[1].get("initial_mean"):
        pytest.skip("an average that starts elsewhere moves x")
    x = np.linspace(-2, 2, 19, dtype=dtype)
    walk((case, dtype), x, np.zeros((3, 19), dtype))
    assert same_bits(x, np.linspace(-2, 2, 19, dtype=dtype))


# The files.


def test_methods_are_the_module_files():
    files = {f.stem for f in pathlib.Path(rules.__file__).parent.glob("[!_]*.py")}
    assert set(fastopt.methods()) == files
    assert files == {m.name for m in pkgutil.iter_modules(rules.__path__) if m.name[0] != "_"}


@each_rule
def test_a_rule_is_a_short_file_that_names_its_paper(method):
    rule = rules.get(method)
    lines = inspect.getsource(rule).splitlines()
    assert len([line for line in lines if line.strip()]) < 40
    assert re.search(r"\((19|20)\d\d\)", rule.__doc__)
    assert set(getattr(rule, "NEEDS", {})) <= set(rule.S._fields)
