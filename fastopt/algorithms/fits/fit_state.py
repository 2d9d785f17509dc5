"""The scalars and the arrays of a fit between two calls of its loop."""

from typing import Any, NamedTuple

from fastopt.algorithms.status_codes import RUNNING

# Reasons for the next evaluation. At a restart x is the same, and the equations come as a root.
FIRST, TRIAL, RESTART = 0.0, 1.0, 2.0


class FitRun(NamedTuple):
    """All scalars of a fit. The first ones have the places that they have in `run_state.Run`."""

    status: float = RUNNING
    nit: float = 0.0  # steps that were accepted
    nfev: float = 0.0
    njev: float = 0.0
    f: float = 0.0  # the cost: half of the sum of the losses
    carry: float = 1.0  # the rule's own scalar
    stage: float = FIRST
    rooted: float = 0.0  # 1: the equations are kept as a triangular root, not as a normal matrix
    radius: float = 0.0  # longest step, measured by the diagonal
    damping: float = 0.0  # Levenberg's and Marquardt's parameter
    length: float = 0.0  # length of the step, measured by the diagonal
    predicted: float = 0.0  # reduction of the cost that the equations predict
    slope: float = 0.0  # directional derivative of the cost along the step
    moved: float = 0.0  # 1: there is a new point to evaluate
    cosine: float = 0.0  # largest cosine between the residuals and a column of the Jacobian
    finite: float = 1.0  # 0: the last trial was not finite
    share: float = 1.0  # `predicted` over the cost, of the last step that was accepted


STATUS, NIT, NFEV, NJEV, F = range(5)
ROOTED, MOVED = map(FitRun._fields.index, ("rooted", "moved"))
FRESH = tuple(FitRun())  # the record of a fit before its first call


class FitPoints(NamedTuple):
    """The vectors at which the residuals are evaluated."""

    x: Any  # last point that was accepted
    new: Any  # trial point


class FitArrays(NamedTuple):
    """The other arrays of a fit of n parameters: vectors of n, matrices of n rows and columns."""

    low: Any  # bounds
    high: Any
    step: Any
    metric: Any  # the damping's diagonal
    unit: Any  # first norms of the Jacobian's columns
    columns: Any  # norms of the Jacobian's columns
    per_column: Any  # their inverses
    blocked: Any  # 1: a bound blocks this parameter
    slopes: Any  # gradient of the cost
    right: Any  # right side of the root
    equations: Any  # matrix; J'J, or its upper triangular root
    factor: Any  # matrix; triangular factor of the damped J'J, see `triangles`
    pivots: Any
    inverse: Any  # inverses of its diagonal
    inner: Any  # right side of `factor`
    row: Any  # an equation
    found: Any  # what an evaluation returns: see `places`


def places(n):
    """Return where the evaluation puts its results, and their number.

    These are the number of residuals, the gradient, the matrix of the equations and the right side.
    """
    return 0, 1, 1 + n, 1 + n + n * n, 1 + 2 * n + n * n
