"""The CUDA sweep on a real device, against the CPU's."""

import numpy as np
import pytest
from replay import replay
from rule_options import CASES, OPTIONS, name

from fastopt.targets import dispatch

pytestmark = pytest.mark.gpu
ULPS = {np.float64: 8, np.float32: 16}


def on_device(cuda):
    """A sweep that takes host arrays and works on copies of them on the device."""
    target = dispatch.target("cuda")

    def sweep(rule, uses, x, g, c, state):
        arrays = [cuda.to_device(a) for a in (x, g, *state)]
        target.sweep(rule, uses, arrays[0], arrays[1], c, tuple(arrays[2:]))
        for array, host in zip(arrays, (x, g, *state), strict=True):
            array.copy_to_host(host)

    return sweep


@pytest.mark.parametrize("case", CASES, ids=name)
@pytest.mark.parametrize("dtype", ULPS, ids=lambda d: d.__name__)
def test_sweep_agrees_with_the_cpu(cuda, case, dtype):
    """After four steps, within a few ulp of max(1, |x|): both contract multiply-adds, not alike."""
    method, options = case
    n, steps = 10_007, 4
    rng = np.random.default_rng(11)
    x0 = rng.normal(size=n)
    gradients = rng.normal(size=(steps, n)) * 10.0 ** rng.uniform(-2, 2, (steps, n))
    rates = [0.1 / t for t in range(1, steps + 1)]
    ours = list(replay(method, x0, gradients, rates, dtype, options, sweep=on_device(cuda)))
    theirs = list(replay(method, x0, gradients, rates, dtype, options))
    for a, b in zip(ours, theirs, strict=True):
        error = abs(a.astype(float) - b) / np.maximum(1.0, abs(b))
        assert error.max() <= ULPS[dtype] * np.finfo(dtype).eps


@pytest.mark.parametrize("method", OPTIONS)
@pytest.mark.parametrize("n", [1, 255, 256, 257, 1_000_003])
def test_any_size(cuda, method, n):
    gradients = np.ones((1, n))
    (ours,) = replay(method, np.zeros(n), gradients, [0.1], np.float32, sweep=on_device(cuda))
    (theirs,) = replay(method, np.zeros(n), gradients, [0.1], np.float32)
    np.testing.assert_allclose(ours, theirs, rtol=16 * np.finfo(np.float32).eps)
