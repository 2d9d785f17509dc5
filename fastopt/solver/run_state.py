"""What a problem carries from call to call of its loop, and when it stops."""

import math
from collections import namedtuple
from typing import NamedTuple

import numpy as np

from fastopt.solver.status_codes import RUNNING

INF = math.inf
# Of |x0| that the first trial moves each component. With 0.1 a peak at 545 is looked for at 600,
# where there is none: 25 to 68 % of such fits found it, with 0.01 87 to 89 %.
FIRST = 0.01
# Up to the last of these the loop is compiled for such numbers of parameters and works on copies in
# registers; what is beyond the last parameter is zero.
FEW = 2, 3, 4, 6, 8


class Run(NamedTuple):
    """All scalars that a problem carries from call to call."""

    status: float = RUNNING
    nit: float = 0.0
    nfev: float = 0.0
    njev: float = 0.0
    f: float = 0.0
    gnorm: float = 0.0
    lowest: float = INF  # f seen
    carry: float = 1.0  # the rule's own scalar
    moved: float = 0.0  # of x by the step, at most; of `automatic_rate`: 1 where x changed
    # Of `automatic_rate` only:
    least: float = INF  # gnorm of the best point
    mark: float = INF  # f when last something was gained
    mark_gnorm: float = INF
    stalled: float = 0.0  # iterations since then
    returned: float = INF  # f of the best point when last the search began again there
    norm: float = 0.0  # brings the first gradient to largest component 1; 0: (re)begin
    reference: float = 0.0  # what f is compared with: Zhang and Hager's C
    weight: float = 1.0  # and their Q
    step: float = FIRST  # Barzilai-Borwein step in the rule's metric
    slope: float = 0.0  # directional derivative of f along the direction
    fraction: float = 0.0  # of the direction that the next trial takes; 0: a new direction first
    first_pull: float = INF  # most that f would change where a component moved by its scale
    first_f: float = 0.0
    kept: float = 0.0  # pairs of moves and changes of the gradient, ever
    reached: float = INF  # best f when last components were tried far beyond their scales
    tries: float = 0.0  # of such moves from there
    latest: float = -1.0  # pairs kept before the last move, which says where this move's pair is


# The scalars that the loop for a given learning rate works on: as many registers are free for it.
Brief = namedtuple("Brief", Run._fields[:9])


class Limits(NamedTuple):
    """When to stop."""

    gtol: float
    ftol: float
    xtol: float
    maxiter: float
    maxfev: float


def width(n):
    """Return the room for so many parameters: of a few, loops compiled for that many run."""
    return next((few for few in FEW if n <= few), n)


def apart(size, dtype):
    """Zeros that share no cache line with another array: threads would wait for each other."""
    room = 128 // np.dtype(dtype).itemsize
    return np.zeros(size + 2 * room, dtype)[room:-room]
