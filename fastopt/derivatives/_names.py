"""What names of math, NumPy and Python mean in the user's code, once it is compiled by fastopt."""

import functools

import numpy as np

from fastopt.derivatives import _arrays, _functions, _in_place, _scratch  # noqa: F401


def _refused(*args):
    """Of bytes, which the partials are too: unknown to Numba, so an error."""


@functools.cache
def meanings(dual, fast):
    """``id(function) -> function``; `dual` is the type of dual that x holds, or None.

    Keyed by identity: what a user's code holds need not be hashable.
    """
    table = _functions.FAST if fast else _functions.EXACT
    if dual is None:
        table = table if fast else {}
    else:
        table = {**table, **_arrays.CHOICES, **_scratch.scratch(dual)}
        table |= {
            np.frombuffer: _refused,
            np.where: _functions.WHERE,
            max: _functions.MAX,
            min: _functions.MIN,
        }
    return {id(original): ours for original, ours in table.items()}
