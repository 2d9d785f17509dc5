"""One step of each method inside your own compiled code: ``fastopt.kernels.rmsprop`` and so on.

The functions ``(x, g, state, coefficients)`` step vectors in place and can be called from `@njit`
functions. Those of `fastopt.kernels.cuda` can be called from `@cuda.jit` functions. There each
thread calls them on its own data: an array in its local memory, or a slice. The coefficients of
the steps come from an optimizer, with its schedule, weight decay and clipping by value:

>>> import numpy as np, fastopt
>>> from numba import njit
>>> @njit
... def fit(x, target, v, table):
...     for c in table:
...         fastopt.kernels.rmsprop(x, x - target, (v,), c)
>>> x, table = np.zeros(3), fastopt.RMSProp(0.1).coefficients(200)
>>> fit(x, np.array([1.0, 2.0, 3.0]), np.zeros(3), table)
>>> bool(abs(x - [1, 2, 3]).max() < 0.1)
True
"""

from collections.abc import Callable
from typing import Any

from fastopt import rules
from fastopt.kernels import cuda
from fastopt.targets.cpu import cpu_target as cpu

__all__ = ["cuda"]


def __getattr__(name) -> Callable[..., Any]:
    if name in rules.methods():
        step = cpu.step_function(name)
        step.__module__ = __name__  # keys identify the function by its module and name
        return step
    raise AttributeError(f"module 'fastopt.kernels' has no attribute {name!r}")


def __dir__():
    return [*rules.methods(), *__all__]
