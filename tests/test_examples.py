"""The examples run from a clean clone, and NIST's certified values are found."""

import os
import pathlib
import subprocess
import sys

import numba
import numpy as np
import pytest

import fastopt

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"
sys.path.insert(0, str(EXAMPLES))
import nist  # noqa: E402  (the examples are scripts, not a package)


def digits(found, certified):
    """Digits that agree in the worst parameter."""
    return -np.log10(np.max(np.abs(found - certified) / np.abs(certified)) + 1e-300)


@pytest.fixture(scope="module")
def found():
    """Digits from start 2, by method and data set."""
    table = {"adagrad": {}, "rmsprop": {}}
    for name, functions in nist.MODELS.items():
        data, (fun, jac) = nist.load(name), map(numba.njit, functions)
        for method, row in table.items():
            res = fastopt.minimize(
                fun,
                data.starts[1],
                (data.x, data.y),
                method,
                jac,
                options={"maxfev": 200_000},
            )
            row[name] = digits(res.x, data.certified)
    return table


@pytest.mark.parametrize("method", ["adagrad", "rmsprop"])
def test_five_of_eight_nist_sets_reach_six_digits(found, method):
    assert len(found[method]) == 8
    assert sum(d >= 6 for d in found[method].values()) >= 5, found[method]


def test_certified_residuals():
    """The objectives are NIST's: at the certified parameters they give the certified sum."""
    for name, (fun, _) in nist.MODELS.items():
        data = nist.load(name)
        assert fun(data.certified, data.x, data.y) == pytest.approx(data.certified_rss, rel=1e-9)


@pytest.mark.parametrize(
    ("script", "pictures"),
    [
        ("fit_nist.py", ["fit_nist.png", "fit_nist_convergence.png"]),
        ("rosenbrock_paths.py", ["rosenbrock_paths.png"]),
    ],
)
def test_example_draws_its_pictures(script, pictures, tmp_path):
    env = {**os.environ, "MPLBACKEND": "Agg"}
    command = [sys.executable, str(EXAMPLES / script), "--output", str(tmp_path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for picture in pictures:
        assert (tmp_path / picture).stat().st_size > 20_000
    if script == "fit_nist.py":
        assert all(name in done.stdout for name in nist.MODELS)
