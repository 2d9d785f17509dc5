"""Whether all numbers of an array are finite."""

from fastopt.algorithms.compile_hints import separate_reordered
from fastopt.algorithms.placeholders import real


@separate_reordered
def all_finite(g):
    """Return True if numbers are finite: 0 times any other one is NaN, and so is the sum.

    There is no early exit, so that the loop vectorises.
    """
    total = real(0.0)
    for i in range(g.size):
        total += g[i] * real(0.0)
    return total == 0.0
