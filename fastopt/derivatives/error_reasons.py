"""Place and reason, in the user's code, of an error that Numba raised."""

import difflib
import dis
import linecache
import os
import re
import sys
import types
from typing import Any

import numpy as np
from numba import types as numba_types

from fastopt.compiling.numba_internals import Dispatcher, cpu_target, type_of

_SIGNS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**",
    "matmul": "@", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=", "xor": "^",
    "and_": "&", "or_": "|", "neg": "-", "pos": "+", "invert": "~", "getitem": "an index",
    "static_getitem": "an index", "setitem": "an index", "contains": "in",
}  # fmt: skip
_OPCODES = {
    "IMPORT_NAME": "an import inside a function; import at the top of the module",
    "IMPORT_FROM": "an import inside a function; import at the top of the module",
    "STORE_GLOBAL": "writing to a global variable; return what is needed",
    "DELETE_GLOBAL": "writing to a global variable; return what is needed",
    "LOAD_BUILD_CLASS": "a class inside a function; define it outside",
    "UNPACK_EX": "unpacking with *; use slices",
    "SETUP_ANNOTATIONS": "annotations of variables",
    "FORMAT_WITH_SPEC": "formats in f-strings",
}
_OF_ARRAYS = set("sum mean dot prod max min amax amin var std cumsum median trapezoid".split())
MISSING = (
    r"module '([\w.]+)' has no attribute '(\w+)'"
    r"|Unknown attribute '(\w+)' of (?:type Module\(<module '([\w.]+)'|[^\n]*)"
)
_FRAMES = ("numba.core.", "numba.np.", "numba.cpython.", "llvmlite.")


def is_of_compiling(error):
    """Return True if an exception arose while Numba compiled, not while compiled code ran."""
    if type(error).__module__.startswith("numba."):
        return True
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__", "").startswith(_FRAMES):
            return True
        trace = trace.tb_next
    return False


def reason(error, fun, derivative=False):
    """Return ``": line 3 of f.py, 'source': the reason"`` for an error of Numba's.

    `derivative` says that `fun` compiles, and only its derivatives fail.
    """
    text, functions = str(error), called_functions(fun.py_func)
    what, name = _what(text, functions, derivative)
    place = _place(text, functions) or _line_of(name, functions)
    if place is None:
        return f": {what}"
    file, line = place
    source = linecache.getline(file, line).strip()
    return f": line {line} of {os.path.basename(file)}, {source!r}: {what}"


def called_functions(function, found=None):
    """Return the user's functions that a function calls, itself first; `found` are known ones."""
    found = [] if found is None else found
    package = (function.__module__ or "").partition(".")[0]  # None if its globals have no name
    if function in found or package in ("numba", "fastopt"):
        return found
    found.append(function)
    for _, value in _values_used(function):
        if isinstance(value, Dispatcher):
            called_functions(value.py_func, found)
        elif isinstance(value, types.FunctionType):
            called_functions(value, found)
    return found


