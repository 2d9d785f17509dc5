"""The identity of a problem: digests, by name, of everything that decides its answer."""

import functools
import types

from fastopt.compiling.code_walk import root_of
from fastopt.storage.value_digests import Content
from fastopt.storage.value_walk import SHORT


def identity(named):
    """Return a text for each value in a dict, and for each value that its functions read.

    The text is a number or a short string itself, else a digest. The digest of an array covers all
    its numbers, that of an object its pickled state and the code of its class. The digest of a
    function covers its code and everything that it reads: constants, globals, closure values,
    other functions. Installed packages are compared by name and version, but the package of the
    objective is covered completely.

    Raises
    ------
    TypeError
        If the content of a value cannot be read.
    """
    texts, own = {}, _package(named.get("fun", named.get("f")))
    for name, value in named.items():
        shown = repr(value) if type(value) in (bool, int, float, str, type(None)) else ""
        if 0 < len(shown) <= SHORT:
            texts[name] = shown
        else:
            content = Content(name, own)
            texts[name] = content.digest(value)
            texts |= content.parts
    return texts


def _package(fun):
    """Return the name of the package that defines an objective."""
    while isinstance(fun, functools.partial | types.MethodType):
        fun = fun.func if isinstance(fun, functools.partial) else fun.__func__
    fun = getattr(fun, "py_func", fun)
    return root_of(fun if isinstance(fun, types.FunctionType) else type(fun))


def differences(saved, current):
    """Return the names of the values that differ, as a text; an empty text if none do."""
    words = []
    for name in {**current, **saved}:
        then, now = saved.get(name, "none"), current.get(name, "none")
        if then != now:
            shown = max(len(then), len(now)) <= SHORT
            words.append(f"{name} ({then} there, {now} here)" if shown else name)
    return ", ".join(words)
