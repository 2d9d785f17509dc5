"""The CUDA sweeps compiled to machine code for sm_90 (Hopper), without a GPU."""

import functools
import re
from itertools import product

import numpy as np
import pytest

from fastopt import rules
from fastopt.rules import _clipping_and_decay

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
from assembler import assemble, compile_ptx, hopper  # noqa: F401
from rule_options import representative_methods

from fastopt.targets.cuda import cuda_target as cuda
from fastopt.targets.cuda.steps import found_rate_kernels, sweep_launcher

# Registers a thread, which holds 16 bytes of each array. A multiprocessor has 65,536: with 56, four
# blocks of 256 are resident, and so with 64, which a rule with four slots needs.
REGISTERS = {"float32": 56, "float64": 64}
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


FULLEST = {
    method: max((u for m, u, _ in VARIANTS if m == method), key=sum) for method, *_ in VARIANTS
}
# Every rule in float32, where constants could widen, with all its slots and with fewer. In float64,
# where they cannot, a rule for each number of slots and the one with most arithmetic.
CASES = [
    ("together", method, uses, dtype)
    for method, uses, dtype in VARIANTS
    if dtype == "float32" or (uses == FULLEST[method] and method in representative_methods())
]
# No rule knows its kind. What loads and stores depend on is the number of slots, and whether it is
# in use: these have one slot, two of two, and three.
CASES += [
    (kind, method, FULLEST[method], [*REGISTERS][(k + shift) % 2])
    for shift, kind in enumerate(("strided", "several"))
    for k, method in enumerate(("adagrad", "adadelta", "rmsprop"))
]


@functools.cache
def ptx_of(kind, method, uses, dtype):
    how = kind, rules.get(method), uses, np.dtype(dtype)
    kernel, signature = cuda.launches().plain_kernel(*how), sweep_launcher.signature(*how)
    return compile_ptx(kernel, signature)


def label(case):
    kind, method, uses, dtype = case
    return "-".join([kind, method, *(slot for slot, used in uses._asdict().items() if used), dtype])


@pytest.fixture(params=CASES, ids=label)
def case(request):
    return request.param


def test_float32_kernels_hold_no_float64(case):
    ptx = ptx_of(*case)
    assert ".entry" in ptx
    assert bool(re.search(r"\.f64|\.v2\.b64", ptx)) == (case[-1] == "float64")
    assert ".local" not in ptx


def test_nothing_is_called(case):
    """Rule, slots and indexing are one function: no call is left, not even for square roots."""
    assert not re.search(r"\bcall\b", ptx_of(*case))


def test_16_bytes_at_a_time(case):
    """One load of each array and one store of each but the gradient, and all of global memory.

    The compiler may unroll the loop: it is the same number of times for all of them.
    """
    kind, _, uses, dtype = case
    ptx, wide = ptx_of(*case), {"float32": r"v4\.[fb]32", "float64": r"v2\.[fb]64"}[dtype]
    loads, stores = (len(re.findall(rf"\b{op}\.global\.{wide}", ptx)) for op in ("ld", "st"))
    if kind == "strided":
        assert loads == stores == 0
    else:
        assert loads > 0
        assert loads * (1 + sum(uses)) == stores * (2 + sum(uses))
    assert not re.search(r"\b(ld|st)\.[fbuv]", ptx)  # of any memory


def test_few_arguments(case):
    kind, method, uses, dtype = case
    count = len(re.findall(r"\.param \.", ptx_of(*case)))
    words = -(-len(rules.get(method).C._fields) * np.dtype(dtype).itemsize // 8)
    arrays = 2 + sum(uses)
    assert count == words + {"together": 1 + arrays, "strided": 1 + 2 * arrays, "several": 2}[kind]


def test_assembles_without_spills(case, tmp_path, record_property):
    report = assemble(ptx_of(*case), tmp_path)
    stack = re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", report)
    assert len(stack) >= 3
    assert set(stack) == {"0"}, report
    (registers,) = re.findall(r"Used (\d+) registers", report)
    record_property("registers", registers)
    assert int(registers) <= (REGISTERS[case[-1]] if sum(case[2]) < 4 else 64)


@pytest.mark.parametrize("kind", found_rate_kernels.KINDS)
def test_steps_whose_rate_is_found(kind, tmp_path):
    """All arrays are in global memory, and nothing is called, not even for roots."""
    rule = _clipping_and_decay.with_clipping_and_decay(rules.get("rmsprop"))
    how = kind, rule, FULLEST["rmsprop"], np.dtype(np.float32)
    kernel, signature = cuda.launches().plain_kernel(*how), sweep_launcher.signature(*how)
    ptx = compile_ptx(kernel, signature)
    assert not re.search(r"\bcall\b", ptx)
    assert ".local" not in ptx
    assert bool(re.search(r"\bst\.global\.f64", ptx)) == (
        found_rate_kernels.KINDS[kind].combine is not None
    )
    stack = re.findall(
        r"(\d+) bytes (?:stack frame|spill stores|spill loads)", assemble(ptx, tmp_path)
    )
    assert set(stack) == {"0"}
