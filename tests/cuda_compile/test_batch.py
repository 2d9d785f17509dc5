"""The batch kernel compiled to machine code for sm_90 (Hopper), without a GPU.

`test_batch_numbers` assembles those kernels whose numbers it checks, by `check` and `BUDGET`.
"""

import functools
import re

import numpy as np
import pytest

from fastopt import rules
from fastopt.algorithms import automatic_rate, fixed_rate
from fastopt.algorithms.batch_worker import ProblemData, Results
from fastopt.inputs import run_options

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
import numba
import numba.cuda
from assembler import assemble, compile_ptx, hopper  # noqa: F401
from numba import types

from benchmarks.gpu_parts.jobs import decay, peaks, photons
from fastopt.targets.cuda import cuda_target as cuda
from fastopt.targets.cuda import kernel_builder

# Registers a thread. A multiprocessor has 65,536: with up to 168, 384 threads are resident. The
# peaks have 20 parameters, and stay without spills, 256 threads at a time.
BUDGET = {("decay", "float64"): 152, ("decay", "float32"): 80, ("photons", "float64"): 152}
BUDGET |= {("photons", "float32"): 88, ("peaks", "float64"): 255, ("peaks", "float32"): 168}


OBJECTIVES = {"photons": (photons, 3), "peaks": (peaks, 20)}


def vector(real, ndim=1):
    return types.Array(real, ndim, "C")


@functools.cache
def ptx_of(fun, shape, dtype, method="rmsprop", rate=None, bounded=False, jac="forward"):
    dtype, rule = np.dtype(dtype), rules.get(method)
    options = {} if rate is None else {"learning_rate": rate}
    settings = run_options.parse(rule, options, None, dtype)
    loop = automatic_rate if settings.schedule is None else fixed_rate
    objective = kernel_builder.Objective(fun, None, jac, loop, settings.schedule)
    uses = rules.uses(rule, settings.rule)
    text, _ = kernel_builder.plain_loop(
        rule, settings, uses, dtype, bounded, shape, objective, cuda.Linker()
    )
    real = numba.from_dtype(dtype)
    table, whole = vector(real, 2), vector(types.int64)
    given = types.NamedTuple(
        [table, table, table, types.Tuple([table]), types.Tuple([vector(real)]), *3 * [table]],
        ProblemData,
    )
    counts = 4 * [vector(types.int32)]
    results = types.NamedTuple([table, vector(real), table, table, vector(real), *counts], Results)
    state = whole, whole, vector(real, 3)
    signature = types.void(*state, given, results, vector(real), *3 * [types.int64])
    return compile_ptx(text, signature)


def check(ptx, tmp_path, dtype, registers, record_property):
    assert ".entry" in ptx
    assert (".f64" in ptx) == (dtype == "float64")
    called = set(re.findall(r"call\.uni[^;]*?(\w+),", ptx, re.DOTALL))
    assert called <= {"__internal_accurate_pow"}  # of float64: all else is one function
    report = assemble(ptx, tmp_path)
    spills = re.findall(r"(\d+) bytes spill (?:stores|loads)", report)
    assert len(spills) >= 2
    assert set(spills) == {"0"}, report
    (used,) = re.findall(r"Used (\d+) registers", report)
    record_property("registers", used)
    assert int(used) <= registers


@pytest.mark.parametrize(
    ("name", "dtype"), [("photons", "float64"), ("photons", "float32"), ("peaks", "float32")]
)
def test_real_objectives(name, dtype, tmp_path, record_property):
    fun, n = OBJECTIVES[name]
    check(ptx_of(fun, (n,), dtype), tmp_path, dtype, BUDGET[name, dtype], record_property)


# A rule for each set of slots, in the search; the objectives above have rmsprop, and the numbers of
# `test_batch_numbers` nadam, which has most arithmetic and is in both loops. Text of rules is the
# same in every kernel: `test_cubin` has each of them, compiled and assembled.
WAYS = [("sgd", None, "float32"), ("adadelta", None, "float32"), ("nadam", 0.1, "float32")]


@pytest.mark.parametrize(("method", "rate", "dtype"), WAYS)
def test_rules(method, rate, dtype, tmp_path, record_property):
    ptx = ptx_of(decay, (3,), dtype, method, rate, bounded=True)
    check(ptx, tmp_path, dtype, BUDGET["decay", dtype] + 16, record_property)
