"""What is said about first calls, and what small changes of a call compile."""

import subprocess

import warm
from numba import njit
from test_precompile import command

import fastopt
from fastopt import _progress

SAID = """
from numba import njit
import numpy as np
import fastopt
from fastopt import _progress

_progress.LONG = 0.02
_progress.EVERY = 0.01

@njit
def slow(x):
    return np.sum(np.exp(np.outer(x, x)) - x) ** 2

options = {"learning_rate": 0.001, "maxiter": 2, "disp": True}
fastopt.minimize(slow, [0.1, 0.2], method="sgd", options=options)
"""


def test_a_long_first_call_says_so_and_a_later_process_does_not(tmp_path):
    script = tmp_path / "said.py"
    script.write_text(SAID)
    warm.fill(tmp_path / "cache")
    first, second = (
        subprocess.run(**command(tmp_path / "cache", str(script)), check=True) for _ in range(2)
    )
    assert first.stdout.count("Compiling slow ... (first call for this function)") == 1
    assert "Compiling" not in second.stdout
    assert "Current function value" in second.stdout


def test_nothing_is_said_without_disp(monkeypatch, capsys):
    monkeypatch.setattr(_progress, "LONG", 0.0)

    @njit
    def fun(x):
        return (x[0] - 0.125) ** 2

    fastopt.minimize(fun, [0.0], method="sgd", options={"learning_rate": 0.1, "maxiter": 1})
    assert capsys.readouterr().out == ""
