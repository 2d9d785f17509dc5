"""Messages that say why a function could not be compiled for a GPU.

The place is in numba-cuda's message, or in the state of the pass that failed. The reason is given
in many ways; some passes stop with a bare KeyError. The user's source supplies the rest.
"""

import ast
import inspect
import linecache
import os
import re
import textwrap
import types

_MEMORY = "{} makes a new array or object, and code on a GPU cannot allocate memory"
_NONE = "{} is not available on a GPU"
# Syntax that is the reason, whatever the message about its line: node -> (name, sentence).
_CONSTRUCTS: dict = {
    ast.Try: ("try", "try and except are not possible on a GPU"),
    ast.With: ("with", "with is not possible on a GPU"),
    ast.Yield: ("yield", "generators are not possible on a GPU"),
    ast.ListComp: ("the list comprehension", _MEMORY),
    ast.List: ("the list", _MEMORY),
    ast.DictComp: ("the dict comprehension", _MEMORY),
    ast.Dict: ("the dict", _MEMORY),
    ast.Set: ("the set", _MEMORY),
    ast.JoinedStr: ("the string", _MEMORY),
}
_BLOCKS = (ast.Try, ast.With)  # an error in their body need not be about them
_ALLOCATING = r"\.?_allocate\b|array_allocate|NRT required|Only accept returning of array"
_CONTAINERS = {
    "DictType": "a dict",
    "ListType": "a list",
    "list(": "a list",
    "unicode_type": "text",
}
_MAKERS = "zeros ones empty full array arange linspace copy concatenate stack asarray interp diag "
_MAKERS += "vstack hstack column_stack append repeat kron convolve median polyval cumsum cumprod"
_MAKERS = {*_MAKERS.split(), *(f"{name}_like" for name in ("zeros", "ones", "empty", "full"))}


def explain_device(error, fun):
    """Return a TypeError that says why the user's plain `fun` cannot run on a GPU.

    `error` is the exception raised while compiling it. Errors unrelated to `fun` and the functions
    that it calls are returned unchanged.
    """
    fun = getattr(fun, "py_func", fun)
    text = str(error)
    result = _result(text)
    if result:
        return TypeError(f"{fun.__name__} {result}")
    if "Cannot bind 'args" in text and not _said_places(text, _codes(fun)):
        return TypeError(f"fun is {fun.__name__}{inspect.signature(fun)}, called with other args")
    place = _place(error, fun, text)
    if place is None:
        return error
    code, line = place
    what = _what(error, text, code, line)
    file = os.path.basename(code.co_filename)
    source = linecache.getline(code.co_filename, line).strip()
    advice = '. Write a loop over the data with numbers and functions of math, or use device="cpu"'
    return TypeError(
        f"{fun.__name__} cannot run on a GPU: line {line} of {file} in {code.co_name}, {source!r}: "
        f"{what}{'' if 'not defined' in what else advice}."
    )


def _result(text):
    """Return what is wrong with the result of `fun`, or None: our own code raises such errors."""
    found = re.search(r">>> (?:write_partials|value_of)\((\w+)", text)
    if re.search(
        r"Only accept returning of array[^(]*type\(CUDADispatcher\(<function on_frozen", text
    ):
        return "must return one real number; it returns an array"
    if not found:
        return None
    if "rray" in found[1]:
        return "must return one real number; it returns an array"
    return f"cannot be differentiated: its result does not depend on x, or in steps ({found[1]})"


def _codes(fun):
    """Return the code of a function, of the functions that it calls, and of nested ones."""
    found, waiting = {}, [fun]
    while waiting:
        value = waiting.pop()
        value = getattr(value, "py_func", value)
        code = getattr(value, "__code__", value)
        if not isinstance(code, types.CodeType) or id(code) in found:
            continue
        found[id(code)] = code
        waiting += [c for c in code.co_consts if isinstance(c, types.CodeType)]
        if isinstance(value, types.FunctionType):
            known = {**value.__globals__, **inspect.getclosurevars(value).nonlocals}
            waiting += [known[n] for n in _names(code) if n in known]
    return list(found.values())


