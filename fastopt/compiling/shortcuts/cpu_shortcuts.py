"""Work of Numba's that nobody reads, left out while fastopt compiles: a third of a loop's time.

Numba's own functions are put back afterwards. Its lock keeps other compilations out meanwhile.
`cuda_shortcuts` has the same for numba-cuda.

One thing changes in what is compiled. LLVM's code generation rewrites the module it translates.
It adds a branch with a 32-bit division to a 64-bit one, and shifts indices instead of multiplying.
Numba links a function after that; here it is linked as the optimiser left it. Both compute the
same, but with `contract` other multiplications may be fused with additions. So the last bit may
differ from plain Numba's. It does not depend on what was compiled first.
"""

import contextlib
import functools
import weakref
from typing import Any

import numba
from numba.core import codegen, cpu

from fastopt.compiling.shortcuts.front_end_shortcuts import front_end

KNOWN = (0, 61), (0, 68)  # the first and the last Numba with the functions replaced here
_cpu: Any = cpu


def shortcuts():
    """Return a context in which Numba leaves that work out."""
    known = KNOWN[0] <= numba.version_info.short <= KNOWN[1]
    return replaced([*front_end("numba.core", "numba.core.typing"), *_MADE] if known else [])


def replaced(made):
    """Return a context with other attributes: ``(owner, name, value)`` for each."""
    stack = contextlib.ExitStack()
    for owner, name, value in made:
        stack.callback(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, value)
    return stack


def _finalize_final_module(self):
    """Make no machine code of what is only linked into other code.

    It is made if its address is asked for after all.
    """
    module = self._final_module
    functions = [f.name for f in module.functions if not f.is_declaration]
    variables = [v.name for v in module.global_variables]
    awaited = [v.removeprefix(_AWAITED) for v in variables if v.startswith(_AWAITED)]
    if awaited or not _is_only_linked(self, functions, variables):
        for name in awaited:  # functions that call each other
            if name in _left_out:
                _left_out[name].get_pointer_to_function(name)
        _numbas_finalize(self)
        return
    self._finalize_dynamic_globals()
    self._verify_declare_only_symbols()
    self._finalized = True
    _left_out.update(dict.fromkeys(functions, self))
    for name in _NEED_MACHINE_CODE:
        setattr(self, name, functools.partial(_with_machine_code, self, name))


def _is_only_linked(library, functions, variables):
    """Return True for code without a wrapper whose address no other code needs.

    Numba's runtime has no wrapper, but its address is asked for while other code is finished.
    """
    return (
        isinstance(library, codegen.JITCodeLibrary)
        and library.name != "nrt"
        and not any("cpython" in name or name.startswith("cfunc.") for name in functions)
        and not any(name in library._codegen._rtlinker._unresolved for name in functions)
        and str(library._final_module).count(_ENV) <= sum(_ENV in name for name in variables)
    )


def _with_machine_code(library, name, *args):
    """Make the machine code that was left out; then call the method."""
    library._get_module_for_linking()  # a copy: what is linked later must not be rewritten
    for other in _NEED_MACHINE_CODE:
        delattr(library, other)
    _numbas_finalize(library)
    return getattr(library, name)(*args)


def _get_executable(self, library, fndesc, env):
    """Return an object for a function that Python does not call."""
    library._ensure_finalized()
    if _NEED_MACHINE_CODE[0] not in vars(library):
        return _numbas_get_executable(self, library, fndesc, env)
    name, said = fndesc.qualname.split(".")[-1], f"compiled wrapper for {fndesc.qualname!r}"
    return _cpu._dynfunc.make_function(fndesc.lookup_module(), name, said, 0, env, (library,))


_ENV = "_ZN08NumbaEnv"  # what a function needs that raises an error made at run time
_AWAITED = codegen.RuntimeLinker.PREFIX  # what holds the address of a function made later
_left_out: Any = weakref.WeakValueDictionary()  # name of a function -> its library
_NEED_MACHINE_CODE = "get_pointer_to_function", "_get_compiled_object"
_numbas_finalize = codegen.CPUCodeLibrary._finalize_final_module
_numbas_get_executable = cpu.CPUContext.get_executable
_MADE = (
    (codegen.CPUCodeLibrary, "_finalize_final_module", _finalize_final_module),
    (cpu.CPUContext, "get_executable", _get_executable),
)
