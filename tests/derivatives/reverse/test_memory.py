"""Memory of reverse mode: what it allocates, and that it frees it."""

import math
import os

import numba
import numpy as np
import pytest
from derivative_cases import complex_step
from numba.core.runtime import _nrt_python, rtsys

import fastopt
from fastopt.derivatives import derived_mode, value_and_gradient
from fastopt.derivatives.reverse import compiled_gradient as reverse

X = np.linspace(0.2, 1.0, 20)


@numba.njit
def steps(x, n, bad):
    y, s = x * 0.5, 0.0
    for k in range(n):
        y = y + 0.1 * np.tanh(x * y)
        s = np.sin(s) * y[k % x.size] + 1.0
        if k == bad:
            raise ValueError("bad")
    return s * np.sum(y)


def allocated(function, *args):
    """Return the number of arrays that a call allocates."""
    before = rtsys.get_allocation_stats().mi_alloc
    function(*args)
    return rtsys.get_allocation_stats().mi_alloc - before


def test_shadows_in_loops_are_used_again():
    gradient, store, g = reverse.gradient(steps), reverse.new_store(), np.empty_like(X)
    gradient(X, g, store, 3, -1)
    _nrt_python.memsys_enable_stats()
    try:
        counts = [allocated(gradient, X, g, store, n, -1) for n in (10, 60)]
        own = [allocated(steps, X, n, -1) for n in (10, 60)]
    finally:
        _nrt_python.memsys_disable_stats()
    # What fun makes in both sweeps, and one shadow an iteration: that of the array it carries.
    assert counts[1] - counts[0] <= 2 * (own[1] - own[0]) + 50


def resident():
    """Return the memory of this process in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the memory is read from /proc")
def test_a_store_of_compiled_code_is_freed_if_the_function_raises():
    slope = fastopt.value_and_grad(steps, size=X.size)

    @numba.njit
    def called(x, n, bad):
        return slope(x, n, bad)[0]

    assert called(X, 5, -1) == pytest.approx(steps(X, 5, -1), rel=1e-14)
    before = resident()
    for _ in range(15):  # each keeps 6 MB
        with pytest.raises(ValueError, match="bad"):
            called(X, 30_000, 29_999)
    assert resident() - before < 30.0


@numba.njit
def heat(x, n):
    """Two loops that carry numbers and arrays, and arrays that are overwritten, also later on."""
    t, flux, s, v = np.zeros(12), np.ones(12), 0.0, 0.3
    for k in range(n):
        old = t.copy()
        for i in range(1, 11):
            t[i] += 0.2 * (old[i - 1] - 2.0 * old[i] + old[i + 1])
            t[i] += 0.01 * math.sin(t[i]) * x[k % x.size]
            if t[i] > 0.5:
                s += t[i] * t[i]
        j = 0
        while j < 3 and v > 0.1:
            v = v * 0.9 + 0.01 * x[j] * t[j + 2]
            j += 1
        t[0] = x[k % x.size] * v
        flux = flux * 0.9 + t
    part = t[2:5]
    for k in range(n):
        s = 0.9 * math.sin(s) + 0.1 * x[k % 5] * s * flux[k % 12] + part[k % 3]
    part[0] = 1e300
    t[1:] = -1e300
    return s * flux[3] + v + np.sum(flux)


@pytest.fixture(scope="module")
def kept():
    """The gradient that keeps all iterations, and the one that keeps states."""
    whole = reverse.check(heat, numba.typeof(X), (numba.int64,))
    states = reverse.keeping_states(whole)
    assert reverse.gradient(heat) is states
    assert reverse.keeping_states(states) is None
    return whole, states


def run(gradient, n, limit=None):
    g, store = np.full(X.size, np.nan), reverse.new_store(limit)
    return gradient(X, g, store, n), g, store[1] * 8


def test_loops_that_keep_states_have_the_same_gradient(kept):
    for n in (0, 1, 2, 3, 50, 1000):
        (f, g, _), (value, other, _) = (run(gradient, n) for gradient in kept)
        assert value == pytest.approx(f, rel=1e-13)
        assert other == pytest.approx(g, rel=0, abs=1e-13 * max(1.0, np.abs(g).max()))


def test_loops_that_keep_states_keep_little(kept):
    whole, states = (run(gradient, 10_000)[2] for gradient in kept)
    assert whole > 5e6
    assert states < 2e5
    assert run(kept[1], 10_000, limit=2e5)[0] == pytest.approx(heat(X, 10_000), rel=1e-12)
    with pytest.raises(MemoryError, match=r"its limit is 0.2 MB") as caught:
        run(kept[0], 10_000, limit=2e5)
    assert derived_mode.keeping_less(kept[0], caught.value) is kept[1]
    assert derived_mode.keeping_less(kept[1], caught.value) is None
    assert derived_mode.keeping_less(kept[0], MemoryError("another")) is None


def test_at_the_limit_loops_run_in_blocks(monkeypatch):
    def summed(x, n):
        s = 0.5
        for k in range(n):
            s = 0.9 * np.sin(s + x[k % x.size])
        return s + np.sum(x * x)

    options = {"learning_rate": 0.01, "maxiter": 3}
    monkeypatch.setenv("FASTOPT_REVERSE_MEMORY", "10000")
    found = fastopt.minimize(numba.njit(summed), X, 2_000, options=options)
    assert found.jac_method == "reverse"
    wanted = complex_step(summed, found.x, (2_000,))
    assert found.jac == pytest.approx(wanted, rel=0, abs=1e-13)
    monkeypatch.setattr(reverse, "_gradients", {})  # as if this were another process
    monkeypatch.setattr(value_and_gradient._here, "store", None, raising=False)
    g = fastopt.value_and_grad(numba.njit(summed))(found.x, 2_000)[1]
    assert g == pytest.approx(wanted, rel=0, abs=1e-13)
