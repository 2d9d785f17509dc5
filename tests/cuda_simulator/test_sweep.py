"""The CUDA sweep in Numba's simulator, thread by thread, against the CPU's."""

import numpy as np
import pytest
from replay import replay
from rule_options import CASES, OPTIONS, name

from fastopt import rules
from fastopt.targets.cuda.steps import step_on_device

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
cuda = pytest.importorskip("fastopt.targets.cuda.cuda_target")

DTYPES = (np.float64, np.float32)
EVERYWHERE = [(method, rows[-1]) for method, rows in OPTIONS.items()]


def test_this_is_the_simulator():
    assert cuda.simulated()


def agree(case, dtype, n, steps):
    """Both from one start.

    The simulator rounds after every operation, the CPU contracts multiply-adds: an ulp or so a
    step apart, so within 8 ulp of max(1, |x|) after a few steps.
    """
    method, options = case
    rng = np.random.default_rng(7)
    x0 = rng.normal(size=n)
    gradients = rng.normal(size=(steps, n)) * 10.0 ** rng.uniform(-2, 2, (steps, n))
    rates = [0.1 / t for t in range(1, steps + 1)]
    runs = (
        list(replay(method, x0, gradients, rates, dtype, options, **how))
        for how in ({"sweep": cuda.sweep}, {})
    )
    for ours, theirs in zip(*runs, strict=True):
        assert ours.dtype == dtype
        bound = 8 * np.finfo(dtype).eps * np.maximum(1.0, abs(theirs))
        assert (abs(ours.astype(float) - theirs) <= bound).all()
    # Adopt's first step, rprop's delayed one and that after a change of sign are zero.
    assert n == 1 or (ours != np.asarray(x0, dtype)).any()


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Blocks of 4 threads, at most 3 of them: 12 threads go over the elements."""
    monkeypatch.setattr(step_on_device, "THREADS", 4)
    monkeypatch.setattr(step_on_device, "BLOCKS_PER_SM", 3)
    monkeypatch.setattr(cuda.launches(), "multiprocessors", lambda device: 1)


@pytest.mark.parametrize("case", CASES, ids=name)
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.__name__)
def test_every_option(case, dtype):
    agree(case, dtype, n=7, steps=4)


@pytest.mark.parametrize("case", EVERYWHERE, ids=name)
@pytest.mark.parametrize("n", [1, 4, 5, 11, 12, 13, 30])
def test_fewer_elements_than_threads_and_more(case, n):
    agree(case, np.float64, n, steps=2)


@pytest.mark.parametrize("method", OPTIONS)
def test_unused_slots_are_not_touched(method):
    rule = rules.get(method)
    uses = rules.uses(rule, rules.options_class(rule)())
    c, _ = rule.coefficients(rules.options_class(rule)(), 0.1, 1.0, 1.0)
    state = tuple(np.zeros(3) if used else np.full(3, 7.0) for used in uses)
    cuda.sweep(rule, uses, np.ones(3), np.ones(3), np.array(c), state)
    assert all((array == 7.0).all() != used for array, used in zip(state, uses, strict=True))
