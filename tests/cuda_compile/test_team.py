"""The kernel that works on one problem with the whole device, compiled for sm_90 (Hopper)."""

import re

import numpy as np
import pytest

from fastopt import rules
from fastopt.inputs import run_options

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
import numba
import numba.cuda
from assembler import assemble, compile_ptx, hopper  # noqa: F401
from numba import types

from fastopt.algorithms import problem_arrays
from fastopt.targets.cuda import cuda_target as cuda
from fastopt.targets.cuda import kernel_builder

REGISTERS = 168  # a thread: blocks of 256 need 256 at most


def tuple_of(kinds):
    """The type of a tuple of arrays of these types; () is an empty one."""
    items = [types.Tuple(()) if kind == () else kind for kind in kinds]
    return types.BaseTuple.from_types(items, type(kinds) if hasattr(kinds, "_fields") else None)


def ptx_of(method, rate, dtype):
    dtype, rule = np.dtype(dtype), rules.get(method)
    settings = run_options.parse(rule, {} if rate is None else {"learning_rate": rate}, None, dtype)
    uses = rules.uses(rule, settings.rule)
    text = kernel_builder.plain_team(
        rule, kernel_builder.kind_of(settings.schedule), uses, dtype, True, cuda.Linker()
    )
    real = numba.from_dtype(dtype)
    vector, scalars = types.Array(real, 1, "C"), types.Array(types.float64, 1, "C")
    at = dict.fromkeys(problem_arrays.vectors(rate is None, False, uses), vector)
    at["best_f"] = scalars
    if rate is None:
        at |= {"pairs": types.Array(real, 2, "C"), "along": scalars}
    _, iterates, workspace, state = problem_arrays.assembled(at, uses)
    schedule = settings.schedule if rate is not None else ()
    signature = types.void(
        *(scalars, scalars, tuple_of(iterates), tuple_of(workspace), tuple_of(state)),
        numba.typeof((settings.limits, settings.rule, schedule)),
        *(scalars, vector, scalars, types.Array(types.int64, 1, "C")),
    )
    return compile_ptx(text, signature)


# `test_team_numbers` assembles the kernels whose numbers it checks: both loops in float64. Here are
# those in float32, and at a given rate, which compiles four times as fast, the other sets of slots.
# Text of rules is the same in every kernel: `test_cubin` has each of them, compiled and assembled.
CASES = [("rmsprop", None, "float32"), ("rmsprop", 0.1, "float32")]
CASES += [(method, 0.1, "float64") for method in ("sgd", "nadam", "adadelta", "adan")]


@pytest.mark.parametrize(("method", "rate", "dtype"), CASES)
def test_assembles_without_spills(method, rate, dtype, tmp_path, record_property):
    check(ptx_of(method, rate, dtype), tmp_path, record_property)


def check(ptx, tmp_path, record_property):
    assert "bar.sync" in ptx
    assert "membar.gl" in ptx or "fence" in ptx
    assert re.search(r"atom\.global\.add|atom\.add", ptx)
    report = assemble(ptx, tmp_path)
    assert set(re.findall(r"(\d+) bytes spill (?:stores|loads)", report)) == {"0"}, report
    (used,) = re.findall(r"Used (\d+) registers", report)
    record_property("registers", used)
    assert int(used) <= REGISTERS
