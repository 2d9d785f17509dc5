"""NUMBA_DISABLE_JIT=1: what works in plain Python does, and the rest says so."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

CODE = """
import json
import fastopt, numba
import numpy as np

fun = lambda x, *more: np.sum((x - 1.0) ** 2)
x = np.array([0.0, 3.0])
said = {}

def call(name, door):
    try:
        said[name] = door()
    except RuntimeError as error:
        said[name] = str(error)

def stepped():
    y = x.copy()
    fastopt.kernels.rmsprop(y, np.ones(2), (np.zeros(2), None), NUMBERS)
    return y.tolist()

NUMBERS = tuple(fastopt.RMSProp(0.1, eps=1e-8).coefficients(1)[0])
call("minimize", lambda: fastopt.minimize(numba.njit(fun), x).x.tolist())
call("rate", lambda: fastopt.minimize(fun, x, options={"learning_rate": 0.1}).x.tolist())
both = lambda: fastopt.value_and_grad(fun)(x)
call("value_and_grad", lambda: [np.asarray(v).tolist() for v in both()])
call("compare_grad", lambda: bool(fastopt.compare_grad(fun, x).success))
call("kernels", stepped)
call("batch", lambda: fastopt.minimize_batch(fun, [x, x]))
call("stochastic", lambda: fastopt.minimize_stochastic(fun, x, np.ones(3)))
call("multistart", lambda: fastopt.multistart(fun, [(0, 2), (0, 4)]))
call("step", lambda: fastopt.Adam(0.1).step(x.copy(), x.copy()))
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said():
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "FASTOPT_CACHE": "0"}
    run = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, env=environment, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)


def test_what_works(said):
    np.testing.assert_allclose(said["minimize"], 1.0, atol=1e-5)
    np.testing.assert_allclose(said["rate"], 1.0, atol=0.1)
    assert said["value_and_grad"] == [5.0, [-2.0, 4.0]]
    assert said["compare_grad"] is True
    root = 0.1 / np.sqrt(0.1 + 1e-8)
    np.testing.assert_allclose(said["kernels"], [-root, 3.0 - root])


@pytest.mark.parametrize("door", ["batch", "stochastic", "multistart", "step"])
def test_what_says_so(said, door):
    assert "needs Numba's compiler, which NUMBA_DISABLE_JIT turns off" in said[door]
