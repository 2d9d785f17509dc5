"""Minimise functions with adaptive-gradient methods, compiled by Numba.

Functions: `minimize` solves one problem, `minimize_batch` one problem for each row of data,
`minimize_stochastic` takes mini-batches of rows, and `multistart` looks for all minima in a box.
Optimizers step your own arrays in place: `AdaGrad`, `RMSProp`, `AdaDelta`, `Adam`, `AdamW`,
`AdaMax`, `Nadam`, `SGD`. `kernels` has their steps for `@njit` code, `schedules` learning rates.
`value_and_grad` and `compare_grad` give and check gradients; `save` and `load` keep state.
`methods()` lists the methods, `show_config()` what is installed; `precompile` compiles ahead.
As methods of SciPy: ``scipy.optimize.minimize(fun, x0, method=fastopt.rmsprop)``.

Read on: ``help(fastopt.minimize)``, ``help(fastopt.rmsprop)``, and the site that ``nox -s docs``
builds from docs/, which begins with docs/start.md.
"""

from fastopt import kernels, schedules
from fastopt._batch import minimize_batch
from fastopt._classes import names
from fastopt._config import show_config
from fastopt._gradients import compare_grad, value_and_grad
from fastopt._minimize import minimize
from fastopt._multistart import multistart
from fastopt._precompile import precompile
from fastopt._save import load, save
from fastopt._scipy import __getattr__  # noqa: F401  (fastopt.rmsprop, fastopt.RMSProp and so on)
from fastopt._stochastic import minimize_stochastic
from fastopt.rules import methods

__version__ = "0.1.0"
__all__ = [
    "compare_grad",
    "kernels",
    "load",
    "methods",
    "minimize",
    "minimize_batch",
    "minimize_stochastic",
    "multistart",
    "precompile",
    "save",
    "schedules",
    "show_config",
    "value_and_grad",
]


def __dir__():
    return sorted([*__all__, *methods(), *names()])
