"""The mode of a derived gradient: forward mode for few parameters, reverse mode for many."""

import linecache
import os
from typing import Any

import numba

from fastopt._sentences import warn

# Most parameters with which forward mode is tried first. Measured with 12: reverse mode takes half
# the time for loops, and a third for a logistic regression. With 4 to 8 it is often quicker, too.
# But forward mode compiles in less time there, and vectorises over the data.
MOST_FORWARD = 8


class NoReverse(TypeError):
    """The error for a function that has no gradient in reverse mode, though `jac` asks for it."""


def preferred(method, fun, x, fast) -> Any:
    """Return (mode, compiled gradient of reverse mode or None) for a compiled `fun`.

    `method` is a mode, or "autodiff": reverse mode for many parameters. Whether `fun` has a
    gradient in this mode shows when it is compiled.
    """
    if method == "forward" or (method == "autodiff" and x.size <= MOST_FORWARD):
        return "forward", None
    try:
        return "reverse", _gradient(fun, fast)
    except NoReverse:
        if method == "reverse":
            raise
    return "forward", None


def select(method, fun, x, args, fast, adds=False) -> Any:
    """Return the same for the mode that `fun` has; raise NoReverse if it must have a reverse.

    With `adds` the gradient of reverse mode is added to what is there.
    """
    if method == "forward" or (method == "autodiff" and x.size <= MOST_FORWARD):
        return "forward", None
    try:
        kinds = tuple(map(numba.typeof, args))
        return "reverse", reverse(fun, numba.typeof(x), kinds, fast, adds=adds)
    except (NoReverse, ValueError):  # a ValueError: compiled code cannot take an argument
        if method == "reverse":
            raise
    return "forward", None


def candidates(mode, size):
    """Return the modes to try, in order, for a number of parameters, or None if it is unknown."""
    if mode != "autodiff":
        return [mode]
    return ["forward", "reverse"] if not size or size <= MOST_FORWARD else ["reverse", "forward"]


def _gradient(fun, fast, adds=False):
    """Return the gradient by reverse mode, which is not compiled yet; or raise NoReverse."""
    from fastopt.derivatives.reverse import compiled_gradient  # late: slow to import

    try:
        return compiled_gradient.gradient(fun, fast, adds)
    except compiled_gradient.NotReversible as error:
        raise NoReverse(message(error)) from None


def reverse(fun, x, kinds, fast, whole=False, adds=False):
    """Return the gradient by reverse mode for these Numba types, or raise NoReverse.

    The `whole` code is compiled, or else it is only written, which does not find all faults.
    """
    gradient = _gradient(fun, fast, adds)
    problem = _problem(gradient, (x, *kinds), fun if whole else None, fast)
    if problem is not None:
        raise problem
    return gradient


def _problem(gradient, kinds, whole=None, fast=True):
    """Return a NoReverse that says why a gradient does not exist for these types, or None.

    A fault of fastopt's own is not the end of a run that forward mode can do, but a warning.
    """
    from fastopt.derivatives.reverse import compiled_gradient

    try:
        gradient.blocks_for(kinds)
        if whole is not None:
            compiled_gradient.check(whole, kinds[0], kinds[1:], fast)
    except compiled_gradient.NotReversible as error:
        return NoReverse(message(error))
    except MemoryError:
        raise
    except Exception as error:
        if not isinstance(error, numba.NumbaError):
            text = f"fastopt's reverse mode has a fault; please report it: {error!r}"
            warn(text, RuntimeWarning)
        found = NoReverse(f"fun cannot be differentiated in reverse: {error}")
        found.__cause__ = error
        return found
    return None


def keeping_less(gradient, error):
    """Return a gradient that keeps less in memory, if the error says so and there is one, or None.

    It takes the place of the other in later calls, too.
    """
    from fastopt.derivatives.reverse import compiled_gradient
    from fastopt.derivatives.reverse.runtime.store import StoreFull

    full = gradient is not None and isinstance(error, StoreFull)
    return compiled_gradient.keeping_states(gradient) if full else None


def why_not(gradient, x, args):
    """Return a NoReverse that says why a gradient of `preferred` does not compile, or None.

    None is for other causes, such as an argument that compiled code cannot take.
    """
    try:
        kinds = numba.typeof(x), *map(numba.typeof, args)
    except ValueError:
        return None
    return _problem(gradient, kinds)


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
