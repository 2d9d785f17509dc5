"""What the CUDA sweeps are made of below Python, compiled for the CPU and run thread by thread.

Loads and stores of 16 bytes, addresses and bits are the same there; the simulator has others.
"""

import functools

import numba
import numpy as np
import pytest

import fastopt
from fastopt import rules
from fastopt.targets.cpu import cpu_target as cpu
from fastopt.targets.cuda import kernel_builder
from fastopt.targets.cuda.steps import (
    step_on_device,
    sweep_intrinsics,
    sweep_kernels,
    sweep_launcher,
)

RULE = rules.get("rmsprop")
OPTIONS = RULE.RMSProp(momentum=0.9)  # v and buffer, no mean: a hole between the slots
USES = rules.uses(RULE, OPTIONS)
COEFFICIENTS = RULE.coefficients(OPTIONS, 0.1, 1.0, 1.0)[0]
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])


def compiled(function, _original=None):
    return numba.njit(error_model="numpy")(function)


@functools.cache
def kernel(text, dtype):
    return compiled(sweep_kernels.linked(text, RULE, USES, dtype, None, compiled, False))


def arrays(n, offsets, dtype, stride=1):
    """x, g, v and buffer, so many elements after a boundary of 16 bytes."""
    rng, made = np.random.default_rng(n), []
    for offset in offsets:
        room = rng.uniform(0.1, 1.0, stride * n + 32).astype(dtype)
        start = -room.ctypes.data % 16 // room.itemsize + offset
        made.append(room[start : start + stride * n : stride])
    return made


def check(given, run):
    whole = [a.base.copy() for a in given]
    expected = [a.copy() for a in given]
    x, g, v, buffer = expected
    cpu.sweep(RULE, USES, x, g, np.array(COEFFICIENTS, x.dtype), (v, x, buffer))
    addresses = tuple(a.ctypes.data for a in given)
    run(x.size, addresses, step_on_device.pack_coefficients(RULE, COEFFICIENTS, x.dtype))
    for ours, theirs, before in zip(given, expected, whole, strict=True):
        bound = 4 * np.finfo(x.dtype).eps  # the CPU's own sweep contracts multiply-adds
        np.testing.assert_allclose(ours, theirs, rtol=bound, atol=bound)
        changed = (ours.base != before).sum()  # nothing beside the array's elements
        assert changed == (0 if ours is given[1] else ours.size)


@DTYPES
@pytest.mark.parametrize(
    "offsets", [(0, 0, 0, 0), (1, 1, 1, 1), (3, 3, 3, 3), (0, 1, 0, 0)], ids=str
)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 37])
def test_every_element_once(dtype, offsets, n):
    part, threads = kernel(sweep_kernels.part, np.dtype(dtype)), 3

    def run(n, addresses, c):
        for thread in range(threads):
            part(n, addresses, c, thread, threads)

    check(arrays(n, offsets, dtype), run)


@DTYPES
def test_elements_that_lie_apart(dtype):
    single = kernel(sweep_kernels.single, np.dtype(dtype))

    def run(n, addresses, c):
        for at in range(n):
            single(at, addresses, (3, 3, 3, 3), c)

    check(arrays(9, (0, 1, 2, 3), dtype, stride=3), run)


@numba.njit
def third_row(table):
    return sweep_intrinsics.row(table, 2, (0, 0, 0))


def test_rows_of_a_table():
    table = np.arange(12) - (1 << 40)
    assert third_row(table.ctypes.data) == (table[6], (table[7], table[8]))


@numba.njit
def first_boundary(arrays, n):
    return sweep_intrinsics.lead(arrays, n, np.float32), sweep_intrinsics.lead(
        arrays, n, np.float64
    )


def test_first_boundary():
    at = 1 << 40
    assert first_boundary((at, at + 64), 9) == (0, 0)
    assert first_boundary((at + 8, at + 24), 9) == (2, 1)
    assert first_boundary((at + 4, at + 4), 2)[0] == 2  # no more than there are
    assert first_boundary((at, at + 4), 9) == (9, 9)


@pytest.mark.parametrize("method", rules.methods())
@DTYPES
def test_signatures_are_those_of_the_arguments(method, dtype):
    rule = rules.get(method)
    uses = rules.uses(rule, rules.options_class(rule)())
    bits = step_on_device.pack_coefficients(rule, range(len(rule.C._fields)), np.dtype(dtype))
    arrays = 2 + sum(uses)
    expected = {"together": 1 + arrays, "strided": 1 + 2 * arrays, "several": 2}
    for kind, count in expected.items():
        types = sweep_launcher.signature(kind, rule, uses, np.dtype(dtype)).args
        assert sum(getattr(t, "count", 1) for t in types) == count + len(bits)


@pytest.mark.parametrize("method", fastopt.methods())
def test_rules_of_the_grid_kernel_stay_in_single_precision(method):
    """A float64 zero for a slot that is not used would make all of the rule float64."""
    rule = rules.get(method)
    uses = rule.S(*(k == 0 for k in range(len(rule.S._fields))))
    load = kernel_builder.narrow_rule(rule, uses, np.dtype(np.float32))["load"]
    compiled = numba.njit(load)
    compiled((np.ones(2, np.float32),) * len(uses), 0)
    (found,) = (s.return_type for s in compiled.nopython_signatures)
    assert set(found.types) == {numba.float32}
