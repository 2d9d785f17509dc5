"""What makes a problem this one and no other: digests of all that decides its answer, by name."""

import functools
import hashlib
import sys
import types

import numpy as np

from fastopt._fingerprint import Unhashable, Walk, root_of

WHOLE = 16_000_000  # bytes up to which all of an array counts; of larger ones as much, in PIECES
PIECES = 256  # spread evenly
SHORT = 40  # characters of a value that is shown as it is


def identity(named):
    """A text for each value in a dict, and for what each function among them reads, by name.

    Numbers and strings stand for themselves. Of functions their code counts, and all that it reads:
    constants, globals, closure values, other functions; of what belongs to an installed package its
    name. Of objects, the class and the arrays among the attributes.
    """
    texts = {}
    for name, value in named.items():
        shown = repr(value) if type(value) in (bool, int, float, str, type(None)) else ""
        if 0 < len(shown) <= SHORT:
            texts[name] = shown
        else:
            content = _Content(getattr(value, "py_func", value))
            texts[name] = content.digest(value)
            texts |= {f"{read}, which {name} reads": text for read, text in content.parts.items()}
    return texts


def differences(there, here):
    """The names of what differs, in a sentence's words; empty where nothing does."""
    words = []
    for name in {**here, **there}:
        then, now = there.get(name, "none"), here.get(name, "none")
        if then != now:
            shown = max(len(then), len(now)) <= SHORT
            words.append(f"{name} ({then} there, {now} here)" if shown else name)
    return ", ".join(words)


class _Content(Walk):
    """The walk of `_fingerprint`, over whatever functions there are."""

    def __init__(self, function):
        super().__init__()
        self.own = root_of(function)
        self.parts = {}  # what functions read, by name

    def read(self, getter, name):
        value = getter(name)
        outer, self.hash = self.hash, hashlib.sha256()
        self.add(value)
        before = self.parts.get(name, "")  # another of this name
        self.parts[name] = hashlib.sha256((before + self.hash.hexdigest()).encode()).hexdigest()
        self.hash = outer
        return value

    def add_object(self, value):
        if isinstance(value, np.ndarray):
            self.add_array(value)
        elif isinstance(value, set):
            self.add(frozenset(value))
        elif isinstance(value, functools.partial):
            self.add((value.func, value.args, value.keywords))
        elif isinstance(value, types.MethodType):
            self.add((value.__func__, value.__self__))
        elif isinstance(value, types.FunctionType) and self.is_installed(value.__module__):
            self.put("installed", value.__module__, value.__qualname__, _version(value))
        else:
            try:
                super().add_object(value)
            except Unhashable:
                self.add_instance(value)

    def add_array(self, array):
        self.put("array", array.dtype, array.shape)
        if array.dtype == object:
            self.add(array.tolist())
        elif array.nbytes <= WHOLE:
            self.put(array.tobytes())
        else:
            length = WHOLE // PIECES // array.itemsize
            for first in np.linspace(0, array.size - length, PIECES).astype(int).tolist():
                self.put(np.asarray(array.flat[first : first + length]).tobytes())

    def add_instance(self, value):
        kind = value if isinstance(value, type) else type(value)
        self.put("instance", kind.__module__, kind.__qualname__)
        if isinstance(vars(kind).get("__call__"), types.FunctionType):
            self.add(vars(kind)["__call__"])
        if hasattr(value, "__array__") and not hasattr(value, "__cuda_array_interface__"):
            self.add(np.asarray(value))
            return
        for name, item in sorted(getattr(value, "__dict__", {}).items()):
            if isinstance(item, np.ndarray):
                self.put(name)
                self.add(item)

    def add_attributes(self, value, used):
        if not self.is_installed(getattr(value, "__name__", None)):
            super().add_attributes(value, used)

    def is_installed(self, name):
        """Whether a module is of an installed package, and not of the function's own."""
        file = getattr(sys.modules.get(name or ""), "__file__", None) or ""
        installed = "site-packages" in file or "dist-packages" in file
        return installed and (name or "").partition(".")[0] != self.own


def _version(value):
    return getattr(sys.modules.get(root_of(value)), "__version__", "")
