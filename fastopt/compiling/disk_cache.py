"""Compiled code on disk, so that a second process does not compile again.

There is one file for each combination of content, argument types, processor and Numba. Files are
written atomically, so that processes may share the directory. They are loaded as code: the
directory must belong to the user, and nobody else may have write access.
"""

import functools
import hashlib
import os
import pathlib
import sys
from typing import Any

import llvmlite
import numba
import numpy as np

from fastopt._sentences import warn
from fastopt.compiling import numba_internals, type_keys
from fastopt.compiling.numba_internals import config, rtsys, serialize
from fastopt.compiling.private_folder import Folder, cache_home

_KEEP = 3000  # number of files kept, half a GB at most; the oldest are removed
_SUFFIX = ".nbc"
# Prefix of the symbols of recursive calls. Numba resolves them after compiling, but not after
# loading.
_UNRESOLVED = b".numba.unresolved$"


# Settings that determine the code, besides its content, its types and the processor.
_SETTINGS: Any = config
_NAMES = ("BOUNDSCHECK", "DEBUGINFO_DEFAULT", "LOOP_VECTORIZE", "OPT", "SLP_VECTORIZE")


def directory():
    """Return the path of the cache directory, or None if none can be trusted."""
    found = folder()
    return found and pathlib.Path(found.path)


@functools.cache
def folder():
    """Return the cache directory, or None."""
    if os.environ.get("FASTOPT_CACHE", "1") == "0":
        return None
    given, home = os.environ.get("FASTOPT_CACHE_DIR"), cache_home()
    if not given and home is None:
        _warn("has no place: there is no home directory")
        return None
    found = Folder(os.path.expanduser(given) if given else os.path.join(home or "", "fastopt"))
    try:
        found.make()
    except PermissionError as error:
        mistrusted = error.errno is None
        reason = error.strerror if mistrusted else f"cannot be written ({error.strerror})"
        _warn(f"{found.path} {reason}")
    except OSError as error:
        _warn(f"{found.path} cannot be written ({error.strerror or error})")
    else:
        return found
    return None


def _warn(what):
    warn(
        f"fastopt's cache directory {what}; compiled code is kept in memory only. "
        "Set FASTOPT_CACHE_DIR to a directory of your own, or FASTOPT_CACHE=0.",
        RuntimeWarning,
    )


class DiskCache:
    """The cache of a Numba dispatcher (its `_cache`)."""

    cache_path = ""

    def __init__(self, digest):
        self.digest = digest

    def load_overload(self, signature, context):
        try:
            blob = self._read(self._name(signature, context))
            if blob is None:
                return None
            self._prepare(context)
            return self._unpacked(context, serialize.loads(blob))
        except Exception:  # a stale or damaged file may raise anything: a miss
            return None

    def save_overload(self, signature, result):
        name = self._name(signature, result.target_context)
        if name is None or not self._lasts(result):
            return
        try:
            data = serialize.dumps(self._packed(result))
        except Exception:  # constants that cannot be pickled: this code stays in memory
            return
        if _UNRESOLVED not in data:
            self._write(name, data)

    def note(self, signature, context):
        """Return the text kept in place of code that could not be compiled, or ""."""
        try:
            blob = self._read(self._name(signature, context, "note"))
        except OSError:
            return ""
        return blob.decode() if blob else ""

    def write_note(self, signature, context, text):
        """Keep a text in place of code that could not be compiled."""
        name = self._name(signature, context, "note")
        if name is not None:
            self._write(name, text.encode())

    def _read(self, name):
        """Return the content of a file, or None if it is damaged."""
        directory = folder()
        if name is None or directory is None:
            return None
        blob = directory.read(name)
        return blob[32:] if hashlib.sha256(blob[32:]).digest() == blob[:32] else None

    def _write(self, name, data):
        directory = folder()
        if directory is None or directory.read_only:
            return
        try:
            directory.write(name, hashlib.sha256(data).digest() + data)
            directory.prune(_SUFFIX, _KEEP)
        except OSError:  # a full disk, say: the compiled code is in memory anyway
            return

    def _prepare(self, context):
        """Initialise the runtime that compiled code calls.

        `context.refresh()` would also load all of Numba's registries, which takes 0.1 s. Numba does
        that itself before it compiles.
        """
        rtsys.initialize(context)

    def _lasts(self, result):
        """Return True if the code contains no addresses of this process."""
        return not (result.objectmode or result.lifted or result.library.has_dynamic_globals)

    def _packed(self, result):
        return numba_internals.reduced(result)

    def _unpacked(self, context, packed):
        return numba_internals.rebuilt(context, packed)

    def _name(self, signature, context, *more):
        """Return the name of the file, or None if nothing can be kept."""
        args = getattr(signature, "args", signature)
        if folder() is None or not all(map(type_keys.is_cacheable, args)):
            return None
        settings = [getattr(_SETTINGS, name, None) for name in _NAMES]
        versions = numba.__version__, llvmlite.__version__, np.__version__, sys.version_info[:3]
        parts = self.digest, [type_keys.describe(a) for a in args], context.codegen().magic_tuple()
        text = repr((*parts, *versions, *settings, *more))
        return hashlib.sha256(text.encode()).hexdigest() + _SUFFIX

    def flush(self):
        pass

    enable = disable = flush


class KernelCache(DiskCache):
    """The cache of a kernel of numba-cuda."""

    def _prepare(self, context):
        context.refresh()

    def _lasts(self, result):
        return True

    def _packed(self, result):
        return numba_internals.kernel_parts(result)

    def _unpacked(self, context, packed):
        return numba_internals.rebuild_kernel(**packed)
