"""`link` rebuilds a plain function over other globals: one source for all targets and problems."""

import builtins
import difflib
import dis
import functools
import itertools
import sys
import types
from typing import Any

from fastopt.algorithms import placeholders
from fastopt.algorithms.compile_hints import HINT
from fastopt.compiling import code_walk, float32_constants

_PACKAGE = __name__.partition(".")[0] + "."
# Name of a global that marks user functions linked over our names; its value: `narrow`, or True.
NARROWING_MARK = "__fastopt__"
_serial = itertools.count()


def undecorated(function, _value=None):
    """Return the function unchanged: the decorator for the interpreter and the CUDA simulator."""
    return function


def link(
    function,
    bindings,
    wrap,
    *,
    top=undecorated,
    narrow=None,
    follow=None,
    suffix=None,
    replace=None,
):
    """Rebuild `function` over other globals, and with it the tree of functions that it calls.

    Parameters
    ----------
    bindings : dict
        The values of the placeholders, for the whole tree. A ValueError is raised for a name that
        the package does not have, or that a module defines itself. The same holds for a
        placeholder that is read and not bound.
    wrap, top : callable ``(rebuilt, original)``
        The target's decorator, for the functions below the top and for the top itself.
    narrow : callable, optional
        The element type, np.float32. Float constants are converted to it: literals, defaults, and
        those in globals, closures and modules.
    follow : callable, optional
        Predicate: which values are rebuilt too. By default this package's plain functions are.
    suffix : str
        Appended to names. Functions of one name in one process must have different suffixes.
        Otherwise their symbols are shared, and the second one's cached code silently runs the
        first. By default a number, which is unique within one process.
    replace : dict, optional
        ``id(value) -> replacement``, for values in the code's globals, in NumPy and in math.
    """
    follow, replace = follow or _is_ours, replace or {}
    suffix = f"_{next(_serial)}" if suffix is None else suffix
    built, modules, met = {}, {}, set()

    def build(value, decorate):
        f = getattr(value, "py_func", value)
        if f in built:
            return built[f]
        if hasattr(value, "relink"):
            built[f] = value.relink()
            return built[f]
        code, used = small(f.__code__), code_walk.names(f.__code__)
        built[f] = value  # for a default that refers to this function
        defaults = inner(f.__defaults__, used)
        named = {k: inner(v, used) for k, v in (f.__kwdefaults__ or {}).items()}
        scope = {"__name__": f.__module__, "__builtins__": f.__globals__["__builtins__"]}
        scope.update({NARROWING_MARK: narrow or True} if replace else {})
        closure = f.__closure__ and tuple(types.CellType() for _ in f.__closure__)
        new = types.FunctionType(code, scope, f.__name__ + suffix, defaults, closure)
        new.__kwdefaults__, new.__qualname__ = named or None, f.__qualname__ + suffix
        new.__module__ = f.__module__
        setattr(new, code_walk.ORIGIN, code_walk.origin(f))
        if hasattr(f, HINT):
            setattr(new, HINT, getattr(f, HINT))
        # Decorated before its globals are filled in: functions may call themselves or each other.
        built[f] = decorate(new, value)
        met.update(used)
        for name in used:
            if name in bindings or name in f.__globals__:
                if name in bindings:
                    _check_open(name, f, bindings[name])
                elif f.__globals__[name] is None:
                    _check_bound(name, f)
                value = bindings[name] if name in bindings else f.__globals__[name]
                scope[name] = inner(value, used)
            elif id(getattr(builtins, name, None)) in replace:
                scope[name] = replace[id(getattr(builtins, name))]
        for cell, old in zip(closure or (), f.__closure__ or (), strict=True):
            cell.cell_contents = inner(old.cell_contents, used)
        return built[f]

    def inner(value, used):
        if id(value) in replace:
            return replace[id(value)]
        if follow(value):
            return build(value, wrap)
        if isinstance(value, tuple):
            items = [inner(item, used) for item in value]
            if all(new is old for new, old in zip(items, value, strict=True)):
                return value
            return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
        if isinstance(value, types.ModuleType) and is_open(value):
            return module(value, used)
        return small(value)

    def small(value) -> Any:
        return float32_constants.narrowed(value, narrow) if narrow else value

    def is_open(value):
        numerical = value.__name__.partition(".")[0] in ("numpy", "math", "scipy")
        return not code_walk.is_library(value) or (bool(replace) and numerical)

    def module(value, used):
        """Return a module with the rebuilt attributes that the code uses."""
        if value not in modules:
            # Under another name, since Numba rewrites calls that it takes for numpy.array.
            modules[value] = types.ModuleType(_PACKAGE + value.__name__.removeprefix(_PACKAGE))
        for name in used:
            found = code_walk.attribute(value, name)
            if found is not code_walk.MISSING and name not in vars(modules[value]):
                setattr(modules[value], name, None)  # a module may refer to itself
                setattr(modules[value], name, inner(found, used))
        return modules[value]

    result = build(function, top)
    for name in bindings:
        if name not in met and not _is_known(name):
            close = difflib.get_close_matches(name, [*met, *vars(placeholders)], 1)
            guess = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"nothing in {function.__qualname__} is called {name!r}{guess}")
    return result


def _check_bound(name, function):
    """Raise if a function reads a placeholder that nothing is bound to."""
    if hasattr(placeholders, name) and any(
        step.opname == "LOAD_GLOBAL" and step.argval == name
        for step in dis.get_instructions(function)
    ):
        raise ValueError(f"nothing is bound to {name!r}, which {function.__qualname__} reads")


def _check_open(name, function, bound):
    """Raise if a name that is bound means something of its own in the function's module."""
    default = getattr(placeholders, name, code_walk.MISSING)
    own = function.__globals__.get(name, default)
    if name in placeholders.OF_RULES or default is code_walk.MISSING:
        return
    if own is not default and own is not bound:
        raise ValueError(
            f"{function.__module__} defines {name!r} itself, which is the name of a placeholder "
            f"that {function.__qualname__} is linked with; rename one of the two"
        )


@functools.cache
def _is_known(name):
    """Return True for a placeholder, or a name in some module of the package.

    Sets of bindings are shared by functions that do not need all of them.
    """
    if hasattr(placeholders, name):
        return True
    own = [m for n, m in list(sys.modules.items()) if f"{n}.".startswith(_PACKAGE)]
    return any(name in vars(module) for module in own)


def _is_ours(value):
    return isinstance(value, types.FunctionType) and value.__module__.startswith(_PACKAGE)
