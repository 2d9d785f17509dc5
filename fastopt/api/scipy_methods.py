"""Rules as methods of `scipy.optimize.minimize`: ``minimize(fun, x0, method=fastopt.rmsprop)``."""

import functools
import sys
import warnings
from collections.abc import Callable
from typing import Any

from fastopt import rules
from fastopt.api.minimize import minimize
from fastopt.optimizers import rule_classes


@functools.cache
def method(name):
    """Return the function that SciPy calls as its `method`."""

    def solve(fun, x0, args=(), jac=None, bounds=None, callback=None, **options):
        # SciPy's contract for a custom method: `tol` arrives among the options. `bounds` and
        # `callback` arrive unchanged, and so do arguments that the method cannot use.
        if _given(options.pop("constraints", ())):
            raise ValueError(f"{name} takes bounds, not constraints")
        for unused in ("hess", "hessp"):
            if options.pop(unused, None) is not None:
                warnings.warn(f"{name} does not use {unused}", RuntimeWarning, stacklevel=3)
        if jac is not None and jac == getattr(fun, "derivative", None):
            fun, jac = getattr(fun, "fun", fun), True  # SciPy's wrapper for jac=True
        tol, device = options.pop("tol", None), options.pop("device", "auto")
        return minimize(fun, x0, args, name, jac, bounds, tol, callback, options, device=device)

    solve.__name__ = solve.__qualname__ = name
    rule = rules.get(name)
    defaults = rules.options_class(rule)._field_defaults.items()
    own = ", ".join(f"{k}={v!r}" for k, v in defaults if k != "learning_rate")
    solve.__doc__ = (
        f"{rule.__doc__}\nAs a method of SciPy: ``scipy.optimize.minimize(fun, x0, "
        f"method=fastopt.{name})``, or of `fastopt.minimize`, as {name!r}.\n\n"
        f"Options of its own: {own}.\nThe others are those of `fastopt.minimize`."
    )
    return solve


def _given(constraints):
    return constraints is not None and (not hasattr(constraints, "__len__") or len(constraints) > 0)


def __getattr__(name) -> Callable[..., Any]:
    """Return fastopt.rmsprop, fastopt.RMSProp and so on, by the names of the rules."""
    if name in rules.methods():
        return method(name)
    if name[:1].isupper() and name in rule_classes.names():
        return rule_classes.optimizer(name)
    # If `obj` is the module, Python adds "Did you mean: 'RMSProp'?".
    module = sys.modules["fastopt"]
    raise AttributeError(f"module 'fastopt' has no attribute {name!r}", name=name, obj=module)
