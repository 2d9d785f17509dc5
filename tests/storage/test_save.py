"""`fastopt.save` and `load`: what was given comes back, and no file is ever half written."""

import collections
import os
import pathlib
import subprocess
import sys
import zipfile

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

import fastopt
from fastopt.storage import npz

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ARRAYS = numpy_strategies.arrays(
    st.sampled_from(["f8", "f4", ">f4", "i8", "u1", "?", "c16", "U3", "M8[s]"]),
    numpy_strategies.array_shapes(min_dims=0, min_side=0, max_dims=3, max_side=3),
)
VALUES = st.recursive(
    PLAIN | ARRAYS | st.floats(width=32).map(np.float32),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(PLAIN, inner, max_size=3)
    ),
    max_leaves=8,
)


def same(a, b):
    """Equal in kind, dtype, shape and bits."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray | np.generic):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if isinstance(a, dict):
        return same(list(a), list(b)) and same(list(a.values()), list(b.values()))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return repr(a) == repr(b)  # NaN, and -0.0


@hypothesis.settings(max_examples=150)
@hypothesis.given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_what_was_given_comes_back(tmp_path_factory, items):
    path = tmp_path_factory.getbasetemp() / "given.npz"
    fastopt.save(path, **items)
    assert same(fastopt.load(path), items)


def test_names_are_kept_for_numpy(tmp_path):
    path = tmp_path / "state"  # no suffix is added
    fastopt.save(path, params={"w": np.ones(2), "layers": [np.zeros(3)]}, path=np.ones(1))
    with np.load(path) as file:
        assert set(file.files) == {"fastopt", "params/w", "params/layers/0", "path"}
        np.testing.assert_array_equal(file["params/layers/0"], np.zeros(3))


def test_kinds_of_containers_and_orders(tmp_path):
    path = tmp_path / "state.npz"
    fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    fastopt.save(path, a=collections.OrderedDict(b=fortran), strided=np.arange(9.0)[::2])
    back = fastopt.load(path)
    assert type(back["a"]) is dict
    np.testing.assert_array_equal(back["a"]["b"], fortran)
    np.testing.assert_array_equal(back["strided"], [0, 2, 4, 6, 8])


class Tensor:
    """As PyTorch's that wants a gradient: NumPy gets it detached only."""

    def __init__(self, attached=True):
        self.attached = attached

    def detach(self):
        return Tensor(False)

    def __array__(self, dtype=None, copy=None):
        assert not self.attached
        return np.ones(3, np.float32)


class OnDevice:
    """As CuPy's arrays."""

    __cuda_array_interface__ = None

    def get(self):
        return np.ones(2)


def test_arrays_of_other_libraries(tmp_path):
    path = tmp_path / "state.npz"
    fastopt.save(path, tensor=Tensor(), device=[OnDevice()])
    back = fastopt.load(path)
    assert same(back, {"tensor": np.ones(3, np.float32), "device": [np.ones(2)]})


Point = collections.namedtuple("Point", "x y")
REFUSED = {
    "objects": (np.array([{}]), "a/0 is an array of object"),
    "records": (np.zeros(2, [("x", "f8")]), "a/0 is an array of"),
    "masked": (np.ma.array([1.0], mask=[True]), "a/0 is a masked array"),
    "function": (len, "a/0 is a builtin_function_or_method"),
    "bytes": (b"x", "a/0 is a bytes"),
    "namedtuple": (Point(1, 2), r"a/0 is a Point.*_asdict"),
    "key": ({(1, 2): 3}, r"a/0 has the key \(1, 2\)"),
}


@pytest.mark.parametrize(("value", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_saved_is_named(tmp_path, value, says):
    path = tmp_path / "state.npz"
    fastopt.save(path, old=1)
    with pytest.raises(TypeError, match=says):
        fastopt.save(path, a=[value])
    assert fastopt.load(path) == {"old": 1}


def test_containers_that_hold_themselves(tmp_path):
    endless = {}
    endless["again"] = [endless]
    with pytest.raises(ValueError, match="holds itself, or is nested too deeply"):
        fastopt.save(tmp_path / "state.npz", a=endless)


@pytest.mark.parametrize("path", [None, 5, True, b"state.npz", ""])
def test_what_is_no_path(path):
    """A number would be a file that is open already."""
    for call in (fastopt.save, fastopt.load):
        with pytest.raises(TypeError, match=f"path must be the path of a file, not {path!r}"):
            call(path)


def test_only_files_are_replaced(tmp_path):
    """Who may read one stays."""
    path, pipe = tmp_path / "state.npz", tmp_path / "pipe"
    fastopt.save(path, old=1)
    path.chmod(0o600)
    fastopt.save(path, new=2)
    assert path.stat().st_mode & 0o777 == 0o600
    os.mkfifo(pipe)
    for other in (tmp_path, pipe):
        with pytest.raises(OSError, match=f"{other.name} is a folder or a device, not a file"):
            fastopt.save(other, new=2)
    assert pipe.is_fifo()
    assert {file.name for file in tmp_path.iterdir()} == {"state.npz", "pipe"}


def check_damaged(path, data):
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"state\.npz is not a \.npz file that fastopt\.save"):
        fastopt.load(path)


def test_every_cut_and_every_damaged_byte_is_noticed(tmp_path):
    path, items = tmp_path / "state.npz", {"w": np.arange(4.0), "n": (3, "x")}
    fastopt.save(path, **items)
    good = path.read_bytes()
    for size in range(0, len(good), 5):
        check_damaged(path, good[:size])
    harmless = 0
    for k in range(len(good)):
        path.write_bytes(good[:k] + bytes([good[k] ^ 0x11]) + good[k + 1 :])
        try:
            assert same(fastopt.load(path), items)  # a date in the archive, say
            harmless += 1
        except ValueError:
            pass
    assert harmless < len(good) / 3


def test_foreign_files(tmp_path):
    path = tmp_path / "state.npz"
    np.savez(path, w=np.ones(3))
    check_damaged(path, path.read_bytes())
    np.savez(path, fastopt=np.array({"a": 1}, object))  # a pickle is not opened
    check_damaged(path, path.read_bytes())
    np.savez(path, fastopt=np.array("{}"))
    check_damaged(path, path.read_bytes())
    with open(path, "wb") as file:
        np.save(file, np.ones(3))
    check_damaged(path, path.read_bytes())
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "hello")
    check_damaged(path, path.read_bytes())
    check_damaged(path, b"hello")
    with pytest.raises(FileNotFoundError):
        fastopt.load(tmp_path / "none.npz")


