"""`link` rebuilds a plain function over other globals: one text for all targets and problems."""

import builtins
import difflib
import dis
import functools
import itertools
import sys
import types
from typing import Any

from fastopt.compiling import fingerprint, float32_constants
from fastopt.solver import placeholders

_PACKAGE = __name__.partition(".")[0] + "."
MARK = "__fastopt__"  # the global of user functions linked over our names: `narrow`, or True
_serial = itertools.count()


def unwrapped(function, _value=None):
    """Decorator for the interpreter and the CUDA simulator."""
    return function


def link(
    function, bindings, wrap, *, top=unwrapped, narrow=None, follow=None, suffix=None, replace=None
):
    """`function` over other globals, and with it the tree of functions that it calls.

    Parameters
    ----------
    bindings : dict
        The meaning of placeholders, in the whole tree. It is a ValueError if a name of these is
        unknown to the package, if a function defines it itself, or if one is read and not bound.
    wrap, top : callable ``(rebuilt, original)``
        The target's decorator, for the functions below the top and for the top itself.
    narrow : callable, optional
        The element type, np.float32: float constants are brought to it, be they literals, defaults
        or what globals, closures and modules hold.
    follow : callable, optional
        Which values are rebuilt as well; by default this package's plain functions.
    suffix : str
        Appended to names. Two functions of one name in one process must differ in it, else
        the second one's cached code silently runs the first (symbols are shared). By default a
        number, which is good for one process.
    replace : dict, optional
        ``id(value) -> another``, for what the code finds in its globals, in NumPy and in math.
    """
    follow, replace = follow or _is_ours, replace or {}
    suffix = f"_{next(_serial)}" if suffix is None else suffix
    built, modules, met = {}, {}, set()

    def build(value, decorate):
        f = getattr(value, "py_func", value)
        if f in built:
            return built[f]
        if hasattr(value, "anew"):
            built[f] = value.anew()
            return built[f]
        code, used = small(f.__code__), fingerprint.names(f.__code__)
        built[f] = value  # for a default that leads back here
        defaults = inner(f.__defaults__, used)
        named = {k: inner(v, used) for k, v in (f.__kwdefaults__ or {}).items()}
        scope = {"__name__": f.__module__, "__builtins__": f.__globals__["__builtins__"]}
        scope.update({MARK: narrow or True} if replace else {})
        closure = f.__closure__ and tuple(types.CellType() for _ in f.__closure__)
        new = types.FunctionType(code, scope, f.__name__ + suffix, defaults, closure)
        new.__kwdefaults__, new.__qualname__ = named or None, f.__qualname__ + suffix
        new.__module__ = f.__module__
        setattr(new, fingerprint.ORIGIN, fingerprint.origin(f))
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
        return not fingerprint.is_library(value) or (bool(replace) and numerical)

    def module(value, used):
        """A module with what the code takes from it, rebuilt."""
        if value not in modules:
            # Under another name: Numba has rewrites for calls of what it takes for numpy.array.
            modules[value] = types.ModuleType(_PACKAGE + value.__name__.removeprefix(_PACKAGE))
        for name in used:
            found = fingerprint.attribute(value, name)
            if found is not fingerprint.MISSING and name not in vars(modules[value]):
                setattr(modules[value], name, None)  # a module may lead back to itself
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
    default = getattr(placeholders, name, fingerprint.MISSING)
    own = function.__globals__.get(name, default)
    if name in placeholders.OF_RULES or default is fingerprint.MISSING:
        return
    if own is not default and own is not bound:
        raise ValueError(
            f"{function.__module__} defines {name!r} itself, which is the name of a placeholder "
            f"that {function.__qualname__} is linked with; rename one of the two"
        )


@functools.cache
def _is_known(name):
    """Return True for a name that some text of the package leaves open, or has in its module.

    Sets of bindings are shared by texts that do not need all of them.
    """
    if hasattr(placeholders, name):
        return True
    own = [m for n, m in list(sys.modules.items()) if f"{n}.".startswith(_PACKAGE)]
    return any(name in vars(module) for module in own)


def _is_ours(value):
    return isinstance(value, types.FunctionType) and value.__module__.startswith(_PACKAGE)
