"""The report on large problems: what it counts, and how a line reads; nothing is compiled."""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.reports import (  # noqa: E402 (the suite is not installed)
    large_peers,
    large_profiles,
    large_report,
)

POWER = next(row for row in large_report.large.CUTE if row.name == "POWER")
PLAIN = POWER._replace(fun=POWER.fun.py_func)


@pytest.mark.parametrize("solver", large_report.FREE)
def test_a_run_ends_at_the_first_small_gradient(solver):
    x0 = PLAIN.start(10)
    found = large_report.run(PLAIN, 10, x0, solver)
    assert found.hit
    assert 5 < found.nfev < 60
    assert found.f < 1e-5 * PLAIN.fun(x0)[0]


@pytest.mark.parametrize("solver", large_report.FREE)
def test_a_run_that_ends_before_is_no_hit(solver, monkeypatch):
    monkeypatch.setattr(large_report, "MAXFEV", 5)
    found = large_report.run(PLAIN, 10, PLAIN.start(10), solver)
    assert not found.hit
    assert found.nfev == 5


@pytest.mark.parametrize("solver", large_report.BOUNDED)
def test_a_run_with_bounds_ends_at_a_small_projected_gradient(solver):
    """The least point is (0.1, 0, 0, 0.1, ...), where f = (0.01 (1 + 4 + 7 + 10))^2."""
    low, high = PLAIN.bounds(10)
    found = large_report.run(PLAIN, 10, PLAIN.start(10), solver, (low, high))
    assert found.hit
    assert found.nfev < 200
    assert found.f == pytest.approx(0.22**2, rel=1e-2)


def watched(hit, nfev, f):
    found = large_report.Watched(None, (), None)
    found.hit, found.nfev, found.f = hit, nfev, f
    return found


def test_cells_of_a_line():
    ours, other = watched(True, 1200, 1.0), watched(True, 600, 3.0)
    lost = watched(False, 20_000, 0.0)
    assert large_report.cells([ours, other, lost]) == [
        "1,200",
        "600",
        "– / 20,000",
        "2.00",
        "L-BFGS-B, 1",
    ]
    assert large_report.cells([lost, ours, ours])[3:] == ["", "L-BFGS-B, 1"]
    near = watched(True, 600, 1.0 + 1e-7)
    assert large_report.cells([near, ours, ours])[3:] == ["0.50", ""]


def test_table(monkeypatch):
    """A line for each size that differs and each start, then a summary."""
    monkeypatch.setattr(large_report, "run", lambda row, n, x0, s, b: watched(s != "CG", n, 0.0))
    row = PLAIN._replace(size=lambda n: n - n % 4)
    lines = list(large_report.table([row], [8, 11, 12], ["standard", "random"]))
    assert [line.count("|") for line in lines[:6]] == [9] * 6
    assert lines[2] == "| POWER | 8 | standard | 8 | 8 | – / 8 | 1.00 |  |"
    assert lines[6:] == [
        "\nSolved of 4: fastopt 4, L-BFGS-B 4, CG 0.",
        "Ratio: median 1.00, largest 1.0, at most 1 in 100%, at most 2 in 100%.",
    ]
    assert [line.split(" | ")[2] for line in lines[2:6]] == ["standard", "random"] * 2


def test_table_of_profiles(monkeypatch):
    """A miss is infinite, and counts in no ratio; peers that are not installed have no line."""
    monkeypatch.setattr(large_peers, "installed", lambda python, module: False)
    monkeypatch.setattr(large_report, "MAXFEV", 40)
    counts = large_profiles.evaluations([PLAIN, PLAIN], 10, ["standard"], ("fastopt", "L-BFGS-B"))
    counts["fastopt"][1] = float("inf")
    lines = large_profiles.table(counts).splitlines()
    ratio = counts["fastopt"][0] / counts["L-BFGS-B"][0]
    assert lines[2] == f"| fastopt | 1 | {ratio:.2f} | {ratio:.1f} |"
    assert lines[3] == "| L-BFGS-B | 2 | 1.00 | 1.0 |"
    assert len(lines) == 4
