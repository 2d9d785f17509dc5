"""The CUDA sweep compiled to machine code for sm_90 (Hopper), without a GPU."""

import functools
import pathlib
import re
import shutil
import subprocess
import sysconfig
import types
from itertools import product

import numpy as np
import pytest

from fastopt import rules

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
import numba.cuda
import numba.cuda.dispatcher

from fastopt.targets import cuda

CC = 9, 0
# Registers a thread. A multiprocessor has 65,536: with 40, six blocks of 256 are resident; with 56
# four, and float64 elements are twice as wide.
REGISTERS = {"float32": 40, "float64": 56}
VARIANTS = [
    (method, uses, dtype)
    for method in rules.methods()
    for uses in sorted(
        {
            rules.uses(rules.get(method), rules.options_class(rules.get(method))(**options))
            for options in [
                dict(zip(needs, values, strict=True))
                for needs in [tuple(getattr(rules.get(method), "NEEDS", {}).values())]
                for values in product((0.0, 0.5), repeat=len(needs))
            ]
        }
    )
    for dtype in REGISTERS
]


def find_ptxas():
    """The assembler of the PyPI package nvidia-cuda-nvcc, or of an installed toolkit."""
    site = pathlib.Path(sysconfig.get_path("platlib"))
    found = sorted(site.glob("nvidia/**/bin/ptxas*"))
    return str(found[0]) if found else shutil.which("ptxas")


@pytest.fixture(autouse=True)
def hopper(monkeypatch):
    """Kernels that call device functions ask for the current device; there may be none."""
    device = types.SimpleNamespace(compute_capability=CC)
    monkeypatch.setattr(numba.cuda.dispatcher, "get_current_device", lambda: device)


@functools.cache
def ptx_of(method, uses, dtype):
    rule, dtype = rules.get(method), np.dtype(dtype)
    kernel, signature = cuda.plain_kernel(rule, uses, dtype), cuda.signature(rule, uses, dtype)
    ptx, _ = numba.cuda.compile_ptx(kernel, signature, cc=CC)
    return ptx


def label(variant):
    method, uses, dtype = variant
    return "-".join([method, *(slot for slot, used in uses._asdict().items() if used), dtype])


@pytest.fixture(params=VARIANTS, ids=label)
def variant(request):
    return request.param


def test_float32_kernels_hold_no_float64(variant):
    ptx = ptx_of(*variant)
    assert ".entry" in ptx
    assert (".f64" in ptx) == (variant[2] == "float64")
    assert ".local" not in ptx


def test_nothing_is_called(variant):
    """Rule, slots and indexing are one function: no call is left, not even for square roots."""
    assert not re.search(r"\bcall\b", ptx_of(*variant))


def test_assembles_without_spills(variant, tmp_path, record_property):
    ptxas = find_ptxas()
    if ptxas is None:
        pytest.skip("ptxas was not found: pip install nvidia-cuda-nvcc")
    source, cubin = tmp_path / "kernel.ptx", tmp_path / "kernel.cubin"
    source.write_text(ptx_of(*variant))
    command = [ptxas, "-v", "-arch=sm_90", source, "-o", cubin]
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    assert cubin.read_bytes().startswith(b"\x7fELF")
    assert "for 'sm_90'" in out.stderr
    stack = re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", out.stderr)
    assert len(stack) >= 3
    assert set(stack) == {"0"}, out.stderr
    (registers,) = re.findall(r"Used (\d+) registers", out.stderr)
    record_property("registers", registers)
    assert int(registers) <= REGISTERS[variant[2]]
