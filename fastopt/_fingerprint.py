"""A content hash of functions: everything that decides what their compiled code does.

Numba's own cache keys a function by its file and position, so that it misses edits of helpers and
never hits for functions that hold other compiled functions (numba #6264, #9609). Here the key
walks bytecode, constants, closures, globals and the functions they name.
"""

import functools
import hashlib
import pathlib
import sys
import sysconfig
import types
from typing import Any

import numpy as np
from numba.core import types as numba_types

_PACKAGE = __name__.partition(".")[0]
# Packages whose version stands for their content.
_LIBRARIES = {"numpy", "scipy", "numba", "llvmlite", _PACKAGE}
_STDLIB = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_LARGE = 1_000_000  # bytes: Numba compiles the address of larger constants, not their content
# Things whose name says what they are; an instance of some class of numba's does not.
_NAMED = (type, types.FunctionType, types.BuiltinFunctionType, np.ufunc, type(np.sum))
_memo: dict = {}


class Unhashable(Exception):
    """A value whose content cannot be named: the code that holds it is not kept on disk."""


@functools.lru_cache(4096)
def digest_of(*values):
    """Hex digest of plain values and of the package's own sources."""
    return hashlib.sha256(repr((_package_digest(), values)).encode()).hexdigest()


def of(function):
    """Hex digest of a function, remembered until a global or closure value it reads is rebound."""
    known = _memo.get(id(function))
    if known and known[0] is function and all(read(name) is v for read, name, v in known[2]):
        return known[1]
    walk = Walk()
    digest = walk.digest(_package_digest(), function)
    if not walk.volatile:
        while len(_memo) >= 256:
            _memo.pop(next(iter(_memo), None), None)
        _memo[id(function)] = function, digest, walk.reads
    return digest


def names(code):
    """Global and attribute names in a code object and in those nested in it."""
    found = dict.fromkeys(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found.update(dict.fromkeys(names(constant)))
    return tuple(found)


@functools.cache
def _package_digest():
    """Code inside `@overload`s and intrinsics is out of the walk's sight: hash the files."""
    files = sorted(pathlib.Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()


def is_library(module):
    """Whether a module is of Python or of the numerical packages, not of the user."""
    file = getattr(module, "__file__", None)
    standard = file is None or (file.startswith(_STDLIB) and "site-packages" not in file)
    return standard or module.__name__.partition(".")[0] in _LIBRARIES


def root_of(value):
    return (getattr(value, "__module__", None) or "").partition(".")[0]


def is_named(value):
    """Whether a function or class is a library's, so that its name says what it is."""
    if root_of(value) in _LIBRARIES:
        return True
    module = sys.modules.get(getattr(value, "__module__", None) or "builtins")
    plain = isinstance(value, types.FunctionType)
    return not plain and module is not None and root_of(value) != "__main__" and is_library(module)


def _contents(cell, _name):
    try:
        return cell.cell_contents
    except ValueError:
        raise Unhashable("a closure variable that is not set yet") from None


class Walk:
    def __init__(self):
        self.seen = {}  # id -> number, for cycles
        self.walked = set()  # (module, names) whose attributes have been read
        self.keep = []  # alive during the walk, so that no id is used twice
        self.reads = []  # (getter, name, value): rebinding one of these changes the digest
        self.volatile = False  # content that may change in place was read

    def digest(self, *values):
        self.hash = hashlib.sha256()
        for value in values:
            self.add(value)
        return self.hash.hexdigest()

    def put(self, *parts):
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode()
            self.hash.update(b"%d:" % len(data) + data)

    def add(self, value):
        kind = type(value)
        if value is None or kind in (bool, int, float, complex, str, bytes, type(...)):
            self.put(kind.__name__, repr(value))
        elif isinstance(value, np.generic):
            self.put(kind.__name__, value.dtype, value.tobytes())
        elif isinstance(value, np.dtype):
            self.put("dtype", value)
        elif isinstance(value, types.CodeType):
            self.add_code(value)
        elif id(value) in self.seen:
            self.put("seen", self.seen[id(value)])
        else:
            self.seen[id(value)] = len(self.seen)
            self.keep.append(value)
            self.add_object(value)

    def add_object(self, value: Any):
        if hasattr(value, "py_func") and hasattr(value, "targetoptions"):  # @njit
            if getattr(value, "locals", None):
                raise Unhashable("types given to local variables")
            for name, option in sorted(value.targetoptions.items()):
                self.put(name, sorted(option) if isinstance(option, set) else option)
            self.add(value.py_func)
        elif isinstance(value, tuple | frozenset):
            items = sorted(value, key=repr) if isinstance(value, frozenset) else value
            self.put("tuple", type(value).__qualname__, getattr(value, "_fields", ""), len(value))
            for item in items:
                self.add(item)
        elif isinstance(value, np.ndarray) and value.dtype != object:
            if value.nbytes > _LARGE:
                raise Unhashable("a large constant array")
            self.volatile = True
            self.put("array", value.dtype, value.shape, value.strides, value.tobytes())
        elif isinstance(value, list | dict):
            self.volatile = True
            self.put(type(value).__name__)
            self.add(tuple(value.items() if isinstance(value, dict) else value))
        elif isinstance(value, types.ModuleType):
            self.put("module", value.__name__, getattr(value, "__version__", ""))
        elif isinstance(value, _NAMED) and is_named(value):
            version = getattr(sys.modules.get(root_of(value)), "__version__", "")
            name = getattr(value, "__qualname__", repr(value))
            self.put("named", getattr(value, "__module__", ""), name, version)
        elif isinstance(value, numba_types.Type):
            self.put("numba type", value)
        elif isinstance(value, types.FunctionType):
            self.add_function(value)
        elif isinstance(value, type) and hasattr(value, "_fields"):
            self.put("namedtuple", value.__module__, value.__qualname__, value._fields)
        else:
            raise Unhashable(f"{value!r} of {type(value)}")

    def add_code(self, code):
        self.put("code", code.co_code, code.co_names, code.co_varnames, code.co_flags)
        self.put(code.co_argcount, code.co_kwonlyargcount, code.co_exceptiontable)
        for constant in code.co_consts:
            self.add(constant)

    def add_function(self, function):
        code = function.__code__
        self.put("function", function.__module__, function.__qualname__)
        self.add(code)
        self.add(function.__defaults__)
        self.add(tuple((function.__kwdefaults__ or {}).items()))
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            self.put(name)
            value = self.read(functools.partial(_contents, cell), name)
            self.add_attributes(value, names(code))
        used = names(code)
        for name in used:
            if name in function.__globals__:
                self.put(name)
                value = self.read(function.__globals__.get, name)
                self.add_attributes(value, used)
            else:  # a builtin, which a global may shadow one day
                self.reads.append((function.__globals__.get, name, None))

    def read(self, getter, name):
        value = getter(name)
        self.reads.append((getter, name, value))
        if isinstance(value, types.FunctionType) and not is_named(value):
            # Compiled code can only reach it through an @overload, which is out of sight.
            raise Unhashable(f"the plain function {value.__qualname__}")
        self.add(value)
        return value

    def add_attributes(self, value, used):
        """Of the user's own modules, whatever the code may take from them by name."""
        if not isinstance(value, types.ModuleType) or (id(value), used) in self.walked:
            return
        self.walked.add((id(value), used))
        if not is_library(value):
            for name in used:
                if name in vars(value):
                    self.put(name)
                    self.add_attributes(self.read(vars(value).get, name), used)
