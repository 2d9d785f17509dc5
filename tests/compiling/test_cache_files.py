"""The files of the compile cache: damage, look-alikes, and directories not to be trusted."""

import errno
import hashlib
import os
import pickle
import shutil
import stat
from collections import namedtuple

import numba
import pytest
from numba.core import config

from fastopt.compiling import disk_cache, private_folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache directory that does not exist yet."""
    path = tmp_path / "some" / "cache"
    monkeypatch.setenv("FASTOPT_CACHE_DIR", str(path))
    disk_cache.folder.cache_clear()
    yield path
    disk_cache.folder.cache_clear()


def fresh(function, digest="0"):
    """`function` as a process sees it that has not compiled it yet."""
    compiled = numba.njit(function)
    compiled._cache = disk_cache.DiskCache(digest)
    return compiled


def hits(compiled):
    return sum(compiled.stats.cache_hits.values())


def twice(v):
    return v + v


def signed(data):
    return hashlib.sha256(data).digest() + data


def flip(blob):
    middle = len(blob) // 2
    return blob[:middle] + bytes([blob[middle] ^ 1]) + blob[middle + 1 :]


DAMAGES = {
    "empty": lambda blob: b"",
    "half": lambda blob: blob[: len(blob) // 2],
    "one byte short": lambda blob: blob[:-1],
    "one bit flipped": flip,
    "no pickle": lambda blob: signed(b"not compiled code"),
    "another pickle": lambda blob: signed(pickle.dumps((1, 2))),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_a_miss_and_is_replaced(folder, damage):
    assert fresh(twice)(2.0) == 4.0
    (file,) = folder.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    again = fresh(twice)
    assert again(2.0) == 4.0
    assert hits(again) == 0
    last = fresh(twice)
    assert last(2.0) == 4.0
    assert hits(last) == 1


SETTINGS = ("BOUNDSCHECK", "DEBUGINFO_DEFAULT", "LOOP_VECTORIZE", "OPT", "SLP_VECTORIZE")


@pytest.mark.parametrize("name", SETTINGS)
def test_numba_s_settings_have_their_own_files(folder, name, monkeypatch):
    fresh(twice)(2.0)
    before = getattr(config, name)
    other = type(before)(0) if before else 1
    monkeypatch.setattr(config, name, other)
    again = fresh(twice)
    assert again(2.0) == 4.0
    assert hits(again) == 0
    assert len(list(folder.iterdir())) == 2


def test_argument_types_have_their_own_files(folder):
    one = fresh(twice)
    assert (one(2.0), one(2)) == (4.0, 4)
    assert len(list(folder.iterdir())) == 2
    other = fresh(twice)
    assert (other(2), other(2.0)) == (4, 4.0)
    assert hits(other) == 2


def first_minus_second(p):
    return p.a - p.b


def of_a_pair(pair):
    return pair[0].a - pair[0].b


def of_a_list(points):
    return points[0].a - points[0].b


@pytest.mark.parametrize(
    ("function", "wrap"),
    [
        (first_minus_second, lambda p: p),
        (of_a_pair, lambda p: (p, 1.0)),
        (of_a_pair, lambda p: (p, p)),
        (of_a_list, lambda p: [p]),
    ],
    ids=["alone", "in a tuple", "in a tuple of equals", "in a list"],
)
@pytest.mark.filterwarnings("ignore::numba.NumbaPendingDeprecationWarning")
def test_a_named_tuple_with_other_fields_is_another_type(folder, function, wrap):
    before, after = namedtuple("Point", "a b"), namedtuple("Point", "b a")
    assert fresh(function)(wrap(before(5.0, 3.0))) == 2.0
    assert fresh(function)(wrap(after(5.0, 3.0))) == -2.0


def test_a_function_as_an_argument_is_not_kept(folder):
    def apply(f, v):
        return f(v)

    plus, minus = numba.njit(lambda v: v + 1.0), numba.njit(lambda v: v - 1.0)
    assert fresh(apply)(plus, 1.0) == 2.0
    assert fresh(apply)(minus, 1.0) == 0.0
    assert not folder.exists() or not list(folder.iterdir())


def countdown(v, n=2):
    return v if n == 0 else countdown(v, n - 1)


def test_recursive_calls_are_not_kept(folder, monkeypatch):
    """Numba fills in their addresses after it has compiled, but not after it has loaded."""
    compiled = numba.njit(countdown)
    monkeypatch.setitem(countdown.__globals__, "countdown", compiled)

    def calls(v):
        return compiled(v)

    for _ in range(2):
        again = fresh(calls)
        assert again(2.0) == 2.0
        assert hits(again) == 0
    assert not folder.exists() or not list(folder.iterdir())


def test_a_directory_that_vanishes_costs_only_the_file(folder):
    compiled = fresh(twice)
    assert compiled(2.0) == 4.0
    shutil.rmtree(folder)
    assert compiled(2) == 4
    assert fresh(twice)(2.0) == 4.0


def test_the_oldest_files_go_first(folder, monkeypatch):
    monkeypatch.setattr(disk_cache, "_KEEP", 2)
    for age, digest in enumerate("abcd"):
        fresh(twice, digest)(2.0)
        newest = max(folder.iterdir(), key=lambda f: f.stat().st_mtime_ns)
        os.utime(newest, (1000 + age, 1000 + age))
    kept = [digest for digest in "abcd" if hits_after_call(digest)]
    assert len(list(folder.iterdir())) == 2
    assert kept == ["c", "d"]


def hits_after_call(digest):
    compiled = fresh(twice, digest)
    compiled._cache.save_overload = lambda *_: None
    compiled(2.0)
    return hits(compiled)


# The directory.

posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="no POSIX owners and modes here")


@posix
def test_the_directory_is_made_private(folder):
    assert disk_cache.directory() == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@posix
@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_a_directory_that_others_may_write_to_is_refused(folder, mode):
    folder.mkdir(parents=True)
    folder.chmod(mode)
    with pytest.warns(RuntimeWarning, match=f"written by others.*{mode:o}.*chmod 700") as given:
        assert disk_cache.directory() is None
    assert str(folder) in str(given[0].message)
    assert fresh(twice)(2.0) == 4.0  # without a second warning
    assert not list(folder.iterdir())


@posix
def test_a_directory_of_another_user_is_refused(folder, monkeypatch):
    folder.mkdir(parents=True, mode=0o700)
    if os.getuid() == 0:
        os.chown(folder, 12345, 12345)
    else:
        owner = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.warns(RuntimeWarning, match="another user"):
        assert disk_cache.directory() is None


@posix
def test_a_directory_of_root_is_read_by_others(folder, monkeypatch):
    """Root may run what it likes anyway; it fills the cache of a container, say."""
    status = os.stat_result((stat.S_IFDIR | 0o755, 0, 0, 1, 0, 0, 0, 0, 0, 0))
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    private_folder.require_own(status)
    writable = os.stat_result((stat.S_IFDIR | 0o757, 0, 0, 1, 0, 0, 0, 0, 0, 0))
    with pytest.raises(PermissionError):
        private_folder.require_own(writable)


def test_a_directory_that_is_only_readable_is_read(folder, monkeypatch):
    """Nothing is written to it, and nothing said."""
    fresh(twice)(2.0)
    (kept,) = folder.iterdir()
    disk_cache.folder.cache_clear()

    def refuse(*_args, **_more):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(private_folder.Folder, "write", refuse)
    again = fresh(twice)
    assert again(2.0) == 4.0
    assert hits(again) == 1
    assert fresh(twice, "other")(2.0) == 4.0
    assert list(folder.iterdir()) == [kept]


def test_readable_by_others_is_fine(folder):
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    assert disk_cache.directory() == folder


def test_off_means_no_directory(folder, monkeypatch):
    monkeypatch.setenv("FASTOPT_CACHE", "0")
    assert fresh(twice)(2.0) == 4.0
    assert not folder.exists()
