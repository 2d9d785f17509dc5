"""Error messages for unknown keywords: where they belong, or what to use instead."""

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from fastopt import rules
from fastopt.inputs import run_options

P = ParamSpec("P")
R = TypeVar("R")

_UNSUPPORTED = {
    "constraints": (
        "constraints are not supported, only bounds; add a penalty to fun, or use "
        "scipy.optimize.minimize with method='SLSQP' or 'trust-constr'"
    ),
    "hess": "second derivatives are not used; leave hess out",
    "hessp": "second derivatives are not used; leave hessp out",
    "kwargs": "give the further arguments of the function as args=(...)",
    "x_scale": "parameters are scaled by the derivatives; leave x_scale out",
}
_MEANT = {
    "x": "x0", "start": "x0", "initial": "x0", "p0": "x0", "init": "x0", "params": "x0",
    "f": "fun", "func": "fun", "function": "fun", "objective": "fun", "loss": "fun",
    "grad": "jac", "gradient": "jac", "fprime": "jac", "jacobian": "jac", "derivative": "jac",
    "algorithm": "method", "optimizer": "method", "solver": "method", "rule": "method",
    "n_jobs": "workers", "threads": "workers", "processes": "workers",
    "batchsize": "batch_size", "n_epochs": "epochs", "random_state": "seed",
    "X": "data", "ydata": "data", "xdata": "data", "early_stopping": "patience",
}  # fmt: skip


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate `function`: an unknown keyword raises an error that names its right place."""
    known = inspect.signature(function).parameters

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs and not kwargs.keys() <= known.keys():
            raise TypeError(_message(function.__name__, known, kwargs))
        return function(*args, **kwargs)

    return call


def _message(function, known, given):
    """Return the error message for the first unknown keyword."""
    name = next(name for name in given if name not in known)
    begun = f"{function}() has no argument {name!r}"
    if name in _UNSUPPORTED:
        return f"{begun}: {_UNSUPPORTED[name]}"
    option = _option(name)
    if option and "options" in known:
        return f"{begun}: it is an option; say options={{{option!r}: {given[name]!r}}}"
    meant = {"seed": "rng", "random_state": "rng"}.get(name) if "rng" in known else None
    meant = meant or _MEANT.get(name)
    close = [meant] if meant in known else difflib.get_close_matches(name, known, 1)
    guess = f"; did you mean {close[0]!r}?" if close else "."
    return f"{begun}{guess} Its arguments are {', '.join(known)}"


def _option(name):
    """Return the option meant by this name, or None."""
    options = {*run_options.COMMON, "weight_decay", "initial_accumulator"}
    for method in rules.methods():
        options.update(rules.options_class(rules.get(method))._fields)
    meant = run_options.ALIASES.get(name.lower(), name)
    return meant if meant in options else None
