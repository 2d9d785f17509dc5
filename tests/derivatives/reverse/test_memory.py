"""Memory of reverse mode: what it allocates, and that it frees it."""

import os

import numba
import numpy as np
import pytest
from numba.core.runtime import _nrt_python, rtsys

import fastopt
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
