"""The tables of test problems say what is true: without a solve, in plain Python."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from problems.bounded import BOUNDED
from problems.noisy import NOISY
from problems.quadratics import QUADRATICS
from problems.rough import ROUGH
from problems.undefined import PARTLY_DEFINED

TABLES = {
    "quadratics": QUADRATICS,
    "rough": ROUGH,
    "undefined": PARTLY_DEFINED,
    "noisy": NOISY,
    "bounded": BOUNDED,
}
ROWS = [
    pytest.param(row, id=f"{table}: {row.name}") for table, rows in TABLES.items() for row in rows
]
every_row = pytest.mark.parametrize("row", ROWS)


def limits(row):
    pairs = row.bounds or [(None, None)] * row.x0.size
    return tuple(
        np.array([sign * math.inf if p[k] is None else p[k] for p in pairs], float)
        for k, sign in ((0, -1), (1, 1))
    )


def slope(fun, x, i):
    """The central difference."""
    h = 1e-5 * (abs(x[i]) or 1.0)
    left, right = x.copy(), x.copy()
    left[i], right[i] = x[i] - h, x[i] + h
    return (fun(right) - fun(left)) / (right[i] - left[i])


@pytest.mark.parametrize("rows", TABLES.values(), ids=TABLES)
def test_no_name_stands_twice(rows):
    names = [row.name for row in rows]
    assert sorted(set(names)) == sorted(names)


@every_row
def test_start_is_valid(row):
    low, high = limits(row)
    assert row.x0.ndim == 1
    assert low.size == high.size == row.x0.size
    assert np.isfinite(row.x0).all()
    assert (low <= row.x0).all()
    assert (row.x0 <= high).all()
    f = row.fun(row.x0)
    assert math.isnan(f) if row.statuses == (-1,) else math.isfinite(f)
    if math.isfinite(f):  # not below the minimum, nor is any other point that is given
        assert f >= row.minima[0] - 1e-9 * (1.0 + abs(row.minima[0])) - row.accuracy
        assert list(row.minima) == sorted(row.minima)


@every_row
def test_minimum_is_the_value_at_the_solution(row):
    if row.solution is None:
        return
    low, high = limits(row)
    assert (low <= row.solution).all()
    assert (row.solution <= high).all()
    # Noise of a known size is the only difference there may be.
    noise = row.accuracy / 10.0 if row in NOISY else 1e-13
    f, least = row.fun(row.solution), row.minima[0]
    assert abs(f - least) <= noise * (1.0 + abs(least))
    assert row.solved(f)


@every_row
def test_solution_is_stationary(row):
    """Nearby points within the bounds are not below."""
    if row.solution is None or row in NOISY:
        return
    low, high = limits(row)
    random = np.random.default_rng(0)
    for size in (1e-2, 1e-4):
        for _ in range(3):
            step = size * random.standard_normal(row.x0.size) * (np.abs(row.solution) + 1e-3)
            f = row.fun(np.clip(row.solution + step, low, high))
            assert not f < row.minima[0] - 1e-12 * (1.0 + abs(row.minima[0]))


@every_row
def test_gradient_agrees_with_differences(row):
    if row.jac is None:
        return
    n, fun, atol = row.x0.size, row.fun, 1e-6
    if row in NOISY:  # differences see the noise: the least one will do for all
        fun = next(r.fun for r in NOISY if r.jac is row.jac and r.accuracy < 2e-9)
        atol = 1e-4
    for x in (row.x0, row.x0 + 0.1 * np.cos(np.arange(n)) * np.where(row.x0, row.x0, 1.0)):
        g = row.jac(x)
        assert g.shape == (n,)
        some = sorted({0, 1, n // 2, n - 2, n - 1})
        found = [slope(fun, x, i) for i in some]
        assert_allclose(g[some], found, rtol=2e-5, atol=atol + 1e-7 * np.abs(g).max())


@pytest.mark.parametrize("row", [pytest.param(r, id=r.name) for r in NOISY])
def test_noise_is_there_and_no_larger_than_told(row):
    """Two functions of the same kind differ by their noise."""
    kind, quiet = row.name.rsplit(" ", 1)[0], None
    quiet = next(r for r in NOISY if r.name.startswith(kind) and r.name.endswith("1e-10"))
    sigma = row.accuracy / 10.0
    random = np.random.default_rng(1)
    gaps = []
    for _ in range(50):
        x = row.x0 + 0.1 * random.standard_normal(row.x0.size)
        size = abs(quiet.fun(x)) if "relative" in kind else 1.0
        gaps.append((row.fun(x) - quiet.fun(x)) / size)
    assert max(map(abs, gaps)) <= sigma + 2e-10
    if row is not quiet:
        assert min(gaps) < -0.5 * sigma
        assert max(gaps) > 0.5 * sigma


def test_what_holds_of_an_end():
    row = next(r for r in ROUGH if r.name == "Huber")
    assert row.holds(1e-7, 0)
    assert not row.holds(1e-5, 0)  # a success that is none
    assert not row.holds(0.0, 4)
    endless = next(r for r in ROUGH if r.name == "-x")
    assert endless.holds(-1e30, -1)
    assert not endless.holds(-1e30, 0)
    assert not endless.holds(-5.0, -1)
