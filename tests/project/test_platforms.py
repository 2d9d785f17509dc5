"""What the package does on systems other than Linux, as far as Linux can imitate them."""

import os
import subprocess
import sys

import pytest
import warm

from fastopt.compiling import private_folder
from fastopt.inputs import batch_inputs
from fastopt.storage import npz

# What Python has on Linux alone, or on POSIX systems alone.
MISSING = """
    fork forkpty getuid geteuid getgid register_at_fork sched_getaffinity sysconf O_NOFOLLOW
    O_DIRECTORY O_NONBLOCK O_CLOEXEC
""".split()
IMITATE = f"""
import os, sys
import numba, scipy.optimize, concurrent.futures, multiprocessing, tempfile
for name in {MISSING}:
    delattr(os, name)
os.supports_dir_fd, os.supports_fd = set(), set()
"""
USE = """
import numpy as np
import fastopt
from fastopt.compiling import disk_cache, private_folder

assert not private_folder.HANDLES
fastopt.show_config()
folder = disk_cache.directory()
before = set(folder.iterdir())

@numba.njit
def fun(x, d):
    return (x[0] - d) ** 2

res = fastopt.minimize(fun, [0.0], args=(2.0,))
assert res.success and abs(res.x[0] - 2.0) < 1e-4, res
new = set(folder.iterdir()) - before
assert new and all(file.suffix == ".nbc" for file in new), new
name, path = next(iter(new)), tempfile.mkdtemp()
assert disk_cache.folder().read(name.name) == name.read_bytes()

call = dict(fun=fun, x0=[0.0], data=np.arange(2000.0))
for _ in range(2):  # the second finds what the first has left, as after a crash
    batch = fastopt.minimize_batch(**call, options={"checkpoint": f"{path}/batch"})
    np.testing.assert_allclose(batch.x[:, 0], np.arange(2000.0), atol=1e-4)
fastopt.save(f"{path}/a.npz", x=batch.x)
fastopt.save(f"{path}/a.npz", x=res.x)  # replaces it
np.testing.assert_array_equal(fastopt.load(f"{path}/a.npz")["x"], res.x)
opt, x = fastopt.Adam(0.1), np.ones(200_000)
opt.step(x, np.ones(200_000))
print("all done")
"""


def test_without_what_posix_has(tmp_path):
    """Compiled code is kept, batches have threads, files are replaced and found again."""
    warm.fill(tmp_path)
    tmp_path.chmod(0o777)  # there is no owner to ask for
    command = [sys.executable, "-W", "error", "-c", IMITATE + USE]
    env = {**os.environ, "FASTOPT_CACHE_DIR": str(tmp_path)}
    out = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert out.stdout.endswith("all done\n"), out.stdout + out.stderr


@pytest.mark.parametrize(
    ("platform", "variables", "place"),
    [
        ("linux", {}, "HOME/.cache"),
        ("linux", {"XDG_CACHE_HOME": "/elsewhere"}, "/elsewhere"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "HOME/.cache"),
        ("freebsd14", {}, "HOME/.cache"),
        ("darwin", {"XDG_CACHE_HOME": "/elsewhere"}, "HOME/Library/Caches"),
        ("win32", {}, "HOME/AppData/Local"),
        ("win32", {"LOCALAPPDATA": "/c/users/me/local"}, "/c/users/me/local"),
    ],
)
def test_where_the_cache_is(monkeypatch, tmp_path, platform, variables, place):
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(private_folder.sys, "platform", platform)
    assert private_folder.cache_home() == place.replace("HOME", str(tmp_path))


def test_memory_is_unknown_where_no_system_tells(monkeypatch):
    def missing(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(batch_inputs, "open", missing, raising=False)
    assert 0 < batch_inputs.available() < float("inf")  # all there is, by sysconf
    monkeypatch.delattr(os, "sysconf")
    assert batch_inputs.available() == float("inf")


def test_no_process_is_asked_for_where_a_signal_would_end_it(monkeypatch, tmp_path):
    """On Windows, os.kill(number, 0) ends a process; a file in use cannot be deleted there."""
    monkeypatch.setattr(npz.os, "name", "nt")
    monkeypatch.setattr(npz.os, "kill", lambda *_: pytest.fail("a signal was sent"))
    left = tmp_path / f"a.npz.{os.getpid()}-1.part"
    left.write_bytes(b"PK")
    npz.clean_up(str(tmp_path / "a.npz"))
    assert not left.exists()


def test_a_file_in_use_is_left(monkeypatch, tmp_path):
    """What Windows raises where another process has a file open that is to be replaced."""

    def refuse(*_, **__):
        raise PermissionError(13, "Access is denied")

    folder = private_folder.Folder(tmp_path)
    folder.make()
    folder.write("a", b"before")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        folder.write("a", b"after")
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    assert folder.read("a") == b"before"