def _names(code):
    inner = [_names(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    return {*code.co_names, *code.co_freevars}.union(*inner)


def _lines(code):
    return {line for _, _, line in code.co_lines() if line}


def _find(file, line, codes):
    """Return the innermost code with this line, or None; files are compared by base name."""
    names = [c for c in codes if os.path.basename(c.co_filename) == os.path.basename(file)]
    return next(((c, line) for c in reversed(names) if line in _lines(c)), None)


def _said_places(text, codes):
    pattern = r" at (\S[^\n]*?) \((\d+)\)|File \"([^\"]+)\", line (\d+)"
    pairs = [(p[0] or p[2], int(p[1] or p[3])) for p in re.findall(pattern, text)]
    return [place for pair in pairs if (place := _find(*pair, codes))]


def _place(error, fun, text):
    """Return the code and the line that the error is about, or None if no line of `fun` is."""
    codes = _codes(fun)
    places, trace = [], error.__traceback__
    while trace:  # compiler passes have their current instruction in a local variable
        for name in ("inst", "instr", "loc"):
            value = trace.tb_frame.f_locals.get(name)
            at = getattr(value, "loc", value)
            if isinstance(getattr(at, "line", None), int) and getattr(at, "filename", None):
                places.append(_find(at.filename, at.line, codes))
        trace = trace.tb_next
    places = [*_said_places(text, codes), *filter(None, reversed(places))]
    name = re.search(r"name '(\w+)' is not defined", text)
    tried = re.search("set_try_status|exception_match", text)
    for code in codes:  # a search in the source, if the message names no place
        for node in ast.walk(_tree(code)):
            missing = name and isinstance(node, ast.Name) and node.id == name[1]
            missing = missing or (tried and isinstance(node, ast.Try))
            if missing or (not places and isinstance(node, (*_BLOCKS, ast.Yield))):
                return code, getattr(node, "lineno", code.co_firstlineno)
    return places[0] if places else None


def _tree(code):
    """Return the syntax tree of a function with its line numbers; empty if there is no source."""
    try:
        lines, first = inspect.getsourcelines(code)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, SyntaxError):  # a lambda within a line need not parse
        return ast.Module([], [])
    return ast.increment_lineno(tree, first - 1)


def _what(error, text, code, line):
    nodes = [n for n in ast.walk(_tree(code)) if getattr(n, "lineno", None) == line]
    name = re.search(r"name '(\w+)' is not defined", text)
    if name:
        return f"the name {name[1]!r} is not defined"
    if re.search("(?:runaway|unsupported) recursion", text):
        return "recursion is not possible on a GPU"
    for kind, (what, sentence) in _CONSTRUCTS.items():
        if any(isinstance(n, kind) for n in nodes):
            return sentence.format(what)
    called = [ast.unparse(n.func) for n in nodes if isinstance(n, ast.Call)]
    said = _named(error, text)
    container = re.search(r"DictType|ListType|list\(|unicode_type", text)
    if container and not called:
        return _NONE.format(_CONTAINERS[container[0]])
    match = [c for c in called if c.rpartition(".")[2] in said]
    if match and match[0].rpartition(".")[2] in _MAKERS:
        return _MEMORY.format(match[0])
    # A KeyError comes from a table of implementations. If CPU code has been compiled as well, Numba
    # recurses without end for some functions of NumPy.
    if match or (called and isinstance(error, KeyError | RecursionError)):
        return _NONE.format((match or called)[0])
    arrays = [n for n in nodes if isinstance(n, ast.BinOp | ast.UnaryOp | ast.Compare)]
    if arrays and (re.search(_ALLOCATING, text) or not said or said & _OPERATORS):
        return _MEMORY.format(f"the operation on arrays {ast.unparse(arrays[0])}")
    if re.search(_ALLOCATING, text):
        return _MEMORY.format(called[0] if called else "this")
    return _NONE.format((called or sorted(said) or ["this"])[0])


_OPERATORS = {"add", "sub", "mul", "truediv", "pow", "neg", "matmul", "iadd", "isub", "imul"}


def _named(error, text):
    """Return the functions and attributes that Numba does not support, by its message."""
    kinds = "(?:built-in |intrinsic |class |function |ufunc )*"
    said = re.findall(rf"No implementation of function Function\(<{kinds}'?([\w.]+)", text)
    said += re.findall(r"Unknown attribute '(\w+)'|<ufunc '(\w+)'>", text)
    return {part for item in said for part in ([item] if isinstance(item, str) else item) if part}
