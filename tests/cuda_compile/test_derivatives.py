"""Derived gradients compiled to machine code for sm_90 (Hopper), without a GPU."""

import re

import numpy as np
import pytest
from derivative_cases import CASES

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
import numba
import numba.cuda
import numba.cuda.dispatcher
from assembler import CC, assemble, hopper  # noqa: F401

from fastopt._compile import link
from fastopt.targets import cuda

# Code on the device has no arrays but those given, and no recursion; these cases need neither.
SCALAR = [c for c in CASES if c.fun.__module__ == "derivative_cases" and c.name != "expansion"]
# What of float64 must stay in kernels of float32, and where it comes from. libdevice reduces angles
# above 105,615 by a product with pi/2 * 2^-64 in float64, in a branch of its own:
ANGLES = [r"cvt\.rn\.f64\.s64", r"mul\.f64 .*0d3BF921FB54442D19", r"cvt\.rn\.f32\.f64"]
# and numba-cuda rounds to an integer by way of float64.
ROUND = [r"cvt\.f64\.f32", r"cvt\.rni\.s64\.f64"]
CONSTANTS = dict.fromkeys(("ackley", "griewank", "levy", "elementary", "fibonacci"), ANGLES)
CONSTANTS |= {"special": ANGLES, "roundings": ROUND}
gradient = None  # bound below


def each(x, f, g, args):
    i = numba.cuda.grid(1)
    if i < f.size:
        f[i] = gradient(x[i], g[i], (args, x))


def ptx_of(case, dtype):
    size, real = case.points[0].size, numba.from_dtype(np.dtype(dtype))
    function = cuda.gradient_function(case.fun, dtype, size)
    kernel = link(each, {"gradient": function}, cuda.device_function)
    args = tuple(
        a.astype(dtype) if getattr(a, "dtype", None) == np.float64 else a for a in case.args
    )
    matrix, vector = real[:, ::1], real[::1]
    signature = numba.types.void(matrix, vector, matrix, numba.typeof(args))
    return numba.cuda.compile_ptx(kernel, signature, cc=CC)[0]


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("case", SCALAR, ids=lambda c: c.name)
def test_assembles_without_spills(case, dtype, tmp_path, record_property):
    ptx = ptx_of(case, dtype)
    assert ".entry" in ptx
    if dtype == np.float32:
        known = "|".join([r"\.reg", *CONSTANTS.get(case.name, ())])
        wide = [line for line in ptx.splitlines() if ".f64" in line]
        assert not [line for line in wide if not re.match(rf"\s*({known})", line)]
        assert bool(wide) == (case.name in CONSTANTS)
    report = assemble(ptx, tmp_path)
    spills = re.findall(r"(\d+) bytes spill (?:stores|loads)", report)
    assert len(spills) >= 2
    assert set(spills) == {"0"}, report
    record_property("registers", re.findall(r"Used (\d+) registers", report))
