"""The bodies of tests/gpu at tiny sizes, in Numba's simulator; the more of them are for a GPU only.

Most of the time goes into compiling the CPU's side.
"""

import json
import subprocess
import sys
from pathlib import Path

import device_cases as cases
import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
from numba import cuda

import fastopt

pytest.importorskip("fastopt.targets.cuda.cuda_target")
there = cuda.to_device
ROOT = Path(__file__).parents[2]


def back(array):
    return array.copy_to_host() if hasattr(array, "copy_to_host") else np.asarray(array)


@pytest.mark.parametrize("case", [cases.own_options, cases.resident_with_bounds])
def test_batches(case):
    case(there, 3)


@pytest.mark.parametrize("given", [{}, {"options": {"learning_rate": 0.1, "maxiter": 3}}])
def test_one(given):
    cases.one_agrees(cases.One(there, back, 4, np.float32, (2, 2)), **given)


def test_one_with_a_callback():
    cases.one_with_a_callback(cases.One(there, back, 3))


def test_no_step_is_a_status():
    """The host would look for a minimum at a kink; on a device the status stays as it is."""

    def wrong(x):
        d = back(x) - 2.0
        return float(d @ d), there(-2.0 * d)

    res = fastopt.minimize(wrong, there(np.array([0.3])), jac=True)
    assert not res.success
    assert res.status == -2


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What gpu_report.py writes here."""
    folder, script = tmp_path_factory.mktemp("report"), ROOT / "benchmarks" / "gpu_report.py"
    command = [sys.executable, str(script), "--quick", "--here", "--output", str(folder)]
    command += ["--only", "copies,small,decay64,minimize,torch"]
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    (table,) = folder.glob("gpu-simulator-*.md")
    return json.loads(table.with_suffix(".json").read_text()), table.read_text()


def test_the_report(report):
    found, table = report
    assert "Simulator, not a measurement" in table
    assert not [e for e in found["errors"] if not e.startswith("torch")], found["errors"]
    kinds = {(f["part"], f.get("kind")) for f in found["figures"]}
    assert kinds >= {
        ("copies", "copy"),
        ("small", "small"),
        ("small", "several"),
        ("decay64", "resident"),
        ("decay64", "host"),
        ("decay64", "same minima"),
        ("minimize", "evaluation"),
    }
    rows = {row["target"]: row for row in found["targets"]}
    assert rows["PyTorch's rmsprop, time over ours, float32"]["measured"] == "not measured"
    assert all("yes" not in line for line in table.splitlines() if line.startswith("| "))
