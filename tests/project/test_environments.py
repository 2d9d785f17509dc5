"""Where processes stand: directories that move, no home, no compiler, large constants."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from numba.core import event

import fastopt
from fastopt.compiling import compiler, disk_cache


@pytest.fixture
def unsettled():
    """Let the cache directory be looked up again, before and after."""
    disk_cache.folder.cache_clear()
    yield
    disk_cache.folder.cache_clear()


def twice(v):
    return v + v


def hits():
    """Compile as a new process does; return how much of it came from the disk."""
    compiled = numba.njit(twice)
    compiled._cache = disk_cache.DiskCache("0")
    assert compiled(2.0) == 4.0
    return sum(compiled.stats.cache_hits.values())


def test_a_relative_directory_stays_where_it_was(tmp_path, monkeypatch, unsettled):
    home, shared = tmp_path / "home", tmp_path / "shared"
    for place in (home, shared / "cache"):
        place.mkdir(parents=True)
    monkeypatch.setenv("FASTOPT_CACHE_DIR", "cache")
    monkeypatch.chdir(home)
    assert hits() == 0
    (kept,) = (home / "cache").iterdir()
    (shared / "cache" / kept.name).write_bytes(b"of a stranger")
    (shared / "cache").chmod(0o777)
    monkeypatch.chdir(shared)
    assert hits() == 1
    assert [f.read_bytes() for f in (shared / "cache").iterdir()] == [b"of a stranger"]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="XDG's variables are not read")
def test_a_relative_cache_home_is_ignored(tmp_path, monkeypatch, unsettled):
    monkeypatch.delenv("FASTOPT_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert hits() == 0
    assert len(list((tmp_path / "home" / ".cache" / "fastopt").iterdir())) == 1
    assert not (tmp_path / "cache").exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no users of this kind")
def test_a_user_without_a_home(monkeypatch, unsettled):
    """As in a container whose user has no entry among the system's users."""
    import pwd

    def unknown(user):
        raise KeyError(f"getpwuid(): uid not found: {user}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "XDG_CACHE_HOME", "FASTOPT_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    with pytest.warns(RuntimeWarning, match="there is no home directory"):
        assert hits() == 0
    assert hits() == 0


WITHOUT_COMPILER = """
import fastopt
for method in fastopt.methods():
    for options in ({}, {"learning_rate": 0.1, "maxiter": 5}):
        res = fastopt.minimize(lambda x: (x[0] - 3.0) ** 2, [0.0], method=method, options=options)
        assert res.fun < 9.0, (method, options, res)
        assert options or abs(res.x[0] - 3.0) < 1e-3, (method, res)
"""


def test_every_method_runs_without_the_compiler():
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT_COMPILER]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


LARGE = np.linspace(0.0, 1.0, 1_500_000)  # 12 MB


class Passes(event.Listener):
    count = 0

    def on_start(self, event):
        self.count += 1

    def on_end(self, event):
        pass


def test_a_large_global_array_is_compiled_once():
    def fun(x):
        return (x[0] - LARGE[-1]) ** 2

    passes, kept = Passes(), []
    with event.install_listener("numba:run_pass", passes):
        for _ in range(4):
            result = fastopt.minimize_batch(fun, np.zeros((2, 1)), workers=1)
            np.testing.assert_allclose(result.x, 1.0, atol=1e-4)
            kept.append((passes.count, len(compiler._compiled), len(compiler._users)))
    assert kept[0][0] > 0
    assert kept[1:] == kept[:1] * 3
