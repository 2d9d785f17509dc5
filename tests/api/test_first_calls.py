"""What is said about first calls, and what small changes of a call compile."""

import subprocess

import numpy as np
import pytest
import warm
from numba import njit
from numba.core import event
from test_precompile import command

import fastopt
from fastopt.results import progress

SAID = """
from numba import njit
from numba.core import event
import numpy as np
import fastopt
from fastopt.results import progress

progress.LONG = 0.02
progress.EVERY = 0.01

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
    monkeypatch.setattr(progress, "LONG", 0.0)

    @njit
    def fun(x):
        return (x[0] - 0.125) ** 2

    fastopt.minimize(fun, [0.0], method="sgd", options={"learning_rate": 0.1, "maxiter": 1})
    assert capsys.readouterr().out == ""


class Compiled(event.Listener):
    """The names of what is compiled."""

    def __init__(self):
        self.names: list = []

    def on_start(self, event):
        self.names.append(event.data["dispatcher"].py_func.__name__.rpartition("_")[0])

    def on_end(self, event):
        pass


@njit
def fit(p, y, t, lam):
    s = 0.0
    for i in range(t.size):
        s += (p[0] * np.exp(-p[1] * t[i]) - y[i]) ** 2
    return s + lam * p[1] ** 2


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


T = np.linspace(0.0, 4.0, 32)
Y = 2.0 * np.exp(-T)
CHANGES = {
    "integer": {"args": (Y, T, 0)},
    "NumPy's float": {"args": (Y, T, np.float64(0.0))},
    "float32": {"args": (Y, T, np.float32(0.0))},
    "read-only": {"args": (read_only(Y), T, 0.0)},
    "strided": {"args": (np.repeat(Y, 2)[::2], T, 0.0)},
    "single data": {"args": (Y.astype(np.float32), T, 0.0)},
    "tolerance": {"tol": 1e-4},
    "callback": {"callback": lambda xk: None},
    "more iterations": {"options": {"maxiter": 31}},
    "rate": {"options": {"learning_rate": 1}},
    "the rule's option": {"options": {"rho": 0.8, "eps": 1e-5}},
    "integers as start": {"x0": [1, 1]},
    "differences": {"jac": "3-point"},
}
FEW = {"method": "rmsprop", "x0": [1.0, 1.0], "args": (Y, T, 0.0), "jac": "2-point"}


@pytest.mark.parametrize("change", CHANGES)
def test_a_small_change_compiles_no_loop(change):
    """The objective's little is compiled for new types of its arguments, the loop for none."""
    options = {"learning_rate": 0.01, "maxiter": 30}
    fastopt.minimize(fit, **FEW, options=options)
    given = {**FEW, **CHANGES[change]}
    given["options"] = {**options, **given.get("options", {})}
    listener = Compiled()
    event.register("numba:compile", listener)
    try:
        fastopt.minimize(fit, **given)
    finally:
        event.unregister("numba:compile", listener)
    assert not {"loop", "solve_in_registers", "solve_at_pointer", "pack"} & set(listener.names)
