"""Optimizer objects with learning_rate="auto" on device arrays, in Numba's simulator."""

import numpy as np
import pytest

import fastopt
from fastopt import rules
from fastopt.targets.cuda.steps import found_rate_launches, step_on_device

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
from numba import cuda

target = pytest.importorskip("fastopt.targets.cuda.cuda_target")
NAMES = {m: rules.options_class(rules.get(m)).__name__ for m in fastopt.methods()}
START = [np.full(5, 2.0), np.ones((2, 3), np.float32), np.zeros(0)]
SCALES = [np.array([1.0, 10.0, 0.1, 3.0, 1.0]), np.full((2, 3), 5.0, np.float32), np.zeros(0)]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(step_on_device, "THREADS", 2)
    monkeypatch.setattr(found_rate_launches, "ROW", 4)  # two rows and a part of one
    monkeypatch.setattr(target.launches(), "multiprocessors", lambda device: 1)


def slopes(params):
    """The gradient of a quadratic whose minimum is away from zero."""
    return [s * (x - x.dtype.type(0.5)) for s, x in zip(SCALES, params, strict=True)]


def on_host(arrays):
    return [a.copy_to_host() for a in arrays]


def assert_close(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol={8: 1e-12, 4: 1e-5}[b.itemsize], atol=1e-7)


@pytest.mark.parametrize("method", ["rmsprop", "adan", "rprop"])  # one slot, four, none called v
def test_the_same_steps_as_on_the_host(method):
    options = {"weight_decay": 0.1, "clip_value": 50.0}
    kind = getattr(fastopt, NAMES[method])
    one, two, host = kind("auto", **options), kind("auto", **options), [x.copy() for x in START]
    there = [cuda.to_device(x) for x in START]
    for _ in range(4):
        one.step(host, slopes(host))
        two.step(there, [cuda.to_device(g) for g in slopes(on_host(there))])
    assert one.distance > 2e-4  # it has grown
    assert two.distance == pytest.approx(one.distance, rel=1e-5)
    assert_close(on_host(there), host)
    averages = two.average(there)
    assert_close(on_host(averages), one.average(host))
    other = kind("auto", **options)
    other.load_state_dict(two.state_dict())
    one.step(host, slopes(host))
    other.step(there, [cuda.to_device(g) for g in slopes(on_host(there))])
    assert_close(on_host(there), host)


@pytest.mark.filterwarnings("ignore:.*invalid value")
def test_it_begins_again_where_the_first_step_was_too_long():
    """Behind the first point the function rises steeply, or overflows."""
    for steep in (1e12, np.inf):

        def gradient(x, steep=steep):
            with np.errstate(invalid="ignore"):
                return np.where(x < 2.0 - 1e-6, -steep, 1.0) * np.ones(3)

        one, two, host = fastopt.AdaGrad("auto"), fastopt.AdaGrad("auto"), np.full(3, 2.0)
        there = cuda.to_device(host)
        for k in range(4):
            one.step(host, gradient(host))
            two.step(there, cuda.to_device(gradient(there.copy_to_host())))
            np.testing.assert_allclose(there.copy_to_host(), host, rtol=1e-12)
            if k == 1:
                np.testing.assert_array_equal(host, np.full(3, 2.0))
        assert two.distance == one.distance < 2e-4


def test_policies_and_the_norm():
    x, opt = cuda.to_device(np.full(3, 2.0)), fastopt.RMSProp("auto", clip_norm=1.0)
    host, same = np.full(3, 2.0), fastopt.RMSProp("auto", clip_norm=1.0)
    for _ in range(3):
        opt.step(x, cuda.to_device(5.0 * x.copy_to_host()))
        same.step(host, 5.0 * host)
    np.testing.assert_allclose(x.copy_to_host(), host, rtol=1e-12)
    with pytest.raises(FloatingPointError, match="a gradient is not finite"):
        opt.step(x, cuda.to_device(np.array([np.nan, 1.0, 1.0])))
    np.testing.assert_allclose(x.copy_to_host(), host, rtol=1e-12)


def test_the_functional_form():
    x, opt = np.full(3, 2.0), fastopt.Adam("auto")
    there, moved = cuda.to_device(x), x.copy()
    state, in_place = opt.init(there), fastopt.Adam("auto")
    for _ in range(3):
        in_place.step(moved, moved - 1.0)
        updates, state = opt.update(cuda.to_device(there.copy_to_host() - 1.0), state, there)
        there = cuda.to_device(there.copy_to_host() + updates.copy_to_host())
    np.testing.assert_allclose(there.copy_to_host(), moved, rtol=1e-12)
    average = opt.average(there, state)
    np.testing.assert_allclose(average.copy_to_host(), in_place.average(moved), rtol=1e-12)


def test_strided_arrays_are_refused():
    x = cuda.to_device(np.zeros((4, 4)))[:, :2]
    with pytest.raises(ValueError, match="must be contiguous for learning_rate"):
        fastopt.RMSProp("auto").step(x, cuda.to_device(np.ones((4, 2))))
