"""The scalars of a run between two calls of its loop, and the limits at which it stops.

Between two calls they are in an array, the record of the run: those of `Run`, then of `Search`.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.status_codes import RUNNING

INF = math.inf
# Fraction of |x0| by which the first trial moves each component. With 0.1 a peak at 545 is expected
# at 600, where there is none: 25 to 68 % of such fits find it. With 0.01 it is 87 to 89 %.
FIRST = 0.01
# Numbers of parameters for which a loop of its own is compiled, with copies in registers. Elements
# beyond the last parameter are zero.
FEW = 2, 3, 4, 6, 8


class Run(NamedTuple):
    """All scalars of a run, kept from call to call."""

    status: float = RUNNING
    nit: float = 0.0
    nfev: float = 0.0
    njev: float = 0.0
    f: float = 0.0
    gnorm: float = 0.0
    lowest: float = INF  # lowest f so far
    carry: float = 1.0  # the rule's own scalar
    # Largest change of a component by the step; in `automatic_rate`: 1 if x changed. If it is
    # negative, there is no new point to evaluate.
    moved: float = 0.0
    search: Any = ()  # `Search` in a run of `automatic_rate`


class Search(NamedTuple):
    """The scalars of a run that only `automatic_rate` uses."""

    least: float = INF  # gnorm at the best point
    mark: float = INF  # f at the last iteration that counted as progress
    mark_gnorm: float = INF  # gnorm there
    stalled: float = 0.0  # iterations without progress
    returned: float = INF  # best f at the last restart
    norm: float = 0.0  # 1 / largest component of the scaled first gradient; 0: initialise
    reference: float = 0.0  # reference value of f: C of Zhang and Hager
    weight: float = 1.0  # their Q
    # Barzilai-Borwein step in the rule's metric. It is negative if one size for all components
    # explains the last move better. A scalar of its own would cost registers on CUDA.
    step: float = FIRST
    slope: float = 0.0  # directional derivative of f along the direction
    fraction: float = 0.0  # fraction of the direction for the next trial; 0: new direction
    # Largest change of f by a component's scale, at x0. It is negative if a component began with a
    # scale by which it hardly moves f.
    first_pull: float = INF
    first_f: float = 0.0
    kept: float = 0.0  # number of pairs stored so far, also of those overwritten
    reached: float = INF  # best f at the last moves of components far beyond their scales
    tries: float = 0.0  # number of such moves from there
    latest: float = -1.0  # `kept` before the last move, which locates the pair of this move
    # Fraction of the direction at which f is lowest, by the last trial; 0: none.
    lowest_at: float = 0.0


def flattened(run):
    """Return the scalars of a run as a plain tuple, in the order of its record."""
    parts = (flattened(item) if isinstance(item, tuple) else (item,) for item in run)
    return sum(parts, ())


# Names of the scalars in the record of a run, and the places of some.
SCALARS = *(name for name in Run._fields if name != "search"), *Search._fields
STATUS, NIT, NFEV, NJEV, F, MOVED = map(
    SCALARS.index, ("status", "nit", "nfev", "njev", "f", "moved")
)
FRESH = flattened(Run(search=Search()))  # the record of a run before its first call


def load_run(template, real, record):
    """Return the scalars in a record in the template's form: see `placeholders`."""
    return _formed(template, map(real, record))


def _formed(template, numbers):
    items = (_formed(i, numbers) if isinstance(i, tuple) else next(numbers) for i in template)
    return type(template)(*items)


@separate
def store_run(run, record):
    """Write the scalars of a run to its record: see `placeholders`."""
    for place, number in enumerate(flattened(run)):
        record[place] = number


def run_of(record):
    """Return the scalars in the record of any run, without those of the search."""
    return Run(*record[: len(SCALARS) - len(Search._fields)].tolist())


class Limits(NamedTuple):
    """When to stop."""

    gtol: float  # negative: the tests of `convergence`, which know no units
    ftol: float
    xtol: float
    maxiter: float
    maxfev: float


def width(n):
    """Return the size of the compiled loop for n parameters: one of FEW, or n itself."""
    return next((few for few in FEW if n <= few), n)


def apart(size, dtype):
    """Return zeros on cache lines of their own: on shared ones, threads wait for each other."""
    room = 128 // np.dtype(dtype).itemsize
    return np.zeros(size + 2 * room, dtype)[room:-room]
