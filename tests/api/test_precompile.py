"""The library's own code, compiled ahead of time, is found by later processes and workers."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

import fastopt
from fastopt.api import precompile_loops
from fastopt.compiling import disk_cache

CHOSEN = "--methods sgd --sizes 2 --bounds no --learning-rates fixed".split()
# What is compiled for an objective, or for the types of its arguments.
OWN = {
    "evaluate",
    "evaluate_near",
    "dual_value",
    "already",
    "fun",
    "run_code",
    "put_row",
    "seeded",
}
OWN |= {"pack", "through", "work", "derived", "divide", "later", "impl"}
LATER = """
import json, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
import numpy as np
from numba import njit
from numba.core import event
import fastopt

class Names(event.Listener):
    found = []
    def on_start(self, event):
        self.found.append(event.data["dispatcher"].py_func.__name__)
    def on_end(self, event):
        pass

def listen():
    event.register("numba:compile", Names())

def found(_):
    return Names.found

@njit
def fun(x, y):
    return (x[0] - y[0]) ** 2 + (x[1] + 1.0) ** 2

if __name__ == "__main__":
    listen()
    options = {"learning_rate": 0.25, "maxiter": 60}
    y = np.array([[1.0], [2.0], [3.0]])
    given = {"method": "sgd", "options": options}
    one = fastopt.minimize(fun, [0.0, 0.0], (y[0],), **given).x
    many = fastopt.minimize_batch(fun, [0.0, 0.0], y, **given).x
    given["options"] = {"learning_rate": 0.25}
    fastopt.minimize_stochastic(fun, [0.0, 0.0], y, batch_size=1, epochs=2, **given)
    rows = np.resize(y, (256, 1))
    fastopt.minimize_stochastic(fun, [0.0, 0.0], rows, batch_size=256, workers=2, **given)
    fastopt.SGD(0.1).step(np.ones(3), np.ones(3))
    kept, parts = Names.found[:], []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, listen) as pool:
        spread = fastopt.minimize_batch(fun, [0.0, 0.0], y, workers=pool, **given).x
        parts = pool.submit(found, 0).result()
    assert (spread == many).all() and (many[0] == one).all()
    print(json.dumps([many.tolist(), kept, parts]))
"""


def command(cache, *words, **env):
    return {
        "args": [sys.executable, *words],
        "env": {**os.environ, "FASTOPT_CACHE_DIR": str(cache), **env},
        "text": True,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
    }


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A cache that `python -m fastopt.precompile` has filled, and what it printed."""
    cache = tmp_path_factory.mktemp("filled") / "cache"
    done = subprocess.run(**command(cache, "-m", "fastopt.precompile", *CHOSEN), check=True)
    return cache, done.stdout


def test_it_says_what_it_wrote(filled):
    cache, said = filled
    files = len(list(cache.iterdir()))
    assert f"4 variants are compiled: {files} new files" in said
    assert str(cache) in said


def test_later_processes_and_workers_compile_no_loop(filled, tmp_path):
    cache, _ = filled
    script = tmp_path / "later.py"
    script.write_text(LATER)
    done = subprocess.run(**command(cache, str(script)), check=True)
    many, kept, parts = json.loads(done.stdout)
    assert many == [[pytest.approx(y), pytest.approx(-1.0)] for y in (1.0, 2.0, 3.0)]
    kept = [name.rpartition("_")[0] or name for name in kept]  # without a digest
    assert set(kept) <= OWN
    assert "evaluate_near" in kept
    assert parts == []


def test_what_is_there_is_not_compiled_again(filled):
    cache, _ = filled
    before = {file.name: file.stat().st_mtime_ns for file in cache.iterdir()}
    done = subprocess.run(**command(cache, "-m", "fastopt.precompile", *CHOSEN), check=True)
    assert "4 variants are compiled: 0 new files" in done.stdout
    assert before == {file.name: file.stat().st_mtime_ns for file in cache.iterdir()}


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no POSIX owners and modes here")
def test_shared_files_can_be_read_by_others(filled):
    cache, _ = filled
    words = ["-m", "fastopt.precompile", *CHOSEN, "--shared", "--quiet"]
    assert subprocess.run(**command(cache, *words), check=True).stdout == ""
    assert {file.stat().st_mode & 0o777 for file in cache.iterdir()} == {0o644}
    assert cache.stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise there")
def test_ctrl_c_keeps_what_is_compiled(tmp_path):
    cache = tmp_path / "cache"
    process = subprocess.Popen(**command(cache, "-m", "fastopt.precompile", "--methods", "all"))
    while not (cache.exists() and list(cache.glob("*.nbc"))) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=300)[1]
    assert process.returncode == 130, error
    assert "Interrupted; what was compiled is kept." in error
    assert {file.suffix for file in cache.iterdir()} == {".nbc"}


WRONG = [
    ({"methods": "sdg"}, ValueError, "unknown method 'sdg'; did you mean 'sgd'"),
    ({"methods": []}, ValueError, "methods is empty"),
    ({"dtypes": "float16"}, ValueError, "dtypes has 'float16'; known are 'float64', 'float32'"),
    ({"sizes": [0]}, ValueError, "they must be numbers of parameters"),
    ({"sizes": 2.5}, TypeError, "sizes is a float"),
    ({"bounds": "both"}, TypeError, "bounds = ['both']; it must be True, False or both"),
    ({"learning_rates": 0.1}, TypeError, "learning_rates is a float"),
    ({"tasks": ["minimise"]}, ValueError, "tasks has 'minimise'; known are 'minimize'"),
    ({"method": "sgd"}, TypeError, "precompile() has no argument 'method'; did you mean 'methods'"),
]


@pytest.mark.parametrize(("given", "kind", "said"), WRONG, ids=lambda v: str(v)[:20])
def test_what_makes_no_sense_is_said(given, kind, said):
    with pytest.raises(kind) as info:
        fastopt.precompile(**given)
    assert said in str(info.value)


def test_without_a_cache_nothing_would_be_kept(monkeypatch):
    monkeypatch.setenv("FASTOPT_CACHE", "0")
    disk_cache.folder.cache_clear()
    try:
        with pytest.raises(RuntimeError, match="nothing would be kept: FASTOPT_CACHE=0"):
            fastopt.precompile()
    finally:
        monkeypatch.undo()
        disk_cache.folder.cache_clear()


def test_rooms_are_compiled_once_each():
    assert precompile_loops._sizes([1, 2, 5, 6, 7, 30, 40]) == [2, 6, 8, 9]
    assert precompile_loops._sizes(None) == [2, 3, 4, 6, 8, 9]


def test_steps_of_mini_batches_are_those_of_the_learning_rates():
    calls = precompile_loops._stochastic(["sgd"], ["float32"], ["auto", "fixed"])
    assert ["learning_rate" in how["options"] for _, _, how in calls] == [False, True]


def test_the_module_can_be_called_like_the_function():
    module: Any = importlib.import_module("fastopt.precompile")
    with pytest.raises(ValueError, match="unknown method"):
        module("sdg")
