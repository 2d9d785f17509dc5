"""`save` and `load`: nested containers of arrays in one file, written atomically."""

import contextlib
import json
import math
import os
import re
import stat
import zipfile
from typing import Any

import numpy as np

from fastopt.concurrency.delayed_interrupts import DelayedInterrupts

FORMAT = 1
HEADER = "fastopt"  # the entry that describes the others, as JSON
EXPECTED = "a .npz file that fastopt.save has written"
PLAIN = bool, int, float, str, type(None)
# Flags for opening files: never follow a link, and do not let child processes inherit the file.
FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT"))
DTYPE_KINDS = "biufcSUmM"  # dtypes that need no pickle


def save(path, /, **items):
    """Save arrays, numbers and strings, in dicts, lists and tuples, to one ``.npz`` file.

    Parameters
    ----------
    path : str or path-like
        The file; no extension is added. It is replaced in one step at the end: after a crash the
        old file is intact.
    **items
        Values to save, by name: numbers, strings, booleans, None, arrays, and dicts, lists and
        tuples of them, nested to any depth. Arrays of other libraries (PyTorch, CuPy, JAX, Numba's
        on a device) are saved as NumPy's.

    Raises
    ------
    TypeError
        For any other value; nothing is pickled. The message names the value.
    ValueError
        If a container holds itself.
    OSError
        If the file cannot be written.

    See Also
    --------
    load : the reverse.

    Notes
    -----
    `numpy.load` reads the file too: the name of each array is its path, such as
    ``params/weights``. If several processes save to one file, the last one wins.

    Examples
    --------
    >>> import fastopt, numpy as np, pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "state.npz"
    >>> fastopt.save(path, params={"weights": np.ones((2, 3)), "bias": 0.5}, epoch=7)
    >>> state = fastopt.load(path)
    >>> state["epoch"], state["params"]["bias"], state["params"]["weights"].shape
    (7, 0.5, (2, 3))
    >>> folder.cleanup()
    """
    path, arrays = path_of("path", path), {}
    try:
        header = json.dumps({"format": FORMAT, "items": _described("", items, arrays)})
    except RecursionError:
        raise ValueError("what is saved holds itself, or is nested too deeply") from None
    with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in {HEADER: np.array(header), **arrays}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def load(path):
    """Load a file that `save` has written.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    dict
        The items by name, as they were given to `save`. Arrays are NumPy's, with their shapes and
        dtypes. Numbers are equal to the last bit. Dicts, lists and tuples keep their types.

    Raises
    ------
    ValueError
        If this is another kind of file, of a later format, or damaged.
    OSError
        If the file does not exist or cannot be read.

    Examples
    --------
    >>> import fastopt, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fastopt.save(f"{folder}/rule.npz", moments=[0.25, 0.5], rule=("adam", 3))
    ...     fastopt.load(f"{folder}/rule.npz")
    {'moments': [0.25, 0.5], 'rule': ('adam', 3)}
    """
    path = path_of("path", path)
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check_entries(archive, os.fstat(file.fileno()).st_size)
                if bad := archive.testzip():
                    raise ValueError(f"its entry {bad} is damaged")
                header = json.loads(_entry(archive, HEADER).item())
                if header["format"] == FORMAT:
                    return _restored(header["items"], archive)
        except MemoryError:
            raise  # the file is intact: its entries are as large as their arrays
        except Exception as error:  # damaged files make the readers raise all kinds of errors
            reason = f"{type(error).__name__}: {error}".removeprefix("ValueError: ")
            raise ValueError(f"{path} is not {EXPECTED} ({reason})") from error
    raise ValueError(
        f"{path} has format {header['format']}; this version of fastopt reads format {FORMAT}"
    )


def path_of(name, value):
    path = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if isinstance(path, str) and path:
        return path
    raise TypeError(f"{name} must be the path of a file, not {value!r}")


@contextlib.contextmanager
def atomic_write(path):
    """Yield a new file to write to, in the folder of `path`, which it replaces at the end."""
    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(f"{path} is a folder or a device, not a file")  # root could replace those
    part = f"{path}.{os.getpid()}-{int.from_bytes(os.urandom(8), 'little')}.part"
    with DelayedInterrupts():  # Ctrl-C must not leave a partial file
        number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FLAGS, 0o666)
        try:
            with open(number, "wb") as file:
                with contextlib.suppress(FileNotFoundError):
                    os.chmod(part, stat.S_IMODE(os.stat(path).st_mode))  # permissions stay
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise


def clean_up(path):
    """Delete partial files of `atomic_write` from processes that were killed."""
    folder, name = os.path.split(path)
    for entry in os.scandir(folder):
        found = re.fullmatch(re.escape(name) + r"\.(\d{1,9})-\d{1,20}\.part", entry.name)
        if not found or _runs(int(found[1])):
            continue
        with contextlib.suppress(OSError):  # not our own file
            with open_own(entry.path) as file:
                ours = file.read(2) in (b"", b"PK")  # the first bytes of a .npz file
            if ours:
                os.unlink(entry.path)


