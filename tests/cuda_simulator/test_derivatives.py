"""Derived gradients in Numba's CUDA simulator, thread by thread."""

import numpy as np
import pytest
from derivative_cases import CASES
from numba import cuda as numba_cuda

from fastopt.compiling.compiler import link, undecorated

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
cuda = pytest.importorskip("fastopt.targets.cuda.cuda_target")

NAMES = "rosenbrock powell_singular levy powers elementary special piecewise mixture decay".split()
NAMES += "products statistics ufuncs huber_by_where hinge minima logistic kernel network".split()
gradient = None  # bound below


def each(x, f, g, args):
    i = numba_cuda.grid(1)
    if i < f.size:
        f[i] = gradient(x[i], g[i], (args, x))


@pytest.mark.parametrize("case", [c for c in CASES if c.name in NAMES], ids=lambda c: c.name)
def test_gradients(case):
    x = np.array([point for point in case.points if point.size == case.points[0].size])
    f, g = np.empty(len(x)), np.empty_like(x)
    function = cuda.gradient_function(case.fun, x.dtype, x.shape[1])
    kernel = numba_cuda.jit(link(each, {"gradient": function}, undecorated))
    kernel[1, len(x) + 1](x, f, g, case.args)
    for point, ours in zip(x, g, strict=True):
        wanted = case.oracle(case.fun, point, case.args)
        assert np.max(np.abs(ours - wanted)) <= 1e-13 * max(1.0, np.max(np.abs(wanted)))
