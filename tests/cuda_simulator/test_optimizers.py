"""Optimizer objects on device arrays, and steps in users' kernels, in Numba's simulator."""

import numpy as np
import pytest
from rule_options import OPTIONS, representative_methods

import fastopt
from fastopt import rules
from fastopt.targets.cuda.steps import step_on_device

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
from numba import cuda

target = pytest.importorskip("fastopt.targets.cuda.cuda_target")
RNG = np.random.default_rng(4)
NAMES = {m: rules.options_class(rules.get(m)).__name__ for m in fastopt.methods()}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(step_on_device, "THREADS", 4)
    monkeypatch.setattr(target.launches(), "multiprocessors", lambda device: 1)


def close(ours, theirs):
    ours = [a.copy_to_host() for a in ours]
    for a, b in zip(ours, theirs, strict=True):
        bound = 8 * np.finfo(b.dtype).eps * np.maximum(1.0, abs(b))
        assert (abs(a - b) <= bound).all()


@pytest.mark.parametrize("method", representative_methods())
def test_the_same_steps_as_on_the_host(method):
    options = {**OPTIONS[method][-1], "weight_decay": 0.1, "clip_value": 0.5, "maximize": True}
    host = [RNG.normal(size=5), RNG.normal(size=(2, 3)).astype(np.float32), np.zeros(0)]
    there = [cuda.to_device(x) for x in host]
    one, two = (getattr(fastopt, NAMES[method])(lambda t: 0.1 / t, **options) for _ in range(2))
    for _ in range(3):
        grads = [RNG.normal(size=x.shape).astype(x.dtype) for x in host]
        one.step(host, grads)
        two.step(there, [cuda.to_device(g) for g in grads])
    close(there, host)
    saved, other = two.state_dict(), getattr(fastopt, NAMES[method])(lambda t: 0.1 / t, **options)
    for name, own in one.state_dict()["arrays"].items():
        for slot, array in own.items():
            np.testing.assert_allclose(saved["arrays"][name][slot], array, rtol=1e-5, atol=1e-7)
    other.load_state_dict(saved)
    grads = [np.ones_like(x) for x in host]
    one.step(host, grads)
    other.step(there, [cuda.to_device(g) for g in grads])
    close(there, host)


def test_the_functional_form_stays_on_the_device():
    x, g = cuda.to_device(np.ones(3)), cuda.to_device(np.array([1.0, -1.0, 0.5]))
    for decay in (0.0, 0.1):
        opt, moved = fastopt.Adam(0.1, weight_decay=decay), np.ones(3)
        updates, state = opt.update(g, opt.init(x), x)
        fastopt.Adam(0.1, weight_decay=decay).step(moved, g.copy_to_host())
        np.testing.assert_allclose(updates.copy_to_host() + 1.0, moved, rtol=1e-15)
        assert hasattr(state["arrays"]["params"]["v"], "copy_to_host")
    np.testing.assert_array_equal(x.copy_to_host(), np.ones(3))


def test_clipping_the_norm_and_policies():
    x, g = cuda.to_device(np.zeros((2, 2))), cuda.to_device(np.full((2, 2), 3.0))
    fastopt.SGD(1.0, clip_norm=2.0).step(x, g)
    np.testing.assert_allclose(x.copy_to_host(), np.full((2, 2), -1.0), rtol=1e-15)
    bad = cuda.to_device(np.array([[np.nan, 1.0], [1.0, 1.0]]))
    with pytest.raises(FloatingPointError):
        fastopt.SGD(1.0, on_nonfinite="raise").step(x, bad)
    skip = fastopt.SGD(1.0, on_nonfinite="skip")
    skip.step(x, bad)
    assert skip.skipped == 1
    np.testing.assert_allclose(x.copy_to_host(), np.full((2, 2), -1.0), rtol=1e-15)
    fastopt.SGD(1.0).step(x, bad)
    assert np.isnan(x.copy_to_host()[0, 0])


def test_what_is_refused():
    x, g = cuda.to_device(np.zeros(3)), cuda.to_device(np.ones(3))
    opt = fastopt.SGD(1.0)
    opt.step({"w": x}, {"w": g})
    for kind, params, grads, message in (
        (
            ValueError,
            x,
            np.ones(3),
            r"grads\['w'\] is on the host, but the parameters are on a GPU",
        ),
        (ValueError, x, cuda.to_device(np.ones(4)), r"grads\['w'\] has shape \(4,\)"),
        (TypeError, x, cuda.to_device(np.ones(3, "f4")), r"grads\['w'\] has dtype float32"),
        (TypeError, cuda.to_device(np.zeros(3, int)), g, r"params\['w'\] has elements of <i8"),
    ):
        with pytest.raises(kind, match=message):
            opt.step({"w": params}, {"w": grads})
    with pytest.raises(ValueError, match="grads is on a GPU, but other arrays are on the host"):
        fastopt.SGD(1.0).step(np.zeros(3), g)
    np.testing.assert_array_equal(x.copy_to_host(), [-1.0] * 3)


@pytest.mark.parametrize("threads", [1, 4])
def test_a_users_kernel(threads):
    """Each thread steps its own elements."""

    @cuda.jit
    def walk(x, target, v, m, table):
        i = cuda.grid(1)
        g = cuda.local.array(1, np.float64)
        while i < x.size:
            for k in range(table.shape[0]):
                g[0] = x[i] - target[i]
                state = (v[i : i + 1], m[i : i + 1], None)
                fastopt.kernels.cuda.adam(x[i : i + 1], g, state, table[k])
            i += cuda.gridsize(1)

    opt, x, target = fastopt.Adam(0.1, weight_decay=0.1), RNG.normal(size=6), RNG.normal(size=6)
    moved = x.copy()
    for _ in range(3):
        opt.step(moved, moved - target)
    walk[1, threads](x, target, np.zeros(6), np.zeros(6), opt.coefficients(3))
    np.testing.assert_allclose(x, moved, rtol=1e-14)
