"""One row of the tables of families: a problem and what must hold of the answer to it."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

CONVERGED = (0, 2, 3)
LONG = (*CONVERGED, 4)  # the budget may be spent before the end
ROUGH_END = (*LONG, 10, -2)  # ... or a kink is found, or a kink or noise may leave no step
ENDLESS = (1, 4, -1, -2)  # no minimum: whatever is not a success


class Case(NamedTuple):
    """A test problem, as a plain function, and what must hold.

    The first of the minima is the least (-inf: unbounded below), the others are values of local
    minima or of other points where a method may rightly stop. A success must be within `accuracy`
    of one of them, and every end within `reach` (inf: nothing is asked); both are relative to
    1 + |minimum|. The status must be one of `statuses`. `solution` is None where it is not unique
    or not attained.
    """

    name: str
    fun: Callable
    x0: np.ndarray
    minima: tuple = (0.0,)
    solution: np.ndarray | None = None
    jac: Callable | None = None
    bounds: list | None = None
    accuracy: float = 1e-6
    reach: float = math.inf
    statuses: tuple = CONVERGED

    def solved(self, f, accuracy=None):
        """Whether f is as near to one of the minima as a success must be; or below all bounds."""
        within = self.accuracy if accuracy is None else accuracy
        return any(
            f <= -1e10 if m == -math.inf else abs(f - m) <= within * (1.0 + abs(m))
            for m in self.minima
        )

    def holds(self, f, status):
        """Whether an end with this f and status is acceptable."""
        if status not in self.statuses:
            return False
        if status in (*CONVERGED, 10) and not self.solved(f):
            return False
        return self.reach == math.inf or self.solved(f, self.reach)


def case(name, fun, x0, *minima, solution=None, **rest):
    """A row from lists; without minima, the minimum is 0. A number as solution is repeated."""
    x0 = np.array(x0, float)
    if solution is not None:
        given = np.array(list(solution) if isinstance(solution, Iterable) else solution, float)
        solution = np.broadcast_to(given, x0.shape).copy()
    return Case(name, fun, x0, minima or (0.0,), solution, **rest)
