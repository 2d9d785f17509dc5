"""A batch of fits by the code for the device, run on the CPU, and assembled for sm_90 (Hopper)."""

import numpy as np
import pytest
import scipy.optimize

import fastopt

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
from assembler import hopper  # noqa: F401
from test_batch import check
from test_batch_numbers import T, decays, host  # noqa: F401

REGISTERS = 136  # a thread; 448 threads are then resident on a multiprocessor


def curve(t, a, b, c):
    return a * np.exp(-b * t) + c


def test_fits(host, tmp_path, record_property):  # noqa: F811
    """A problem without points, and rows of unequal lengths, in memory that was not cleared.

    With bounds, since their loop and sources are the longest.
    """
    y = decays(60)
    y[7] = np.nan
    ys, ts = [row[: 6 + b % 7] for b, row in enumerate(y)], [T[: 6 + b % 7] for b in range(60)]
    how = {"method": "adamax", "bounds": (-99.0, [99.0, 1.5, 99.0]), "nan_policy": "omit"}
    res = fastopt.curve_fit_batch(curve, ts, ys, np.ones(3), **how, device="cuda")
    assert host.launches > 2
    assert res.status[7] == -1
    assert np.isnan(res.cov[7]).all()
    active = res.active_mask != 0
    assert not active[:, [0, 2]].any()
    some = np.flatnonzero(active[:, 1])
    assert 0 < some.size < 50
    for b in (0, 1, 59, some[0]):
        bounds = (-99.0, [99.0, 1.5, 99.0])
        p, cov = scipy.optimize.curve_fit(curve, ts[b], ys[b], np.ones(3), bounds=bounds)
        np.testing.assert_allclose(res.x[b], p, rtol=1e-4)
        if not active[b].any():
            np.testing.assert_allclose(res.cov[b], cov, rtol=1e-3)
    check(host.kernel.ptx(), tmp_path, "float64", REGISTERS, record_property)
