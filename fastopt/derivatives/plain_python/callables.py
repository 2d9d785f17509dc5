"""Rebuilding of methods, partials and objects with state, so that they run on plain duals."""

import functools
import types
from typing import Any

from fastopt.compiling import compiler


def rebuilt(fun, link):
    """Return `fun` with every plain function of the user's in it passed through `link`.

    An object is not copied: the result reads and writes the attributes of the original.
    """
    if isinstance(fun, types.FunctionType):
        return link(fun)
    if isinstance(fun, functools.partial):
        given = [_argument(value, link) for value in fun.args]
        named = {name: _argument(value, link) for name, value in fun.keywords.items()}
        return functools.partial(rebuilt(fun.func, link), *given, **named)
    if isinstance(fun, types.MethodType):
        owner = fun.__self__
        if isinstance(owner, type):
            return types.MethodType(rebuilt(fun.__func__, link), owner)
        return types.MethodType(rebuilt(fun.__func__, link), _instance(owner, link))
    return _instance(fun, link)


def _argument(value, link):
    inner = isinstance(value, functools.partial | types.MethodType) or compiler.is_plain(value)
    return rebuilt(value, link) if inner else value


def _instance(owner, link):
    """Return an object with linked methods and the same attributes, or `owner` if impossible."""
    kind: Any = type(owner)
    members = {}
    for base in reversed(kind.__mro__):
        members.update((n, m) for n, v in vars(base).items() if (m := _member(v, link)) is not None)
    if not members or not hasattr(owner, "__dict__"):
        return owner
    try:
        twin = object.__new__(type(kind)(kind.__name__, (kind,), {**members, "__slots__": ()}))
        object.__setattr__(twin, "__dict__", owner.__dict__)
    except TypeError:  # a class written in C, or one that cannot be subclassed
        return owner
    return twin


def _member(value, link):
    """Return a member of a class with its functions linked, or None for all other members."""
    if compiler.is_plain(value):
        return link(value)
    if isinstance(value, staticmethod | classmethod) and compiler.is_plain(value.__func__):
        return type(value)(link(value.__func__))
    if isinstance(value, property) and compiler.is_plain(value.fget):
        return property(link(value.fget), value.fset, value.fdel)
    return None
