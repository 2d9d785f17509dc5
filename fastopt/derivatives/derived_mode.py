"""The mode of a derived gradient: forward mode for few parameters, reverse mode for many."""

import linecache
import os
from typing import Any

import numba

# Most parameters with which forward mode is tried first.
MOST_FORWARD = 16


class NoReverse(TypeError):
    """The error for a function that has no gradient in reverse mode, though `jac` asks for it."""


def chosen(method, fun, x, args, fast) -> Any:
    """Return (mode, compiled gradient of reverse mode or None) for a compiled `fun`.

    `method` is a mode, or "autodiff": reverse mode for many parameters, if `fun` has it.
    """
    if method == "forward" or (method == "autodiff" and x.size <= MOST_FORWARD):
        return "forward", None
    from fastopt.derivatives.reverse import compiled_gradient as reverse  # late: slow to import

    try:
        kinds = tuple(map(numba.typeof, args))
        return "reverse", reverse.check(fun, numba.typeof(x), kinds, fast)
    except reverse.NotReversible as error:
        if method == "reverse":
            raise NoReverse(message(error)) from None
    except ValueError:  # an argument that compiled code cannot take: forward mode says so
        if method == "reverse":
            raise
    return "forward", None


def message(error):
    """Return the sentence that says where a function has no reverse, and what helps."""
    place = ""
    if error.loc is not None:
        file, line = error.loc.filename, error.loc.line
        place = f": line {line} of {os.path.basename(file)}"
        source = linecache.getline(file, line).strip()
        place += f", {source!r}" if source else ""
    return (
        f"fun cannot be differentiated in reverse{place}: {error.reason}. Use jac='forward', which "
        "takes more time for many parameters, or give jac a function."
    )


def new_store():
    """Return the memory of reverse sweeps of one thread."""
    from fastopt.derivatives.reverse import compiled_gradient as reverse

    return reverse.new_store()
