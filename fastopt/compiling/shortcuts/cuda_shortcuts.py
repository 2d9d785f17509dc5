"""Work of numba-cuda's that nobody reads, left out while fastopt compiles kernels.

A kernel is linked from its device functions. Without these shortcuts, NVIDIA's
compiler gets each of them once for each chain of calls that leads to it.
"""

import contextlib
import functools
import importlib
import importlib.metadata
import weakref
from typing import Any

from numba.core.compiler_lock import global_compiler_lock

from fastopt.compiling.shortcuts.cpu_shortcuts import replaced
from fastopt.compiling.shortcuts.front_end_shortcuts import front_end

KNOWN = (0, 30), (0, 30)  # the first and the last numba-cuda with the functions replaced here


@contextlib.contextmanager
def cuda_shortcuts():
    """Leave that work out in this context, which other compilations wait for."""
    with global_compiler_lock, replaced(_made()):
        yield


def with_shortcuts(kernel):
    """Return a kernel that is compiled in this context."""
    numbas = kernel.compile

    def compile(signature):
        with cuda_shortcuts():
            return numbas(signature)

    kernel.compile = compile
    return kernel


@functools.cache
def _made():
    version = tuple(map(int, importlib.metadata.version("numba-cuda").split(".")[:2]))
    if not KNOWN[0] <= version <= KNOWN[1]:
        return ()
    library = importlib.import_module("numba.cuda.codegen").CUDACodeLibrary
    linked = (library, "modules", property(_modules)), (library, "llvm_strs", property(_texts))
    return *front_end("numba.cuda.core", "numba.cuda.typing"), *linked


def _modules(library):
    """Return the library's module and those that it links, each of them once."""
    return [library._module, *_linked(library)]


def _linked(library):
    found, waiting = {}, [*library._linking_libraries]
    while waiting:
        each = waiting.pop()
        module = getattr(each, "_module", None)  # a library of files has none
        if module is not None and id(each) not in found:
            found[id(each)] = module
            waiting.extend(each._linking_libraries)
    return list(found.values())


def _texts(library):
    """Return the modules as text; that of a function is written once for all kernels."""
    if library._llvm_strs is None:
        write = str if "g" in library._nvvm_options else _text  # code to debug is linked otherwise
        library._llvm_strs = [str(library._module), *map(write, _linked(library))]
    return library._llvm_strs


def _text(module):
    """Return the text of a linked module, which does not change any more."""
    text = _written.get(module)
    if text is None:
        text = _written[module] = str(module)
    return text


_written: Any = weakref.WeakKeyDictionary()  # linked module -> its text
