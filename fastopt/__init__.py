"""fastopt: fast first-order optimisation from NumPy arrays, compiled by Numba."""

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
