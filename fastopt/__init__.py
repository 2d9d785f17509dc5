"""Minimise functions with adaptive-gradient methods, compiled by Numba.

`minimize` solves one problem, `minimize_batch` one for each row of data. `solver` and
`least_squares_solver` solve in `@njit` code. `minimize_stochastic` takes mini-batches of rows.
`multistart` finds all minima in a box. `least_squares` and `curve_fit` fit parameters, with their
errors; `least_squares_batch` and `curve_fit_batch` fit very many. `confidence` and `bootstrap`
find intervals. Optimizers step your own arrays: `RMSProp` and a class for every other method.
`kernels` has their steps for `@njit` code, `schedules` learning rates.
`value_and_grad` and `compare_grad` give and check gradients, `hessian` second derivatives, and
`standard_errors` the errors of maximum-likelihood fits. `save` and `load` keep state.
`methods()` lists the methods, `show_config()` what is installed; `precompile` compiles ahead.
As methods of SciPy: ``scipy.optimize.minimize(fun, x0, method=fastopt.rmsprop)``.

Read on: ``help(fastopt.minimize)``, ``help(fastopt.rmsprop)``, and the site that ``nox -s docs``
builds from docs/, which begins with docs/start.md.
"""

from fastopt import kernels, schedules
from fastopt._version import __version__ as __version__
from fastopt.api.curve_fit import curve_fit
from fastopt.api.curve_fit_batch import curve_fit_batch
from fastopt.api.gradients import compare_grad, value_and_grad
from fastopt.api.hessian import hessian
from fastopt.api.least_squares import least_squares
from fastopt.api.least_squares_batch import least_squares_batch
from fastopt.api.minimize import minimize
from fastopt.api.minimize_batch import minimize_batch
from fastopt.api.minimize_stochastic import minimize_stochastic
from fastopt.api.multistart import multistart
from fastopt.api.precompile_loops import precompile
from fastopt.api.scipy_methods import __getattr__  # noqa: F401  (fastopt.rmsprop, fastopt.RMSProp and so on)
from fastopt.api.show_config import show_config
from fastopt.api.solver import least_squares_solver, solver
from fastopt.api.standard_errors import standard_errors
from fastopt.intervals.bootstrap import bootstrap
from fastopt.intervals.confidence import confidence
from fastopt.optimizers.rule_classes import names
from fastopt.rules import methods
from fastopt.storage.npz import load, save

__all__ = [
    "bootstrap",
    "compare_grad",
    "confidence",
    "curve_fit",
    "curve_fit_batch",
    "hessian",
    "kernels",
    "least_squares",
    "least_squares_batch",
    "least_squares_solver",
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
    "solver",
    "standard_errors",
    "value_and_grad",
]


def __dir__():
    return sorted([*__all__, *methods(), *names()])
