"""Digests of whole values: arrays, objects, classes, functions and everything that these read.

`code_walk` covers only the dependencies of compiled code. Here everything is covered, since an
objective that Python runs may use anything. Values that cannot be read are rejected.
"""

import copyreg
import functools
import re
import sys
import types
from typing import Any

import numpy as np

from fastopt.compiling import code_reads, numba_internals
from fastopt.compiling.code_walk import names
from fastopt.storage.value_walk import Digest

PIECE = 1 << 20  # elements of a strided array copied at a time; it bounds the memory
BUILTINS = types.BuiltinFunctionType, types.MethodWrapperType
DESCRIPTORS = types.GetSetDescriptorType, types.MemberDescriptorType, types.WrapperDescriptorType
INSIDE = {
    types.MethodType: ("__func__", "__self__"),
    property: ("fget", "fset", "fdel"),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    functools.cached_property: ("func",),
}
LOCKS = "lock", "RLock"  # classes in _thread; locks have no content


class Content(Digest):
    """A digest that distinguishes all kinds of values."""

    def add_object(self, value: Any):
        kind = type(value)
        module = kind.__module__
        if isinstance(value, np.ndarray):
            self.add_array(value)
        elif isinstance(value, np.generic):
            self.hash_parts("scalar", value.dtype, value.tobytes())
        elif kind in (list, tuple):
            self.hash_parts(kind.__name__, len(value))
            for k, item in enumerate(value):
                self.add_at(f"[{k}]", item)
        elif kind in (dict, types.MappingProxyType):
            self.hash_parts("dict", len(value))
            for key, item in value.items():
                self.add(key)
                self.add_at(f"[{key!r}]", item)
        elif kind in (set, frozenset):
            self.add_set(value)
        elif isinstance(value, types.CodeType):
            self.add_code(value)
        elif hasattr(value, "py_func") and hasattr(value, "targetoptions"):  # @njit
            self.hash_parts(
                "njit", sorted((k, _ordered(v)) for k, v in value.targetoptions.items())
            )
            self.hash_parts(
                sorted((k, str(v)) for k, v in (getattr(value, "locals", None) or {}).items())
            )
            self.add(value.py_func)
        elif isinstance(value, types.FunctionType):
            self.add_function(value)
        elif isinstance(value, BUILTINS):
            self.add_builtin(value)
        elif isinstance(value, types.ModuleType):
            self.hash_parts("module", value.__name__, getattr(value, "__version__", ""))
        elif isinstance(value, type):
            self.add_class(value)
        elif kind in INSIDE:
            self.hash_parts(kind.__name__)
            for name in INSIDE[kind]:
                self.add_at(f".{name}", getattr(value, name))
        elif isinstance(value, types.CellType):
            self.add(code_reads.contents(value))
        elif isinstance(value, DESCRIPTORS):
            self.hash_parts("descriptor", value.__qualname__)
        elif module == "_thread" and kind.__name__ in LOCKS:
            self.hash_parts("lock")
        elif module.startswith("numba.typed."):
            without_address = re.sub("#[0-9a-f]+", "", str(numba_internals.type_of(value)))
            self.hash_parts(kind.__name__, without_address)
            self.add(list(value.items() if hasattr(value, "items") else value))
        elif module.startswith("numba.") and hasattr(numba_internals.type_of(value), "struct"):
            self.add_jitclass_instance(value)
        elif numba_internals.vectorized_of(value):
            self.hash_parts("vectorized")
            self.add(numba_internals.vectorized_of(value))
        elif isinstance(value, np.ufunc):
            self.add_ufunc(value)
        elif hasattr(value, "__array__") and hasattr(value, "__dlpack__"):  # PyTorch's, JAX's
            self.hash_parts("array of", kind.__module__, kind.__qualname__)
            self.add(np.asarray(value.detach() if hasattr(value, "detach") else value))
        elif value is np.random.mtrand._rand:
            self.hash_parts("the generator of numpy.random")  # not part of a problem (see README)
        else:
            self.add_reduced(value)

    def add_array(self, array):
        kind = type(array)
        self.hash_parts("array", repr(array.dtype), array.shape)
        if isinstance(array, np.ma.MaskedArray):
            self.hash_parts("masked", array.fill_value)
            self.add(np.ma.getmaskarray(array))
            array = np.ma.getdata(array)
        elif kind not in (np.ndarray, np.memmap):
            self.add(kind)
            self.add(getattr(array, "__dict__", None))
        array = array.view(np.ndarray)
        if array.dtype.hasobject:
            self.add(array.tolist())
        elif array.flags.c_contiguous:
            self.hash.update(array.reshape(-1).view(np.uint8).data if array.nbytes else b"")
        else:
            for first in range(0, array.size, PIECE):
                self.hash.update(array.flat[first : first + PIECE].tobytes())

    def add_ufunc(self, value):
        special = sys.modules.get("scipy.special")
        if value not in (getattr(np, value.__name__, 0), getattr(special, value.__name__, 0)):
            raise self.unreadable(f"is {value!r}, whose Python function cannot be read")
        self.hash_parts("ufunc", value.__name__)

    def add_builtin(self, value):
        owner = getattr(value, "__self__", None)
        self.hash_parts("builtin", value.__module__, value.__qualname__)
        # `random.random` is a method of the module's generator, which is not part of a problem.
        if owner is not getattr(sys.modules.get("random"), "_inst", self):
            self.add_at(".__self__", owner)

    def add_jitclass_instance(self, value):
        kind: Any = numba_internals.type_of(value)
        self.add(kind.class_type)
        for name in kind.struct:
            self.hash_parts(name)
            try:
                item = getattr(value, name)
            except Exception as error:
                raise self.unreadable(f"has a field {name} that Python cannot read") from error
            self.add_at(f".{name}", item)

    def add_reduced(self, value):
        """Add the state that pickle keeps of an object: its class defines what belongs to it."""
        kind = type(value)
        if hasattr(value, "jit_methods") and hasattr(value, "struct"):  # Numba's type of a jitclass
            self.hash_parts("jitclass", value.class_name, *value.struct)
            self.add((value.jit_methods, value.jit_props, value.jit_static_methods))
            return
        try:
            registered = copyreg.dispatch_table.get(kind)
            reduced: Any = registered(value) if registered else value.__reduce_ex__(4)
        except RecursionError:
            raise
        except Exception as error:
            raise self.unreadable(f"is a {kind.__qualname__}, which cannot be read") from error
        self.add(kind)
        if isinstance(reduced, str):
            self.hash_parts("global", value.__module__, reduced)
            if not code_reads.is_named(self.own, value) and hasattr(value, "__wrapped__"):
                self.add_at(".__wrapped__", value.__wrapped__)  # functools.lru_cache sets it
            return
        make, arguments, *rest = reduced
        state, items, pairs = (*rest, None, None, None)[:3]
        spline: Any = getattr(sys.modules.get("scipy.interpolate"), "UnivariateSpline", ())
        if isinstance(value, spline) and isinstance(state, dict) and "_data" in state:
            # The items after the first 7 are scratch arrays of FITPACK, which are never cleared.
            state = {**state, "_data": state["_data"][:7]}
        self.add(make)
        for item in arguments:  # not as one tuple: `seen` must find the class, perhaps the value
            self.add(item)
        self.add_state(state)
        for some in (items, pairs):
            self.add(None if some is None else list(some))

    def add_state(self, state):
        """Add attributes by name; for a class with slots they are a pair of dicts."""
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
            self.add_state(state[0])
            self.add_state(state[1])
        elif type(state) is dict and all(isinstance(name, str) for name in state):
            self.hash_parts("state", len(state))
            for name in sorted(state):
                words = f"{self.name}.{name}" if self.where[1:] in ([], [".__self__"]) else ""
                with self.part(name, words, state[name]):
                    self.add_at(f".{name}", state[name])
        else:
            self.add(state)

    def add_class(self, kind):
        self.hash_parts("class", kind.__module__, kind.__qualname__)
        if code_reads.is_named(self.own, kind):
            self.hash_parts(code_reads.version(kind))
            return
        if hasattr(kind, "class_type"):  # a jitclass
            self.add(kind.class_type)
            return
        for base in kind.__bases__:
            self.add(base)
        code = types.FunctionType, property, staticmethod, classmethod
        for name, value in sorted(vars(kind).items()):
            private = name.startswith("__") or name == "_abc_impl"
            if isinstance(value, code) or not private:
                self.hash_parts(name)
                self.add_at(f"{{{kind.__name__}}}.{name}", value)

    def add_code(self, code):
        self.hash_parts("code", code.co_code, code.co_names, code.co_varnames, code.co_flags)
        self.hash_parts(code.co_argcount, code.co_kwonlyargcount, code.co_exceptiontable)
        for constant in code.co_consts:
            self.add(constant)

    def add_function(self, function):
        self.hash_parts("function", function.__module__, function.__qualname__)
        if code_reads.is_named(self.own, function):
            self.hash_parts(code_reads.version(function))
            return
        self.add(function.__code__)
        self.add((function.__defaults__, function.__kwdefaults__))
        used = names(function.__code__)
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            self.read(name, code_reads.contents(cell), used)
        for name in code_reads.globals_of(function.__code__):
            if name in function.__globals__:
                self.read(name, function.__globals__[name], used)
        for module in code_reads.imports_of(function):
            if not code_reads.is_foreign(self.own, module.__name__):
                self.read(module.__name__, module, used)
        for name, value in sorted(vars(function).items()):
            self.hash_parts(name)
            self.add_at(f".{name}", value)

    def read(self, name, value, used):
        """Add a value that a function reads by a name."""
        outer, self.where = self.where, [f"{name}, which {self.name} reads,"]
        with self.part(name, f"{name}, which {self.name} reads", value):
            self.add(value)
        self.where = outer
        if not isinstance(value, types.ModuleType) or code_reads.is_foreign(
            self.own, value.__name__
        ):
            return
        if (id(value), used) not in self.walked:
            self.walked.add((id(value), used))
            for inner in used:
                if inner in vars(value):
                    self.read(inner, vars(value)[inner], used)


def _ordered(option):
    return sorted(map(str, option)) if isinstance(option, set | frozenset) else option
