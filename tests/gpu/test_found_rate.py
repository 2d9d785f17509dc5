"""Optimizer objects with learning_rate="auto" on a real device, against the host's."""

import numpy as np
import pytest

import fastopt

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("name", ["RMSProp", "Adan", "Rprop"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_steps_as_on_the_host(cuda, name, dtype):
    sizes, rng = (100_003, 70, 1), np.random.default_rng(3)
    host = [rng.normal(size=n).astype(dtype) for n in sizes]
    scales = [rng.uniform(0.5, 2.0, n).astype(dtype) for n in sizes]
    there = [cuda.to_device(x) for x in host]
    one, two = (getattr(fastopt, name)("auto") for _ in range(2))
    for _ in range(10):
        one.step(host, [s * x for s, x in zip(scales, host, strict=True)])
        on_host = [x.copy_to_host() for x in there]
        slopes = [s * x for s, x in zip(scales, on_host, strict=True)]
        two.step(there, [cuda.to_device(g) for g in slopes])
    assert two.distance == pytest.approx(one.distance, rel=1e-3)
    bound = 1e-4 if dtype == np.float32 else 1e-10
    for x, y in zip(two.average(there), one.average(host), strict=True):
        np.testing.assert_allclose(x.copy_to_host(), y, rtol=bound, atol=bound)


def test_the_same_bits_again(cuda):
    """Sums do not depend on which block adds up which row."""
    found = []
    for _ in range(2):
        x, opt = cuda.to_device(np.full(300_000, 2.0, np.float32)), fastopt.RMSProp("auto")
        g = cuda.to_device(np.linspace(0.1, 1.0, 300_000, dtype=np.float32))
        for _ in range(20):
            opt.step(x, g)
        found.append(x.copy_to_host().tobytes())
    assert found[0] == found[1]
