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
# In these, numbers of float64 come from the objective (constants among themselves, integers), and
# in the last from libdevice, which reduces large arguments of tan so.
CONSTANTS = {"ackley", "griewank", "levy", "elementary", "fibonacci", "roundings", "special"}
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
    if dtype == np.float32 and case.name not in CONSTANTS:
        assert ".f64" not in ptx
    report = assemble(ptx, tmp_path)
    spills = re.findall(r"(\d+) bytes spill (?:stores|loads)", report)
    assert len(spills) >= 2
    assert set(spills) == {"0"}, report
    record_property("registers", re.findall(r"Used (\d+) registers", report))
