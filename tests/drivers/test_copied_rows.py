"""Rows that are not contiguous are copied to a buffer, which nobody owns but its maker."""

import gc
import sys
import time

import numba
import numpy as np
import pytest

import fastopt
from fastopt.arrays import data_rows

Y = np.asfortranarray(np.arange(120.0).reshape(40, 3))


def picked(x, row, places):
    s = 0.0
    for i in places:
        s += (x[0] - row[i]) ** 2
    return s


def batch(args):
    res = fastopt.minimize_batch(picked, [0.0], Y, args)
    np.testing.assert_allclose(res.x[:, 0], Y[:, 1], atol=1e-6)


def stochastic(args):
    rows = np.asfortranarray(np.tile(Y[0], (5, 1)))
    options = {"learning_rate": 0.05}
    res = fastopt.minimize_stochastic(
        picked, [0.0], rows, args, method="sgd", batch_size=2, epochs=100, seed=1, options=options
    )
    assert res.x[0] == pytest.approx(Y[0, 1], abs=1e-6)


@pytest.mark.parametrize("solve", [batch, stochastic])
@pytest.mark.parametrize("kind", [numba.typed.List, np.array])
def test_rows_that_are_copied_beside_args_own_nothing(monkeypatch, solve, kind):
    """Beside a list each row counted one reference down: its buffer was freed while in use."""
    kept, make = [], data_rows.row_buffer
    monkeypatch.setattr(data_rows, "row_buffer", lambda field: kept.append(make(field)) or kept[-1])
    solve((kind([0, 2]),))
    assert {buffer.shape for buffer in kept} == {(3,)}
    nobodys = [np.zeros(3) for _ in kept]  # how Python counts differs between its versions
    until = time.monotonic() + 10.0
    while True:  # a thread that has told its end may hold its arguments for a moment
        gc.collect()
        counts, wanted = ([sys.getrefcount(a) for a in arrays] for arrays in (kept, nobodys))
        if counts == wanted or time.monotonic() > until:
            break
        time.sleep(0.01)
    assert counts == wanted
