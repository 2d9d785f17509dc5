"""A content hash of functions: of everything that determines what their compiled code does.

Numba's own cache keys a function by its file and position. So it misses edits of helpers, and
never hits for functions that hold other compiled functions (numba #6264, #9609). Here the key
covers bytecode, constants, closures, globals and the functions that they refer to.
"""

import functools
import hashlib
import os
import sys
import sysconfig
import types
from typing import Any

import numpy as np
from numba import types as numba_types

from fastopt.compiling import numba_internals, type_keys

PACKAGE = __name__.partition(".")[0]
_STDLIB = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
_LARGE = 1_000_000  # bytes: Numba compiles the address of larger constants, not their content
# Classes whose instances are identified by their name; those of other classes of Numba's are not.
_NAMED = (type, types.FunctionType, types.BuiltinFunctionType, np.ufunc, type(np.sum))


class Unhashable(Exception):
    """A value whose content cannot be hashed: code that contains it is not kept on disk."""


def names(code):
    """Return the global and attribute names in a code object and in the code nested in it."""
    found = dict.fromkeys(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found.update(dict.fromkeys(names(constant)))
    if "getattr" in found or "hasattr" in found:  # whose strings may be names of attributes
        found.update(dict.fromkeys(c for c in code.co_consts if isinstance(c, str)))
    return tuple(found)


def is_library(module):
    """Return True if a module belongs to Python or a numerical package, not to the user."""
    name, root = module.__name__, module.__name__.partition(".")[0]
    if sys.modules.get(name) is not module:  # a copy, say, with other content
        return False
    if root in type_keys.LIBRARIES:
        return True
    file = getattr(module, "__file__", None)
    if file is None:  # built in or frozen, or a namespace package of the user's
        return root in sys.stdlib_module_names
    return file.startswith(_STDLIB) and "site-packages" not in file


def root_of(value):
    return (getattr(value, "__module__", None) or "").partition(".")[0]


def is_named(value):
    """Return True if a function or class is a library's, so that its name identifies it."""
    module = sys.modules.get(getattr(value, "__module__", None) or "builtins")
    if isinstance(value, types.FunctionType):
        return root_of(value) in type_keys.LIBRARIES and _finds(module, value)
    if module is None or not is_library(module):
        return False
    return not isinstance(value, type) or _finds(module, value)


def _finds(module, value):
    """Return True if the name of a function or class refers to it, not to another object."""
    found: Any = module
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return value in (found, getattr(found, "py_func", None))


def contents(cell, _name):
    try:
        return cell.cell_contents
    except ValueError:
        raise Unhashable("a closure variable that is not set yet") from None


class PartsHasher:
    """A hash of parts, each with its length in front: no two lists of parts give the same bytes."""

    hash: Any

    def hash_parts(self, *parts):
        """Add the parts to the hash: bytes as they are, other values as their str."""
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode()
            self.hash.update(b"%d:" % len(data) + data)


class ContentHasher(PartsHasher):
    def __init__(self):
        self.seen = {}  # id -> number, for cycles
        self.walked = set()  # (module, names) whose attributes have been read
        self.keep = []  # kept alive during the walk, so that no id is used twice
        self.reads = []  # (getter, name, value): rebinding one of these changes the digest
        self.volatile = False  # True: content that may change in place was read

    def digest(self, *values):
        self.hash = hashlib.sha256()
        for value in values:
            self.add(value)
        return self.hash.hexdigest()

    def add(self, value):
        kind = type(value)
        if value is None or kind in (bool, int, float, complex, str, bytes, type(...)):
            self.hash_parts(kind.__name__, repr(value))
        elif isinstance(value, np.generic):
            self.hash_parts(kind.__name__, value.dtype, value.tobytes())
        elif isinstance(value, np.dtype):
            self.hash_parts("dtype", value)
        elif isinstance(value, types.CodeType):
            self.add_code(value)
        elif id(value) in self.seen:
            self.hash_parts("seen", self.seen[id(value)])
        else:
            self.seen[id(value)] = len(self.seen)
            self.keep.append(value)
            self.add_object(value)

    def unknown(self, value, why):
        """Handle a value whose content cannot be hashed: raise Unhashable."""
        raise Unhashable(why)

    def add_object(self, value: Any):
        if hasattr(value, "py_func") and hasattr(value, "targetoptions"):  # @njit
            self.add_dispatcher(value)
        elif isinstance(value, tuple | frozenset):
            items = sorted(value, key=repr) if isinstance(value, frozenset) else value
            self.hash_parts(
                "tuple", type(value).__qualname__, getattr(value, "_fields", ""), len(value)
            )
            for item in items:
                self.add(item)
        elif isinstance(value, np.ndarray) and value.dtype != object:
            if value.nbytes > _LARGE:
                self.unknown(value, "a large constant array")
                return
            self.volatile = True
            self.hash_parts("array", value.dtype, value.shape, value.strides, value.tobytes())
        elif isinstance(value, list | dict):
            self.volatile = True
            self.hash_parts(type(value).__name__)
            self.add(tuple(value.items() if isinstance(value, dict) else value))
        elif isinstance(value, types.ModuleType):
            self.hash_parts("module", value.__name__, getattr(value, "__version__", ""))
        elif isinstance(value, _NAMED) and is_named(value):
            self.add_named(value)
        elif isinstance(value, numba_types.Type):
            if not type_keys.is_cacheable(value):
                self.unknown(value, f"the type {value}")
            self.hash_parts("numba type", type_keys.describe(value))
        elif isinstance(value, types.FunctionType):
            self.add_function(value)
        elif isinstance(value, type) and hasattr(value, "_fields"):
            self.hash_parts("namedtuple", value.__module__, value.__qualname__, value._fields)
        else:
            self.unknown(value, f"{value!r} of {type(value)}")

    def add_dispatcher(self, value):
        if getattr(value, "locals", None):
            self.unknown(value, "types given to local variables")
        if numba_internals.has_own_pipeline(value):
            self.unknown(value, "a compiler of the user's")
        for name, option in sorted(value.targetoptions.items()):
            self.hash_parts(name)
            self.add(tuple(sorted(option)) if isinstance(option, set) else option)
        self.add(value.py_func)

    def add_named(self, value):
        version = getattr(sys.modules.get(root_of(value)), "__version__", "")
        name = getattr(value, "__qualname__", repr(value))
        fields = getattr(value, "_fields", "")
        self.hash_parts("named", getattr(value, "__module__", ""), name, version, fields)

    def add_code(self, code):
        self.hash_parts("code", code.co_code, code.co_names, code.co_varnames, code.co_flags)
        self.hash_parts(code.co_argcount, code.co_kwonlyargcount, code.co_exceptiontable)
        self.hash_parts(code.co_freevars, code.co_cellvars)
        for constant in code.co_consts:
            self.add(constant)

    def add_function(self, function):
        code, getter = function.__code__, functools.partial(getattr, function)
        self.hash_parts("function", function.__module__, origin(function))
        for name in ("__code__", "__defaults__"):  # IPython replaces these when a file is edited
            self.read(getter, name)
        for name in function.__kwdefaults__ or {}:
            self.hash_parts(name)
            self.read(function.__kwdefaults__.get, name)
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            self.hash_parts(name)
            value = self.read(functools.partial(contents, cell), name)
            self.add_attributes(value, names(code))
        used = names(code)
        for name in used:
            if name in function.__globals__:
                self.hash_parts(name)
                value = self.read(function.__globals__.get, name)
                self.add_attributes(value, used)
            else:  # a builtin, which a global may shadow later
                self.reads.append((function.__globals__.get, name, None))

    def read(self, getter, name):
        value = getter(name)
        self.reads.append((getter, name, value))
        if isinstance(value, types.FunctionType) and not is_named(value):
            self.add_plain(value)
        else:
            self.add(value)
        return value

    def add_plain(self, function):
        """Handle a plain function, which compiled code can only reach through an @overload."""
        self.unknown(function, f"the plain function {function.__qualname__}")

    def add_attributes(self, value, used):
        """Add those attributes of the user's modules that the code may read by name."""
        if not isinstance(value, types.ModuleType) or (id(value), used) in self.walked:
            return
        self.walked.add((id(value), used))
        if not is_library(value):
            for name in used:
                if attribute(value, name) is not MISSING:
                    self.hash_parts(name)
                    self.add_attributes(self.read(functools.partial(attribute, value), name), used)
                else:  # an attribute that the module may get later
                    self.reads.append((functools.partial(attribute, value), name, MISSING))


MISSING = object()


def attribute(module, name):
    """Return an attribute of a module, also one computed by its __getattr__, or MISSING."""
    if type(module) is types.ModuleType and "__getattr__" not in vars(module):
        return vars(module).get(name, MISSING)
    return getattr(module, name, MISSING)


def origin(function):
    """Return the qualified name that a function had before it was linked under another name."""
    return vars(function).get(ORIGIN, function.__qualname__)


ORIGIN = "origin"  # attribute of linked functions that holds this name
