"""Numba's functions, caches, IR and typing, as far as they are not its public interface.

Public are `numba`, `numba.types`, `numba.extending` and `numba.cuda`, and `numba.core.cgutils` of
Numba's guide to extensions. Other modules and names that begin with an underscore may move with any
release. They are used here, in `llvm_arrays`, `numba_lowerings`, `numba_pipelines`, and in three
modules of shortcuts.
`tests/compiling/test_numba_internals.py` checks each of them, and says which one has moved.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportPrivateImportUsage=false

import importlib
from typing import Any

from numba import types
from numba._dispatcher import compute_fingerprint
from numba.core import config, ir, serialize
from numba.core.callconv import excinfo_ptr_t, int32_t
from numba.core.compiler import Compiler, CompileResult, run_frontend
from numba.core.compiler_lock import global_compiler_lock
from numba.core.cpu import CPUContext
from numba.core.dispatcher import Dispatcher
from numba.core.imputils import builtin_registry as lowering_registry
from numba.core.imputils import lower_constant
from numba.core.ir_utils import mk_unique_var
from numba.core.registry import CPUDispatcher, cpu_target
from numba.core.rewrites.registry import Rewrite, register_rewrite, rewrite_registry
from numba.core.runtime.nrt import rtsys
from numba.core.typeconv import Conversion
from numba.core.typing.context import Context as CPUTyping
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    infer_getattr,
    infer_global,
    signature,
)
from numba.core.typing.templates import builtin_registry as typing_registry
from numba.cpython import hashing  # code with dicts or strings finds its symbols
from numba.np.ufunc import parallel
from numba.np.ufunc.dufunc import DUFunc

__all__ = [
    "AbstractTemplate",
    "AttributeTemplate",
    "CPUContext",
    "CPUDispatcher",
    "CPUTyping",
    "Conversion",
    "Dispatcher",
    "Rewrite",
    "compute_fingerprint",
    "config",
    "cpu_target",
    "excinfo_ptr_t",
    "global_compiler_lock",
    "hashing",
    "infer_getattr",
    "infer_global",
    "int32_t",
    "ir",
    "lower_constant",
    "lowering_registry",
    "mk_unique_var",
    "register_rewrite",
    "rtsys",
    "run_frontend",
    "serialize",
    "signature",
    "typing_registry",
]

# Options of @njit: whether the code counts references to arrays and other objects.
COUNTED: dict[str, Any] = {"_nrt": True}
UNCOUNTED: dict[str, Any] = {"_nrt": False}
_callable: set = set()  # types of whose calls Numba has the code


# Compiled functions, their caches and their compilation.


def cache_of(compiled):
    """Return the cache of a compiled function."""
    return compiled._cache


def set_cache(compiled, cache):
    """Give a compiled function, or a kernel of numba-cuda, a cache of its own."""
    compiled._cache = cache


def wrap_compilation(compiled, wrap):
    """Replace the function ``(args, return_type)`` that compiles by ``wrap(function)``."""
    compiled._compiler.compile = wrap(compiled._compiler.compile)


def has_own_pipeline(compiled):
    """Return True if the user has given a function a compiler of their own."""
    own = getattr(getattr(compiled, "_compiler", None), "pipeline_class", Compiler)
    return own is not Compiler and not getattr(own, "is_of_fastopt", False)


def reduced(result):
    """Return compiled code as a tuple for `rebuilt`."""
    return result._reduce()


def rebuilt(context, parts):
    """Return the compiled code from what `reduced` returned.

    An environment is that of a function which the code may call. If its symbol has no address, no
    code uses it, and Numba would write to address zero.
    """
    *parts, environments = parts
    result = CompileResult._rebuild(context, *parts, ())
    codegen = result.library.codegen
    for environment in environments:
        if codegen._engine.get_global_value_address(environment.env_name):
            codegen.set_env(environment.env_name, environment)
    return result._replace(referenced_envs=environments)


def thread_pool_started():
    """Return True if Numba's thread pool runs, or if that is unknown."""
    return getattr(parallel, "_is_initialized", True)


# Extensions: what users have registered with Numba, and objects of Numba's.


def intrinsic_of(value):
    """Return the Python function of an intrinsic, or None for other values."""
    return getattr(value, "_defn", None)


def vectorized_of(value):
    """Return the compiled function in a ufunc by `numba.vectorize`, or None for other values."""
    return value._dispatcher if isinstance(value, DUFunc) else None


def type_of(value):
    """Return the type that a typed container, a jitclass or its instance names, or None."""
    return getattr(value, "_numba_type_", None)


def overload_of(template):
    """Return the function that the user has decorated with `overload` or similar, or None."""
    return getattr(template, "_overload_func", None)


def definition_of(template):
    """Return the function that the user has decorated with `intrinsic`, or None."""
    return getattr(template, "_definition_func", None)


def attribute_of(template):
    """Return the name of the attribute or method that a template is for, or None."""
    return getattr(template, "_attr", None)


def forget_overloads(template):
    """Let Numba call the user's function again, whose results it keeps with their globals."""
    template._impl_cache.clear()


# Passes and code.


def put_first(phase, rewrite):
    """Register a rewrite before all others of a phase."""
    rewrite_registry.rewrites[phase].insert(0, rewrite)


def assignments_of(func_ir):
    """Return the values that each variable is assigned: its name -> a list."""
    return func_ir._definitions


def lower_expressions(context, operation, lower):
    """Let `lower(lowerer, expression)` emit the code of our own kind of expressions."""
    context.special_ops.setdefault(operation, lower)


def status_of(convention, builder, code, error):
    """Return the status of a call from its return code and its error."""
    return convention._get_return_status(builder, code, error)


def insert_code(kind, code_of):
    """Give Numba the code of calls of a type: what ``code_of(kind)`` returns, once for a type."""
    if kind not in _callable:
        _callable.add(kind)
        context: Any = cpu_target.target_context
        context.insert_func_defn([(code_of(kind), kind, (types.VarArg(types.Any),))])


# numba-cuda and its simulator, which are imported where a device is asked for.


def kernel_parts(kernel):
    """Return a compiled kernel as keyword arguments for `rebuild_kernel`."""
    return kernel._reduce_states()


def rebuild_kernel(**parts):
    """Return the kernel from what `kernel_parts` returned."""
    return importlib.import_module("numba.cuda.dispatcher")._Kernel._rebuild(**parts)


def cuda_rewrites() -> Any:
    """Return the module with numba-cuda's own registry of rewrites."""
    return importlib.import_module("numba.cuda.core.rewrites")


def simulated_kernel() -> Any:
    """Return what the module `cuda` holds for the kernel that the simulator runs."""
    return importlib.import_module("numba.cuda.simulator.kernel")._get_kernel_context()


def simulated_array(array) -> Any:
    """Return NumPy's array inside an array of the simulator; other values as they are."""
    array = getattr(array, "_item", array)
    return getattr(array, "_ary", array)
