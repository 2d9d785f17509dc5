"""`style=`: random optimizers of torch, optax, Keras and timm, stored by data/make_styles.py."""

import json
import pathlib

import numpy as np
import pytest

import fastopt
from fastopt.optimizers import library_conventions

DATA = np.load((pathlib.Path(__file__).parents[1] / "data") / "styles.npz")
CASES = json.loads(str(DATA["cases"]))


def name(k):
    return f"{CASES[k]['library']}-{CASES[k]['class']}-{k}"


def of_the_power(case, t):
    """Ulp that optax's RAdam owes to XLA's beta2^t, which is up to 3e-16 off.

    The length of its average is a difference of numbers that are almost equal.
    """
    if (case["library"], case["class"]) != ("optax", "RAdam"):
        return 0.0
    beta2 = case["options"].get("beta2", 0.999)
    power, end = beta2**t, 2.0 / (1.0 - beta2) - 1.0
    now = end - 2.0 * t * power / (1.0 - power)
    return 2.0 * (end - now) / ((1.0 - power) * (now - 4.0)) if now > 4.0 else 0.0


@pytest.mark.parametrize("k", range(len(CASES)), ids=name)
def test_each_step_is_theirs_to_4_ulp(k):
    """From their x before each step; the state is our own, from the first step on.

    Ulp are those of the largest of |x|, |step| and the |step| before (as in test_rules: momentum
    is a sum of terms of the size of the step before, whose rounding stays where they cancel).
    """
    case = CASES[k]
    opt = getattr(fastopt, case["class"])(style=case["library"], **case["options"])
    before, last = DATA["x0"][k], 0.0
    for t, (g, after) in enumerate(zip(DATA["grads"][k], DATA["moved"][k], strict=True), 1):
        x = before.copy()
        opt.step([x], [g])  # a list, whose code other tests compile too
        step = abs(after - before)
        unit = np.spacing(np.maximum(np.maximum(abs(before), step), last))
        assert (abs(x - after) <= (4 + of_the_power(case, t)) * unit).all()
        before, last = after, step
    assert (DATA["moved"][k] != DATA["x0"][k]).any()


def test_the_data_have_every_method_of_every_style():
    seen = {(case["library"], case["class"].lower()) for case in CASES}
    styles = {
        (style, method) for style, own in library_conventions.STYLES.items() for method in own
    }
    decoupled = {(style, "adamw") for style, _ in styles if (style, "adam") in styles}
    assert seen == styles | decoupled | {("torch", "nadamw"), ("optax", "nadamw")}


def test_given_options_win():
    x, y = np.ones(3), np.ones(3)
    for _ in range(3):
        fastopt.RMSProp(0.1, style="torch", rho=0.5, eps_inside=True).step(x, np.ones(3))
        fastopt.RMSProp(0.1, rho=0.5).step(y, np.ones(3))
    np.testing.assert_array_equal(x, y)
