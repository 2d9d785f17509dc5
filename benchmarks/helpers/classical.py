"""The problems of Moré, Garbow and Hillstrom, and the evaluations of a method to solve them.

The problems are the 35 of Moré, Garbow and Hillstrom (tests/helpers/problems), from their standard
starts and from 10 and 100 times those; nothing is tuned. A problem is solved if f is within 1e-6
(1 + |f*|) of its least value or of a listed local minimum. The number of the evaluation at which
this is first the case is compared, out of 50,000. All methods get the same exact gradient.
"rmsprop, 0.01" has that fixed learning rate, "0.1 to 0" a cosine schedule over the whole budget.
"""

import warnings

import numpy as np
import scipy.optimize

import fastopt

from .shared import from_folder

CLASSICAL = from_folder("tests/helpers", "problems").CLASSICAL
with_gradient = from_folder("tests/helpers", "problems.objectives").with_gradient

MAXFEV, ACCURACY = 50_000, 1e-6
FACTORS = 1.0, 10.0, 100.0
SCIPY = {  # options with tolerances at which they do not stop before fastopt
    "L-BFGS-B": {"maxfun": MAXFEV, "maxiter": MAXFEV, "ftol": 1e-15, "gtol": 3e-7},
    "BFGS": {"maxiter": MAXFEV, "gtol": 3e-7},
    "CG": {"maxiter": MAXFEV, "gtol": 3e-7},
    "TNC": {"maxfun": MAXFEV, "ftol": 1e-15, "gtol": 3e-7},
}
AUTO = {name: {"maxfev": MAXFEV} for name in fastopt.methods()}
GIVEN = {
    f"{name}, {label}": {"learning_rate": rate, "maxfev": MAXFEV}
    for name in ("rmsprop", "adagrad", "adam")
    for label, rate in {"0.01": 0.01, "0.1 to 0": fastopt.schedules.cosine(0.1, MAXFEV)}.items()
}
REFERENCE = "L-BFGS-B"


class Enough(Exception):
    """An exception from an objective whose budget is spent."""


class Watched:
    """A problem's objective that records the evaluation at which it was first solved."""

    def __init__(self, problem):
        self.problem, self.fun = problem, with_gradient(problem)
        self.nfev, self.hit, self.least = 0, 0, False

    def __call__(self, x):
        if self.nfev >= MAXFEV:
            raise Enough
        f, g = self.fun(x)
        self.nfev += 1
        if not self.hit and self.problem.solved(f, ACCURACY):
            self.hit = self.nfev
        self.least |= bool(
            abs(f - self.problem.minima[0]) <= ACCURACY * (1 + abs(self.problem.minima[0]))
        )
        return f, g


def run(problem, factor, solver):
    """Solve a problem; return (evaluations until solved or 0, all evaluations, least found)."""
    fun, x0 = Watched(problem), problem.start(factor)
    method = solver.partition(",")[0]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            if solver in SCIPY:
                options = SCIPY[solver]
                scipy.optimize.minimize(fun, x0, jac=True, method=solver, options=options)
            else:
                options = AUTO.get(solver) or GIVEN[solver]
                fastopt.minimize(fun, x0, jac=True, method=method, options=options)
        except Enough:
            pass
    return fun.hit, fun.nfev, fun.least


def measure(factor, solvers):
    """Return the results as an array: problems x solvers x (hit, nfev, least)."""
    return np.array([[run(p, factor, s) for s in solvers] for p in CLASSICAL])


def over_reference(hits, solvers):
    """Return evaluations over those of the reference, for problems that both solve."""
    reference = hits[:, solvers.index(REFERENCE)]
    return [
        hits[(h > 0) & (reference > 0), k] / reference[(h > 0) & (reference > 0)]
        for k, h in enumerate(hits.T)
    ]
