"""Rules as methods of `scipy.optimize.minimize`: ``minimize(fun, x0, method=fastopt.rmsprop)``."""

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from fastopt import rules
from fastopt._sentences import warn
from fastopt.api.minimize import minimize
from fastopt.inputs import run_options
from fastopt.optimizers import rule_classes
from fastopt.results.batch_result import BatchResult
from fastopt.results.fit_batch_result import FitBatchResult

RESULTS = {"BatchResult": BatchResult, "FitBatchResult": FitBatchResult}


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
                warn(f"{name} does not use {unused}", RuntimeWarning)
        if jac is not None and jac == getattr(fun, "derivative", None):
            fun, jac = getattr(fun, "fun", fun), True  # SciPy's wrapper for jac=True
        tol, device = options.pop("tol", None), options.pop("device", "auto")
        return minimize(fun, x0, args, name, jac, bounds, tol, callback, options, device=device)

    solve.__name__ = solve.__qualname__ = name
    solve.__doc__ = _doc(name)
    return solve


def _doc(name):
    """Return what `help` shows of a method: the rule, and which defaults hold when."""
    rule = rules.get(name)
    given = {**rules.options_class(rule)._field_defaults}
    del given["learning_rate"]
    automatic = run_options.parse(rule, None, None, np.dtype(float)).rule._asdict()
    own = rule_classes.described(rule, given, automatic)
    return DOC.format(head=(rule.__doc__ or "").strip(), own=own, name=name)


DOC = """{head}

Give it to SciPy, ``scipy.optimize.minimize(fun, x0, method=fastopt.{name})``, or to the functions
of fastopt, ``fastopt.minimize(fun, x0, method="{name}")``.

Parameters
----------
fun, x0, args, jac, bounds, callback
    As in `fastopt.minimize`.
learning_rate : {{"auto"}}, float or callable, default "auto"
    "auto": a search finds the step, and the rule gives it the metric. A number or a schedule of
    `fastopt.schedules` gives exactly the rule above.
{own}
**options
    The other options of `fastopt.minimize`.

Returns
-------
scipy.optimize.OptimizeResult
    As from `fastopt.minimize`.

Raises
------
ValueError, TypeError
    If an argument makes no sense, or if there are constraints other than bounds.

Examples
--------
>>> import fastopt, scipy.optimize
>>> def fun(x):
...     return (x[0] - 3) ** 2 + (x[1] + 1) ** 2
>>> res = scipy.optimize.minimize(fun, [0.0, 0.0], method=fastopt.{name})
>>> res.success, res.x.round(3).tolist()
(True, [3.0, -1.0])
"""


def _given(constraints):
    return constraints is not None and (not hasattr(constraints, "__len__") or len(constraints) > 0)


def __getattr__(name) -> Callable[..., Any]:
    """Return fastopt.rmsprop, fastopt.RMSProp and so on, by the names of the rules."""
    if name in rules.methods():
        return method(name)
    if name[:1].isupper() and name in rule_classes.names():
        return rule_classes.optimizer(name)
    if name in RESULTS:  # as pickles name it
        return RESULTS[name]
    # If `obj` is the module, Python adds "Did you mean: 'RMSProp'?".
    module = sys.modules["fastopt"]
    raise AttributeError(f"module 'fastopt' has no attribute {name!r}", name=name, obj=module)