def test_another_format_is_said(tmp_path, monkeypatch):
    path = tmp_path / "state.npz"
    monkeypatch.setattr(npz, "FORMAT", 0)
    fastopt.save(path, w=1)
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"state.npz has format 0; this .* reads format 1"):
        fastopt.load(path)


def test_a_failure_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "state.npz"
    fastopt.save(path, old=np.ones(3))

    def full(file, array, **options):
        file.write(b"part")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(OSError, match="No space left"):
        fastopt.save(path, new=np.ones(3))
    monkeypatch.undo()
    assert same(fastopt.load(path), {"old": np.ones(3)})
    assert [file.name for file in tmp_path.iterdir()] == ["state.npz"]


DIES = """
import os, signal, sys
import numpy as np
import fastopt

path, at = sys.argv[1], sys.argv[2]
real = {"write": np.lib.format.write_array, "fsync": os.fsync, "replace": os.replace}

def die(*args, **options):
    if at == "write":
        args[0].write(b"half")
    os.kill(os.getpid(), signal.SIGKILL)

setattr(np.lib.format if at == "write" else os, "write_array" if at == "write" else at, die)
fastopt.save(path, new=np.zeros(100))
"""


@pytest.mark.parametrize("at", ["write", "fsync", "replace"])
def test_killed_while_writing_leaves_the_old_file(tmp_path, at):
    path = tmp_path / "state.npz"
    fastopt.save(path, old=np.ones(3))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", DIES, path, at], env=env, check=False)
    assert killed.returncode == -9
    assert same(fastopt.load(path), {"old": np.ones(3)})


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    link, real = tmp_path / "link.npz", tmp_path / "there" / "real.npz"
    fastopt.save(real, old=1)
    link.symlink_to(real)
    fastopt.save(link, new=2)
    assert link.is_symlink()
    assert fastopt.load(real) == {"new": 2}
    assert isinstance(fastopt.load(str(pathlib.Path(link))), dict)


def entry(shape, dtype="<f8", data=bytes(24), version=b"\x01\x00"):
    """An entry with a header of one's choice, as NumPy writes it."""
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}"
    text = header.ljust(117) + "\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text.encode() + data


HOSTILE = {
    "petabytes": entry("(1125899906842624,)"),
    "beyond 64 bits": entry(f"({2**63}, {2**63})"),
    "negative": entry("(-3,)"),
    "twice negative": entry("(-3, -1)"),
    "too short": entry("(4,)"),
    "too long": entry("(2,)"),
    "objects": entry("(3,)", "|O"),
    "records": entry("(3,)", [("x", "<f8")]),
    "no tuple": entry("3"),
    "code": entry("(__import__('os').getpid(),)"),
    "another version": entry("(3,)", version=b"\x09\x00"),
    "no header": b"\x93NUMPY",
    "empty": b"",
}


def write(path, data, name="w", method=zipfile.ZIP_STORED, again=0):
    fastopt.save(path, w=np.arange(3.0))
    with zipfile.ZipFile(path) as archive:
        header = archive.read("fastopt.npy")
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("fastopt.npy", header)
        for _ in range(1 + again):
            archive.writestr(f"{name}.npy", data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_files_are_refused_before_memory_is_taken(tmp_path):
    path = tmp_path / "state.npz"
    write(path, entry("(3,)", data=np.arange(3.0).tobytes()))
    assert fastopt.load(path)["w"].tolist() == [0.0, 1.0, 2.0]
    for data in HOSTILE.values():
        write(path, data)
        check_damaged(path, path.read_bytes())
    write(path, entry("(8_000_000,)", data=bytes(64_000_000)), method=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    check_damaged(path, path.read_bytes())
    write(path, entry("(3,)"), again=1)
    check_damaged(path, path.read_bytes())
    write(path, entry("(3,)"), name="../w")
    check_damaged(path, path.read_bytes())
    assert [file.name for file in tmp_path.iterdir()] == ["state.npz"]
