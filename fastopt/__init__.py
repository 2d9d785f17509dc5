"""fastopt: fast first-order optimisation from NumPy arrays, compiled by Numba."""

from fastopt import kernels, schedules
from fastopt._version import __version__ as __version__
from fastopt.api.gradients import compare_grad, value_and_grad
from fastopt.api.minimize import minimize
from fastopt.api.minimize_batch import minimize_batch
from fastopt.api.minimize_stochastic import minimize_stochastic
from fastopt.api.multistart import multistart
from fastopt.api.precompile_loops import precompile
from fastopt.api.scipy_methods import __getattr__  # noqa: F401  (fastopt.rmsprop, fastopt.RMSProp and so on)
from fastopt.api.show_config import show_config
from fastopt.optimizers.rule_classes import names
from fastopt.rules import methods
from fastopt.storage.npz import load, save

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