def _runs(process):
    """Return True if a process with this number exists on this machine."""
    if os.name != "posix":
        return False  # on Windows signal 0 would kill it, and open files cannot be deleted anyway
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # a process of another user
    return True


def open_own(path, *, create=False):
    """Open a file for reading and writing, if it is this user's own.

    Raises
    ------
    OSError
        If it is a link, a folder, a device or another user's file, or has hard links.
    """
    create = os.O_CREAT if create else 0
    try:
        number = os.open(path, os.O_RDWR | getattr(os, "O_NONBLOCK", 0) | create | FLAGS, 0o666)
    except OSError as error:
        if os.path.islink(path):
            raise OSError(f"{path} is a symbolic link, which is not followed") from error
        raise
    try:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode) or os.path.islink(path):
            raise OSError(f"{path} is not a plain file")
        if found.st_nlink > 1 or found.st_uid != getattr(os, "geteuid", lambda: 0)():
            raise OSError(f"{path} is another user's, or has other names too (hard links)")
        return open(number, "r+b")
    except BaseException:
        os.close(number)
        raise


def _described(name, value, arrays):
    """Return a value for JSON, and put its arrays into `arrays`, by their paths."""
    if type(value) in PLAIN:
        return value
    if isinstance(value, dict):
        pairs = []
        for key, item in value.items():
            if type(key) not in PLAIN:
                raise TypeError(f"{name} has the key {key!r}; strings and numbers can be saved")
            pairs.append([key, _described(_joined(name, key), item, arrays)])
        return {"dict": pairs}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        items = [_described(_joined(name, k), item, arrays) for k, item in enumerate(value)]
        return {"list" if isinstance(value, list) else "tuple": items}
    array = _array(name, value)
    entry = re.sub(r"[^\w.\-/]", "_", name)[:200]
    while entry in arrays or entry == HEADER:
        entry += "_"
    arrays[entry] = array
    return {"number" if isinstance(value, np.generic) else "array": entry}


def _joined(name, key):
    return f"{name}/{key}" if name else str(key)


def _array(name, value):
    """Return an array of any library as a NumPy array."""
    array = None
    if hasattr(value, "__cuda_array_interface__") or hasattr(value, "detach"):
        for move in ("detach", "cpu", "copy_to_host", "get"):  # PyTorch, PyTorch, Numba, CuPy
            value = getattr(value, move)() if hasattr(value, move) else value
    if hasattr(value, "__array__"):
        array = np.asarray(value)
    if array is None or array.dtype.kind not in DTYPE_KINDS or np.ma.isMaskedArray(value):
        kind = f"an array of {array.dtype}" if array is not None else f"a {type(value).__name__}"
        kind = "a masked array" if np.ma.isMaskedArray(value) else kind
        raise TypeError(
            f"{name} is {kind}; int, float, bool, str, None and arrays of numbers or strings can "
            "be saved, in dicts, lists and tuples (of a named tuple, its _asdict())"
        )
    return array


def _check_entries(archive, size):
    """Raise if the archive has entries that `save` never writes, which might unpack to far more."""
    entries = archive.infolist()
    if len({entry.filename for entry in entries}) < len(entries):
        raise ValueError("two of its entries have one name")
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise ValueError(f"its entry {entry.filename} is compressed")
    if sum(entry.file_size for entry in entries) > size:
        raise ValueError("its entries overlap, or are longer than the file")


def _entry(archive, name):
    size = archive.getinfo(f"{name}.npy").file_size
    with archive.open(f"{name}.npy") as entry:
        version = np.lib.format.read_magic(entry)
        read = {(1, 0): np.lib.format.read_array_header_1_0}
        read[2, 0] = np.lib.format.read_array_header_2_0
        if version not in read:
            raise ValueError(f"its entry {name} has the version {version} of NumPy's format")
        shape, _, dtype = read[version](entry)
        if dtype.kind not in DTYPE_KINDS:
            raise ValueError(f"its entry {name} is an array of {dtype}")
        # Checked before anything is allocated.
        if any(n < 0 for n in shape) or math.prod(shape) * dtype.itemsize != size - entry.tell():
            raise ValueError(f"its entry {name} does not hold an array of {shape}")
        entry.seek(0)
        return np.lib.format.read_array(entry, allow_pickle=False)


def _restored(value, archive) -> Any:
    """Return the value that `_described` was given."""
    if not isinstance(value, dict):
        return value
    ((kind, inside),) = value.items()
    if kind == "dict":
        return {key: _restored(item, archive) for key, item in inside}
    if kind == "list":
        return [_restored(item, archive) for item in inside]
    if kind == "tuple":
        return tuple(_restored(item, archive) for item in inside)
    array = _entry(archive, inside)
    return array[()] if kind == "number" else array
