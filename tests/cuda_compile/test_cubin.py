"""The CUDA sweep compiled to machine code for sm_90 (Hopper), without a GPU."""

import functools
import re
from itertools import product

import numpy as np
import pytest

from fastopt import rules

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
import numba.cuda
import numba.cuda.dispatcher
from assembler import CC, assemble, hopper  # noqa: F401

from fastopt.targets import cuda

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
    report = assemble(ptx_of(*variant), tmp_path)
    stack = re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", report)
    assert len(stack) >= 3
    assert set(stack) == {"0"}, report
    (registers,) = re.findall(r"Used (\d+) registers", report)
    record_property("registers", registers)
    assert int(registers) <= REGISTERS[variant[2]]