def _values_used(function):
    """Return the globals and closure variables that a function's code uses: names and values."""
    code = function.__code__
    names = {i.argval for i in _instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    values = [(name, function.__globals__[name]) for name in names if name in function.__globals__]
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        values.append((name, cell.cell_contents))
    return sorted(values, key=lambda pair: pair[0])


def _instructions(code):
    """Yield the instructions of a code object and of the code objects nested in it."""
    yield from dis.get_instructions(code)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _instructions(constant)


def _place(text, functions):
    """Return the user's file and line that an error is about: the innermost that it names."""
    files = {os.path.basename(f.__code__.co_filename): f.__code__.co_filename for f in functions}
    pattern = r" (?:at|from) (\S[^\n]*?) \((\d+)\)|File \"([^\"]+)\", line (\d+)"
    for groups in re.findall(pattern, text):
        file, line = groups[:2] if groups[0] else groups[2:]
        if os.path.basename(file) in files:
            return files[os.path.basename(file)], int(line)
    return None


def _line_of(name, functions):
    """Return the first line that uses a name."""
    for function in functions if name else ():
        line = function.__code__.co_firstlineno
        for instruction in _instructions(function.__code__):
            position = instruction.positions.lineno if instruction.positions else None
            line = position or line
            if instruction.argval == name:
                return function.__code__.co_filename, line
    return None


def _what(text, functions, derivative):
    """Return the reason, and the name that it is about, or None."""
    said = re.search(
        r"(a number that depends on x [^\n]*|an array of plain numbers [^\n]*"
        r"|[a-z][\w ]* known[\w ]* only)",
        text,
    )
    if said:
        return said[1], None
    untyped = re.search(r"Untyped global name '(\w+)'|imprecise type: .*pyobject", text)
    if untyped or re.search(r"OverloadSelector|[( ]none[,)]|supported as globals", text):
        values = _unreadable(functions, untyped[1] if untyped else None, not untyped)
        if values:
            return values
    undefined = re.search(r"name '(\w+)' is not defined", text)
    if undefined:
        return f"the name {undefined[1]!r} is not defined", undefined[1]
    missing = re.search(MISSING, text)
    if missing:
        return _missing(missing[1] or missing[4], missing[2] or missing[3], derivative)
    if re.search(r"getiter with parameters \(Tuple", text):
        hint = "; make all of them depend on x, as 2.0 + 0.0 * x[0]" if derivative else ""
        return f"a loop over a tuple needs items of one kind{hint}", None
    return _call(text, derivative) or _construct(text), None


def _unreadable(functions, wanted, of_none):
    """Return a message on a global or closure variable that compiled code cannot read; its name."""
    for function in functions:
        for name, value in _values_used(function):
            none = value is None and of_none
            if none or name == wanted or (wanted is None and not _is_readable(value)):
                if isinstance(value, types.FunctionType):
                    return f"{name!r} is a plain function; decorate it with numba.njit", name
                if isinstance(value, np.ufunc):
                    return f"Numba does not support the function {name!r}, a ufunc", name
                kind = "None" if value is None else f"a {type(value).__name__}"
                if isinstance(value, np.ndarray) and value.dtype == object:
                    kind = "an array of objects"
                return (
                    f"{name!r} is {kind}, which compiled code cannot read; pass what is needed of "
                    "it in args, as arrays and numbers"
                ), name
    return None


def _is_readable(value):
    """Return True for a value that can be a constant of compiled code."""
    if isinstance(value, tuple):
        return all(map(_is_readable, value))
    if type(value) is np.ndarray:
        return value.dtype != object
    plain = bool | int | float | complex | str | bytes | np.generic | np.ufunc | type
    plain |= types.FunctionType | types.BuiltinFunctionType | types.ModuleType | Dispatcher
    return value is None or isinstance(value, plain) or type_of(value) is not None


def lacks_derivative(text):
    """Return True if an error is about a function that Numba supports without a derivative."""
    missing = re.search(MISSING, text)
    return bool(missing) and _is_known(missing[1] or missing[4], missing[2] or missing[3])


def _is_known(module, name):
    """Return True if Numba supports a function of a module."""
    theirs = sys.modules.get((module or "").removeprefix("fastopt."))
    if theirs is None or not hasattr(theirs, name):
        return False
    context: Any = cpu_target.typing_context
    context.refresh()
    return context.resolve_getattr(numba_types.Module(theirs), name) is not None


def _missing(module, name, derivative):
    """Return the reason for an unsupported attribute, and its name."""
    if module is None:
        whose = "arrays and numbers that depend on x" if derivative else "arrays and numbers"
        return f"{whose} have no {name!r} in compiled code", name
    module = module.removeprefix("fastopt.")
    theirs: Any = sys.modules.get(module)
    if _is_known(module, name):
        return f"the derivative of {module}.{name} is not known", name
    if hasattr(theirs, name):
        return f"Numba does not support {module}.{name}", name
    close = difflib.get_close_matches(name, dir(theirs), 1)
    guess = f"; did you mean {close[0]!r}?" if close else ""
    return f"{module} has no {name!r}{guess}", name


def _call(text, derivative):
    """Return the reason if a call is not supported for its types, or None for other errors."""
    kinds = "(?:built-in |intrinsic |class |function |ufunc )*"
    called = re.search(rf"No implementation of function Function\((?:<{kinds}'?)?([\w.<>]+)", text)
    if not called:
        return None
    name = called[1].rstrip(">").rpartition(".")[2]
    if name == "listed":  # fastopt's own, which is called with what a fit's function returns
        return "it must return an array of residuals, or a tuple of numbers"
    if name == "exception_match":
        return "compiled code supports only 'except:' and 'except Exception:'"
    given = re.search(rf">>> {re.escape(name)}[^(\n]*?(?: \(vectorized\))?\((.*)\)\s*$", text, re.M)
    plain = given and not re.search("rray|Tuple|list|Expression|set|dict", given[1])
    if name in _OF_ARRAYS and plain:
        return (
            f"{name} is given a number where it needs an array (in a batch, data have an axis of "
            "problems in front, and fun gets one row)"
        )
    shown = f"'{_SIGNS[name]}'" if name in _SIGNS else name
    if "getitem" in name or "setitem" in name:
        shown = "this index" if "getitem" in name else "writing at this index"
        if derivative and name.endswith("setitem") and given and "DualArray" not in given[1]:
            return (
                "an array of plain numbers cannot take numbers that depend on x; make it with "
                "np.zeros, np.full or np.empty, whose arrays can"
            )
    if not derivative:
        return f"Numba does not support {shown}{_of(given)}"
    if given and "complex" in given[1]:
        return f"the derivative of {shown} with complex numbers is not known"
    return f"the derivative of {shown} is not known"


def _of(given):
    """Return the part of a message that names the types of a call."""
    if not given:
        return ""
    kinds = re.sub(r"Literal\[\w+\]\((.*?)\)", r"\1", given[1])
    return f" for ({kinds})" if len(kinds) < 120 else " for these arguments"


def _construct(text):
    """Return the reason for an unsupported construct, in Numba's words if there are no others."""
    opcode = re.search(r"unsupported opcode \((\w+)\)", text)
    if opcode:
        return f"Numba does not support {_OPCODES.get(opcode[1], f'the operation {opcode[1]}')}"
    if "use of yield in a closure" in text:
        return "Numba does not support generator expressions; write a list, [...]"
    if "format spec in f-strings" in text:
        return "Numba does not support formats in f-strings"
    if "del found at" in text:
        return "Numba does not support del"
    if "context manager" in text:
        return "Numba does not support this 'with'"
    if "cannot be determined" in text:
        return "Numba cannot tell the type of what is computed here"
    text = text.partition("\nFile ")[0]
    skipped = ("Failed in", "During:", "-", "^", "raised from")
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith(skipped) and "object at 0x" not in line:
            return f"Numba says: {line.rstrip('.')}"
    return "Numba has no way to do this"
