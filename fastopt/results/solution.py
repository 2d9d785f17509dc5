"""The results of a prepared solver, as named tuples that compiled code can return."""

from typing import Any, NamedTuple


class Solution(NamedTuple):
    """The end of one solve."""

    x: Any  # best point visited
    fun: float  # the function there
    status: int  # see `fastopt.minimize`
    nit: int  # iterations
    nfev: int  # evaluations
    success: bool


class FitSolution(NamedTuple):
    """The end of one fit."""

    x: Any  # best parameters
    cost: float  # half the sum of the losses there
    status: int  # see `fastopt.minimize`
    nit: int  # steps that were accepted
    nfev: int  # evaluations
    success: bool
