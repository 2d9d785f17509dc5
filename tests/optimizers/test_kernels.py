"""Steps inside users' compiled code, against the optimizer objects."""

import subprocess
import sys

import numpy as np
import pytest
from numba import njit
from rule_options import OPTIONS

import fastopt
from fastopt import rules, schedules

CASES = [  # one, two and three slots, some of them None
    ("rmsprop", OPTIONS["rmsprop"][-1], np.float32),
    ("adam", OPTIONS["adam"][-1], np.float64),
    ("nadam", {}, np.float64),
    ("sgd", {"momentum": 0.5}, np.float32),
]
RNG = np.random.default_rng(3)


def maker(method):
    return getattr(fastopt, rules.options_class(rules.get(method)).__name__)


def slots(method, options, x):
    rule = rules.get(method)
    uses = rules.uses(rule, rules.options_class(rule)(**options))
    v0 = options.get("initial_accumulator", 0.0)
    return tuple(
        np.full_like(x, v0 if slot == "v" else 0.0) if use else None
        for slot, use in uses._asdict().items()
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_a_compiled_loop_steps_as_the_object(case):
    method, options, dtype = case
    step = getattr(fastopt.kernels, method)

    @njit
    def walk(x, grads, state, table):
        for k in range(len(grads)):
            step(x, grads[k], state, table[k])

    how = {"learning_rate": schedules.exponential(0.1), "weight_decay": 0.1, "clip_value": 1.0}
    x0, grads = RNG.normal(size=7).astype(dtype), RNG.normal(size=(5, 7)).astype(dtype)
    opt = maker(method)(**how, **options)
    x, y = x0.copy(), x0.copy()
    for g in grads:
        opt.step(x, g)
    table = maker(method)(**how, **options).coefficients(5)
    walk(y, grads, slots(method, options, x), table)
    if method == "rmsprop":
        z = np.repeat(x0, 2)[::2]
        walk(z, grads, slots(method, options, z), table)
        np.testing.assert_array_equal(y, z)
    assert (abs(y - x) <= 4 * np.finfo(dtype).eps * np.maximum(1.0, abs(x))).all()
    if method not in ("rmsprop", "adam"):
        return
    state = slots(method, options, x)
    for g, c in zip(grads, table, strict=True):
        step(x0, g, state, c.astype(dtype))  # from Python too, in either dtype
    assert (abs(x0 - x) <= 4 * np.finfo(dtype).eps * np.maximum(1.0, abs(x))).all()


def test_coefficients_may_be_a_tuple_and_slots_missing():
    @njit
    def once(x, g, v, c):
        fastopt.kernels.rmsprop(x, g, (v, None), (c[0], c[1], *c[2:]))

    opt, x, y, g = fastopt.RMSProp(0.1), np.ones(3), np.ones(3), np.full(3, 0.5)
    opt.step(x, g)
    once(y, g, np.zeros(3), tuple(fastopt.RMSProp(0.1).coefficients(1)[0]))
    np.testing.assert_allclose(y, x, rtol=1e-15)


def test_what_is_refused():
    bad = [
        ((np.ones((2, 2)), np.ones((2, 2)), (np.ones(2),)), "rmsprop takes vectors of one dtype"),
        ((np.ones(2), np.ones(2, "f4"), (np.ones(2),)), "rmsprop takes vectors of one dtype"),
        ((np.ones(2), np.ones(2), 4 * (np.ones(2),)), "rmsprop's state has 3 arrays at most"),
    ]

    @njit
    def once(x, g, state, c):
        fastopt.kernels.rmsprop(x, g, state, c)

    for arguments, message in bad:
        with pytest.raises(Exception, match=message):
            once(*arguments, np.ones(13))
    with pytest.raises(AttributeError, match=r"fastopt.kernels' has no attribute 'rmsprob'"):
        fastopt.kernels.rmsprob  # noqa: B018


def test_they_are_listed():
    assert {*fastopt.methods(), "cuda"} == set(dir(fastopt.kernels))
    assert "v" in fastopt.kernels.rmsprop.__doc__


def test_a_method_that_is_first_named_in_compiled_code():
    """Numba asks the module for it while it compiles: in a process where nobody has before."""
    code = """
import fastopt, numba, numpy as np
@numba.njit
def walk(x, v, c):
    fastopt.kernels.adagrad(x, x, (v,), c)
x = np.ones(2)
walk(x, np.zeros(2), fastopt.AdaGrad(0.25).coefficients(1)[0])
print(x.round(6))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "[0.75 0.75]", run.stderr
