"""Random programs in reverse mode: a few compiled, some hundreds by the tape of plain Python.

FASTOPT_PROGRAMS=2000 runs that many of each kind, compiled too.
"""

import math
import os
import warnings

import loop_programs
import numpy as np
import programs
import pytest
import slice_programs

MANY = int(os.environ.get("FASTOPT_PROGRAMS", "0"))


def check_all(seeds, both, buffers=False, kind=loop_programs.Writer):
    refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in seeds:
            wrong, text = loop_programs.check(seed, both, buffers, kind=kind)
            refused += wrong.startswith("refused")
            assert not wrong or wrong.startswith(("refused", "skipped")), f"{seed}: {wrong}\n{text}"
    return refused


def test_loops_by_the_tape():
    assert check_all(range(MANY or 200), both=False) == 0


def test_loops_compiled():
    seeds = range(5000, 5000 + (MANY or 4))
    assert check_all(seeds, both=True) <= 1 + len(seeds) // 4


def test_buffers_compiled():
    seeds = range(60000, 60000 + (MANY or 2))
    assert check_all(seeds, both=True, buffers=True) <= 1 + len(seeds) // 4


def test_slices_compiled():
    seeds = range(80000, 80000 + (MANY or 2))
    assert check_all(seeds, both=True, kind=slice_programs.Writer) <= 1 + len(seeds) // 4


def test_arrays_by_the_tape():
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for seed in range(MANY or 200):
            fun, text, x, args = programs.program(seed)
            plain = float(fun(x.copy(), *args))
            if not math.isfinite(plain) or abs(plain) > 1e8:
                continue
            value, g = loop_programs.on_tape(fun, x, args)
            assert value == pytest.approx(plain, rel=1e-12, abs=1e-12), f"{seed}\n{text}"
            wanted = programs.differences(fun, x, args)
            if not programs.near(g.reshape(x.shape), wanted, 1e-7):  # a kink: as forward mode
                wanted = forward(fun, x, args)
            assert programs.near(g.reshape(x.shape), wanted, 1e-7), f"{seed}\n{text}"


def forward(fun, x, args):
    """Return the gradient by duals of plain Python."""
    from fastopt.derivatives.forward import python_dual

    g = np.zeros(x.size)
    duals = python_dual.seeded(x.size, x, None, 0, 0)
    python_dual.write_partials(python_dual.function(fun)(duals, *args), g, 0, 0)
    return g.reshape(x.shape)
