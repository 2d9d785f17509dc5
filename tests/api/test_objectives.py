"""Compiled objectives of every kind that people write, and that a cache could get wrong."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from numba import njit
from numba.extending import overload

import fastopt
from fastopt.compiling import compiler, content_digest

TABLE = np.full(200_000, 3.0)  # 1.6 MB: Numba compiles its address, not its content


@njit
def from_table(x):
    return (x[0] - TABLE[0]) ** 2 + (x[0] - TABLE[-1]) ** 2


@njit
def recursive(x, depth):
    return (x[0] - 2.0) ** 2 if depth == 0 else recursive(x, depth - 1)


@njit
def from_items(x, items):
    return (x[0] - items[0]) ** 2 + (x[0] - items[1]) ** 2


def centre():
    """A stub that only compiled code can call."""


@overload(centre)
def _():
    return lambda: 2.0


@njit
def around_stub(x):
    return (x[0] - centre()) ** 2


# The loop that compiles fastest: here it is about what it is compiled around.
SIMPLE = {"learning_rate": 0.25, "gtol": 1e-7}


def solution(fun, *args):
    res = fastopt.minimize(fun, [0.0], args=args, method="sgd", options=SIMPLE)
    assert res.success, res.message
    return pytest.approx(res.x[0], abs=1e-6)


def test_constants_of_any_size():
    assert solution(from_table) == 3.0
    assert not content_digest.of(from_table).cacheable


def test_recursion():
    assert solution(recursive, 3) == 2.0


@pytest.mark.parametrize("kind", [numba.typed.List, tuple, np.array])
def test_args_that_are_counted(kind):
    assert solution(from_items, kind([1.0, 2.0])) == 1.5


def test_an_objective_may_keep_its_points():
    """Arrays put into a list outlive the solve, each with its point of then."""

    @njit
    def logged(x, log):
        log.append(x)
        return (x[0] - 1.5) ** 2

    log = numba.typed.List([np.zeros(1)])
    with pytest.warns(UserWarning, match="Differences are used"):  # a list of floats, not of duals
        res = fastopt.minimize(logged, [0.0], args=(log,))
    assert res.x[0] == pytest.approx(1.5, abs=1e-6)
    del res
    first, last = log[1], log[-1]
    assert first.ctypes.data != last.ctypes.data
    assert abs(first[0]) < 1e-6
    assert abs(last[0] - 1.5) < 1e-6


def test_overloads_are_not_kept():
    """Their code is out of the fingerprint's sight."""
    assert solution(around_stub) == 2.0
    assert not compiler.user(around_stub)[1].cacheable


def test_long_records_are_hashed_whole():
    def make(target):
        # Of more than 1000 items NumPy prints the ends only. (Numba takes a moment for each byte.)
        record = np.zeros(1, dtype=[("a", "i1", (1100,))])[0]
        record["a"][550] = target
        assert "..." in str(record)

        @njit
        def fun(x):
            return (x[0] - record["a"][550]) ** 2

        return fun

    assert solution(make(2)) == 2.0
    assert solution(make(5)) == 5.0


def test_a_parameter_fixed_by_its_bounds_in_float32():
    bounds = [(0.1, 0.1), (-1e300, 2.0)]
    start = np.array([0.1, 1.0], np.float32)
    res = fastopt.minimize(lambda x: x[0] + (x[1] - 0.5) ** 2, start, bounds=bounds, jac="3-point")
    assert res.x[0] == np.float32(0.1)
    assert res.x[1] == pytest.approx(0.5, abs=1e-3)


def test_a_gradient_that_turns_nan_is_a_status():
    res = fastopt.minimize(
        lambda x: float(x[0]), [1.0], jac=lambda x: [np.nan if x[0] < 0.5 else 1.0]
    )
    assert not res.success
    assert res.status < 0


def answer(folder, text, module="objective"):
    """What a new process finds for the objective in a module of this name."""
    (folder / f"{module}.py").write_text(text)
    call = f"fastopt.minimize({module}.fun, [0.0], method='sgd', options={SIMPLE})"
    program = f"import {module}, fastopt; print({call}.x[0])"
    env = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
    )
    return pytest.approx(float(done.stdout), abs=1e-6)


def test_a_module_named_like_one_of_pythons(tmp_path):
    text = "from numba import njit\n@njit\ndef fun(x):\n    return (x[0] - {}) ** 2\n"
    assert answer(tmp_path, text.format(2.0), "profile") == 2.0
    assert answer(tmp_path, text.format(5.0), "profile") == 5.0


def test_large_constants_in_a_second_process(tmp_path):
    text = (
        "import numpy as np\nfrom numba import njit\nT = np.full(200_000, 3.0)\n"
        "@njit\ndef fun(x):\n    return (x[0] - T[1]) ** 2\n"
    )
    assert answer(tmp_path, text) == 3.0
    assert answer(tmp_path, text) == 3.0
