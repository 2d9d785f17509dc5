"""What names of math, NumPy and Python mean in the user's code, once it is compiled by fastopt."""

import functools

import numpy as np

from fastopt.derivatives.duals import numpy_only_rules
from fastopt.derivatives.numpy_support import (
    array_constructors,
    array_diagonals,
    array_functions,
    array_joining,
    elementwise_functions,
    linear_algebra,
    norms,
    sample_statistics,
)
from fastopt.derivatives.operators import float32_arithmetic

# NumPy's functions of arrays -> ours.
ARRAYS = {
    **array_functions.STAND_INS,
    **norms.STAND_INS,
    **array_joining.STAND_INS,
    **array_diagonals.STAND_INS,
}
ARRAYS |= sample_statistics.STAND_INS


def _forbidden(*args):
    """Unknown to Numba, so an error."""


# They look at bytes, which partials are too, or at what kind of thing a number is.
_TRICKS = np.lib.stride_tricks
_FORBIDDEN = (np.frombuffer, _TRICKS.as_strided, _TRICKS.sliding_window_view, np.isscalar)


@functools.cache
def meanings(dual, fast, device=None):
    """``id(function) -> function``; `dual` is the type of dual that x holds, or None.

    Keyed by identity: what a user's code holds need not be hashable. `device` is the element
    type on a device: Numba has less there, arrays are frozen (`expressions`), so that functions of
    numbers have meanings of their own, too, and numbers beside float32 stay in it.
    """
    table = elementwise_functions.FAST if fast else elementwise_functions.EXACT
    if dual is None and not device:
        table = {**(table if fast else {}), **linear_algebra.STAND_INS}
    else:
        table = {**table, **({} if device else linear_algebra.STAND_INS), **ARRAYS}
        table |= array_constructors.scratch(dual) if dual else {}
        table |= {
            np.where: elementwise_functions.WHERE,
            max: elementwise_functions.MAX,
            min: elementwise_functions.MIN,
        }
        table |= dict.fromkeys(_FORBIDDEN, _forbidden)
        table |= {name: table[known] for name, known in numpy_only_rules.special().items()}
    if device is np.float32:
        known = [*elementwise_functions.FAST, np.where, max, min, pow, float]
        table |= {
            function: float32_arithmetic.single(table.get(function, function)) for function in known
        }
    found = Meanings((id(original), ours) for original, ours in table.items())
    found.name = str(dual), fast, str(device)
    return found


class Meanings(dict):
    """A table of meanings, and what its stand-ins were made for: their own text does not say."""

    name: tuple
