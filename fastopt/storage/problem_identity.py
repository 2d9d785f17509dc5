"""What makes a problem this one and no other: digests of all that decides its answer, by name."""

import functools
import types

from fastopt.compiling.fingerprint import root_of
from fastopt.storage.value_digests import Content
from fastopt.storage.value_walk import SHORT


def identity(named):
    """Return a text for each value in a dict, and for what each function among them reads.

    Numbers and strings stand for themselves. Of arrays all numbers count, of objects what pickle
    keeps and the code of their classes. Of functions the code counts, and all that it reads:
    constants, globals, closure values, other functions. Of installed packages names and versions
    count, but the package of the objective counts whole.

    Raises
    ------
    TypeError
        If the content of a value cannot be read.
    """
    texts, own = {}, _package(named.get("fun"))
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
    """Return the name of the package that an objective is from."""
    while isinstance(fun, functools.partial | types.MethodType):
        fun = fun.func if isinstance(fun, functools.partial) else fun.__func__
    fun = getattr(fun, "py_func", fun)
    return root_of(fun if isinstance(fun, types.FunctionType) else type(fun))


def differences(there, here):
    """Return the names of what differs, in a sentence's words; an empty text if nothing does."""
    words = []
    for name in {**here, **there}:
        then, now = there.get(name, "none"), here.get(name, "none")
        if then != now:
            shown = max(len(then), len(now)) <= SHORT
            words.append(f"{name} ({then} there, {now} here)" if shown else name)
    return ", ".join(words)
