"""What `show_config` says on machines where something is missing or broken; the CPU works on all.

Each environment is a process of its own. All share the tests' compiled code where they may.
"""

import os
import subprocess
import sys

import pytest
from processes import WITHOUT_NUMBA_CUDA

ASK = """
import fastopt
fastopt.show_config()
try:
    fastopt.minimize(lambda x: float(x @ x), [1.0], device="cuda")
except (RuntimeError, ValueError) as error:
    print("refused   ", error)
how = {"learning_rate": 0.25, "gtol": 1e-4}  # the search takes longer to compile
res = fastopt.minimize(lambda x: float((x[0] - 2.0) ** 2), [1.0], method="sgd", options=how)
print("solved    ", res.success, round(float(res.x[0]), 3), res.device)
"""
BROKEN = """
import sys

class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "numba.cuda":
            raise AttributeError("module 'numpy' has no attribute 'row_stack'")

sys.meta_path.insert(0, Broken())
import numpy
numpy.row_stack = numpy.vstack  # whichever NumPy is at hand: what is broken is numba-cuda
"""


def lines(script, remove=(), **env):
    """What is printed after each name; what went to stderr is under "stderr"."""
    env = {name: text for name, text in {**os.environ, **env}.items() if name not in remove}
    command = [sys.executable, "-c", script]
    out = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert out.returncode == 0, out.stderr
    found = {line[:10].strip(): line[11:].strip() for line in out.stdout.splitlines()}
    assert found["solved"] == "True 2.0 cpu"
    return {**found, "stderr": out.stderr}


def test_without_numba_cuda():
    found = lines(WITHOUT_NUMBA_CUDA + ASK)
    wanted = (
        "the package numba-cuda is not installed. Install it with: pip install 'fastopt[cuda]'."
    )
    assert found["cuda"] == wanted
    assert found["refused"] == f"device='cuda' cannot be used: {wanted}"
    assert not found["stderr"]


def test_with_a_broken_numba_cuda():
    """Whatever its import raises is said in a sentence."""
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    found = lines(BROKEN + ASK)
    assert found["cuda"].startswith("numba-cuda cannot be used with Python ")
    assert "pip install 'fastopt[cuda]'" in found["cuda"]
    assert found["cuda"] in found["refused"]
    assert not found["stderr"]


def test_without_a_driver():
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    found = lines(ASK, CUDA_VISIBLE_DEVICES="-1")
    assert "driver" in found["cuda"]
    assert "numba-cuda is installed" in found["cuda"]
    assert found["cuda"] in found["refused"]


def test_with_the_simulator():
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    found = lines(ASK, NUMBA_ENABLE_CUDASIM="1")
    assert "simulator" in found["cuda"]
    assert "must be a function" in found["refused"]  # a device is there: only the problem is wrong


ROOT = hasattr(os, "getuid") and os.getuid() == 0


def test_with_a_home_that_cannot_be_written(tmp_path):
    """A file stands where the directory should be: not even root can write there."""
    home = tmp_path / "home"
    home.write_text("")
    names = {"HOME", "USERPROFILE", "LOCALAPPDATA"}
    found = lines(ASK, {"FASTOPT_CACHE_DIR", "XDG_CACHE_HOME"}, **dict.fromkeys(names, str(home)))
    assert found["cache"] == "off"
    assert "cannot be written" in found["stderr"]
    assert "Set FASTOPT_CACHE_DIR" in found["stderr"]


@pytest.mark.skipif(ROOT, reason="root may write anywhere")
def test_with_a_home_of_mode_500(tmp_path):
    tmp_path.chmod(0o500)
    found = lines(ASK, {"FASTOPT_CACHE_DIR", "XDG_CACHE_HOME"}, HOME=str(tmp_path))
    assert found["cache"] == "off"
    assert "cannot be written" in found["stderr"]


def test_with_a_home_that_is_missing(tmp_path):
    """It is made, as by other programs."""
    names, home = {"HOME", "USERPROFILE", "LOCALAPPDATA"}, tmp_path / "home"
    found = lines(ASK, {"FASTOPT_CACHE_DIR", "XDG_CACHE_HOME"}, **dict.fromkeys(names, str(home)))
    assert found["cache"].startswith(str(home))
    assert not found["stderr"]
