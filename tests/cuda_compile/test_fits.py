"""The kernel of fits compiled to machine code for sm_90 (Hopper), without a GPU."""

import numpy as np
import pytest

from fastopt import rules
from fastopt.algorithms.batch_worker import ProblemData
from fastopt.algorithms.fits.fit_worker import FitResults
from fastopt.drivers.fits import compiled_residuals
from fastopt.drivers.fits.fit_batch import Fits
from fastopt.inputs import fit_inputs

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
from assembler import compile_ptx, hopper  # noqa: F401
from numba import types
from test_batch import check

from fastopt.targets.cuda import cuda_target as cuda
from fastopt.targets.cuda.fits import fit_kernel_builder

REGISTERS = 136  # a thread; 448 threads are then resident on a multiprocessor


def misfit(p, y, t):
    return p[0] * np.exp(-p[1] * t) + p[2] - y


def table(real, ndim=2):
    return types.Array(real, ndim, "C")


def test_without_spills(tmp_path, record_property):
    """Bounded residuals, whose loop and sources are the longest."""
    rule = rules.get("adamax")
    settings = fit_inputs.options_of(rule, None, None)
    fits = Fits(misfit, "adamax", "linear", 1.0, compiled_residuals.of_residuals())
    given = rule, settings, rules.uses(rule, settings.rule), True, 3, fits
    text, _ = fit_kernel_builder.plain_loop(*given, cuda.Linker())
    real, count = types.float64, types.int32
    args = types.Tuple([table(real, 1)])
    data = [*3 * [table(real)], types.Tuple([table(real)]), args, *3 * [table(real)]]
    kinds = {"x": 2, "grad": 2, "cov": 3, "active_mask": 2}
    whole = "used", "active_mask", "nit", "nfev", "njev", "status"
    results = [table(count if n in whole else real, kinds.get(n, 1)) for n in FitResults._fields]
    given = types.NamedTuple(data, ProblemData), types.NamedTuple(results, FitResults)
    state = *2 * [table(types.int64, 1)], table(real, 3)
    signature = types.void(*state, *given, table(real, 1), *3 * [types.int64])
    ptx = compile_ptx(text, signature)
    check(ptx, tmp_path, "float64", REGISTERS, record_property)
