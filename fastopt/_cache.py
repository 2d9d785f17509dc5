"""Compiled code on disk, so that a second process does not compile again.

One file for each (content, argument types, processor and Numba). Files are written whole or not at
all, so that processes may share the directory. They are loaded as code: the directory must belong
to the user and be writable by nobody else.
"""

import functools
import hashlib
import os
import pathlib
import stat
import sys
import tempfile
import threading
import warnings

import numba
from numba.core import serialize, types
from numba.core.compiler import CompileResult

_KEEP = 1000  # files; the oldest go first


@functools.cache
def directory():
    """The cache directory, or None where there is none to trust."""
    if os.environ.get("FASTOPT_CACHE", "1") == "0":
        return None
    path = pathlib.Path(os.environ.get("FASTOPT_CACHE_DIR") or _default())
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
        reason = _mistrust(path)
    except OSError as error:
        reason = f"cannot be written ({error.strerror or error})"
    if reason is None:
        return path
    warnings.warn(
        f"fastopt's cache directory {path} {reason}; compiled code is kept in memory only. "
        "Set FASTOPT_CACHE_DIR to a directory of your own, or FASTOPT_CACHE=0.",
        RuntimeWarning,
        stacklevel=2,
    )
    return None


def _default():
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "~/AppData/Local")
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return pathlib.Path(base).expanduser() / "fastopt"


def _mistrust(path):
    """Why code from this directory should not be run, or None."""
    if not hasattr(os, "getuid"):
        return None
    status = path.stat()
    if status.st_uid != os.getuid():
        return "belongs to another user, whose code would be run"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = stat.S_IMODE(status.st_mode)
        return f"can be written by others (mode {mode:o}), whose code would be run: chmod 700 it"
    return None


class DiskCache:
    """What a Numba dispatcher asks for compiled code (its `_cache`)."""

    cache_path = ""

    def __init__(self, digest):
        self.digest = digest

    def load_overload(self, signature, context):
        path = self._path(signature, context)
        if path is None:
            return None
        try:
            blob = path.read_bytes()
            if hashlib.sha256(blob[32:]).digest() != blob[:32]:
                return None
            context.refresh()
            return self._unpacked(context, serialize.loads(blob[32:]))
        except Exception:  # whatever a stale or damaged file raises, it is a miss
            return None

    def save_overload(self, signature, result):
        path = self._path(signature, result.target_context)
        if path is None or not self._lasts(result):
            return
        try:
            data = serialize.dumps(self._packed(result))
        except Exception:  # constants that cannot be pickled: this code stays in memory
            return
        part = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        try:
            part.write_bytes(hashlib.sha256(data).digest() + data)
            os.replace(part, path)
            _prune(path.parent)
        except OSError:  # a full disk, say: the compiled code is in memory all the same
            part.unlink(missing_ok=True)

    def _lasts(self, result):
        """Whether the code holds no addresses of this process."""
        return not (result.objectmode or result.lifted or result.library.has_dynamic_globals)

    def _packed(self, result):
        return result._reduce()

    def _unpacked(self, context, packed):
        return CompileResult._rebuild(context, *packed)

    def _path(self, signature, context):
        folder = directory()
        args = getattr(signature, "args", signature)
        if folder is None or any(_holds_function(a) for a in args):
            return None
        parts = self.digest, [_describe(a) for a in args], context.codegen().magic_tuple()
        text = repr((*parts, numba.__version__, sys.version_info[:3]))
        return folder / (hashlib.sha256(text.encode()).hexdigest() + ".nbc")

    def flush(self):
        pass

    enable = disable = flush


class KernelCache(DiskCache):
    """The same for a kernel of numba-cuda; `rebuild` makes one from what it was reduced to."""

    def __init__(self, digest, rebuild):
        super().__init__(digest)
        self.rebuild = rebuild

    def _lasts(self, result):
        return True

    def _packed(self, result):
        return result._reduce_states()

    def _unpacked(self, context, packed):
        return self.rebuild(**packed)


def _prune(folder):
    ours = [*folder.glob("*.nbc"), *folder.glob("*.part")]  # .part: of a process that was killed
    files = sorted(ours, key=lambda f: f.stat().st_mtime)
    for file in files[:-_KEEP]:
        file.unlink(missing_ok=True)


def _holds_function(kind):
    """Types that carry a compiled function are named by its address: no key for the disk."""
    return isinstance(kind, types.Callable) or any(map(_holds_function, _parts(kind)))


def _describe(kind):
    """A type's name; for named tuples with their fields, which the name leaves out."""
    fields = getattr(kind, "fields", ()) if isinstance(kind, types.BaseTuple) else ()
    return str(kind), tuple(fields), tuple(map(_describe, _parts(kind)))


def _parts(kind):
    """The types that a type is made of."""
    inner = [getattr(kind, name, None) for name in ("dtype", "key_type", "value_type", "type")]
    found = [part for part in inner if isinstance(part, types.Type) and part != kind]
    return (*getattr(kind, "types", ()), *found)
