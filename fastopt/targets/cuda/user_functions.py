"""The user's functions, linked for a device."""

import dis
import types
from typing import Any

import numpy as np

from fastopt.compiling.compiler import is_compiled, is_plain, link
from fastopt.derivatives import gradient_methods

WRITES = ("STORE_SUBSCR", "STORE_SLICE")


def linked(fun, real, dual, wrap):
    """Link `fun` and the functions that it calls, for the element type `real`.

    Parameters
    ----------
    dual
        The type of its dual arguments, or None for numbers.
    wrap : callable
        The target's decorator of device functions.

    Raises
    ------
    TypeError
        If it may raise: a device cannot report the exception, and its problem would never end.
    """
    from fastopt.derivatives import substitutions
    from fastopt.derivatives.forward.lazy import expressions

    writes = []

    def decorate(function, original):
        require_silence(plain(original))
        writes.append(writes_to_arrays(function.__code__))
        return wrap(function, original)

    own: dict[str, Any] = {"follow": is_users, "replace": substitutions.meanings(dual, True, real)}
    if real is np.float32:
        own["narrow"] = real
    user = link(plain(fun), {}, decorate, top=decorate, **own)
    if any(writes):
        return user
    return link(
        gradient_methods.on_frozen, {"fun": user, "frozen": expressions.frozen}, wrap, top=wrap
    )


def plain(fun):
    """Return the plain function of an @njit one."""
    return getattr(fun, "py_func", fun)


def is_users(value):
    return is_compiled(value) or is_plain(value)


def writes_to_arrays(code):
    """Return True if code writes to an array."""
    inner = (writes_to_arrays(c) for c in code.co_consts if isinstance(c, types.CodeType))
    return any(i.opname in WRITES for i in dis.get_instructions(code)) or any(inner)


def require_silence(function):
    """Raise a TypeError if the function contains a raise or an assert statement."""
    code, line = function.__code__, function.__code__.co_firstlineno
    for instruction in dis.get_instructions(code):
        line = instruction.starts_line if isinstance(instruction.starts_line, int) else line
        if instruction.positions and instruction.positions.lineno:
            line = instruction.positions.lineno
        if instruction.opname == "RAISE_VARARGS":
            raise TypeError(
                f"{function.__name__} cannot run on a GPU: it raises or asserts in line {line} of "
                f"{code.co_filename}, and nothing can be raised there. Return math.nan or math.inf "
                "instead, or use device='cpu'."
            )
