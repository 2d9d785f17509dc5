"""Names that functions read: globals, closure variables, modules; and which are a library's."""

import contextlib
import dis
import functools
import importlib
import sys
import sysconfig
import types

from fastopt.compiling.code_walk import root_of

# Packages that are identified by name and version, wherever they are installed.
LIBRARIES = "numpy", "scipy", "numba", "llvmlite", "fastopt"
STDLIB = sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")


def is_foreign(own, name):
    """Return True if a module is a library's, and not of the package `own`."""
    root = (name or "").partition(".")[0]
    file = getattr(sys.modules.get(name or ""), "__file__", None) or ""
    installed = "site-packages" in file or "dist-packages" in file
    if root in sys.stdlib_module_names and root != "__main__" and not installed:
        return not file or file.startswith(STDLIB)  # otherwise a script's own `profile.py`, say
    return root in LIBRARIES or (installed and root != own)


def is_named(own, value):
    """Return True if a library holds a function or class under its name."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
    found = sys.modules.get(module or "")
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value and is_foreign(own, module)


def version(value):
    root = root_of(value)
    if root in sys.stdlib_module_names:
        return sys.version_info[:2]
    return getattr(sys.modules.get(root), "__version__", "")


def contents(cell):
    """Return the value of a closure variable."""
    try:
        return cell.cell_contents
    except ValueError:
        return NotImplemented  # not set yet


def nested(code):
    """Yield a code object and the code objects nested in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from nested(constant)


@functools.lru_cache(1024)
def globals_of(code):
    """Return the names of the globals read by a code object and by those nested in it."""
    found = {}
    for one in nested(code):
        for i in dis.get_instructions(one):
            if i.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                found[i.argval] = None
    return tuple(found)


def imports_of(function):
    """Return the modules that a function imports while it runs."""
    found = []
    for code in nested(function.__code__):
        loads = list(dis.get_instructions(code))
        for level, parts, this in zip(loads, loads[1:], loads[2:], strict=False):
            if this.opname == "IMPORT_NAME":
                name = "." * (level.argval or 0) + this.argval
                package = function.__globals__.get("__package__")
                # If the import fails, the function itself reports it when it is called.
                with contextlib.suppress(ImportError):
                    module = importlib.import_module(name, package)
                    found.append(module)
                    for part in parts.argval or ():
                        # A submodule, which the import makes an attribute.
                        if not hasattr(module, part):
                            importlib.import_module(f"{module.__name__}.{part}")
    return found
