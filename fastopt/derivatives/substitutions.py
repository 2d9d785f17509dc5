"""Substitutes for functions of math, NumPy and Python in user code that fastopt compiles."""

import functools

import numpy as np

# Several of these modules only register types and rewrites with Numba when they are imported.
from fastopt.derivatives.forward.numpy_support import (  # noqa: F401
    array_constructors,
    array_diagonals,
    array_joining,
    array_methods,
    elementwise_functions,
    lazy_methods,
    linear_algebra,
    lists_as_tuples,
    norms,
    sample_statistics,
    sums_products_extremes,
)
from fastopt.derivatives.forward.operators import (  # noqa: F401
    float32_arithmetic,
    ieee_division,
    inplace_operators,
)
from fastopt.derivatives.rules import numpy_only_rules

# Functions of NumPy for arrays -> our functions.
ARRAYS = {
    **sums_products_extremes.STAND_INS,
    **norms.STAND_INS,
    **array_joining.STAND_INS,
    **array_diagonals.STAND_INS,
}
ARRAYS |= sample_statistics.STAND_INS


def _forbidden(*args):
    """Cause an error: Numba cannot type this function."""


# Functions that reinterpret memory or test types: they would return wrong results for duals.
_TRICKS = np.lib.stride_tricks
_FORBIDDEN = (np.frombuffer, _TRICKS.as_strided, _TRICKS.sliding_window_view, np.isscalar)


@functools.cache
def meanings(dual, fast, device=None):
    """Return ``id(function) -> function``; `dual` is the type of dual in x, or None.

    The key is the identity, since values in the user's code need not be hashable. `device` is the
    element type on a device. There Numba supports less and arrays are frozen (`expressions`), so
    that functions of numbers are replaced, too. Operations with float32 numbers stay in float32.
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
            function: float32_arithmetic.keep_float32(table.get(function, function))
            for function in known
        }
    found = Meanings((id(original), ours) for original, ours in table.items())
    found.name = str(dual), fast, str(device)
    return found


class Meanings(dict):
    """A table of substitutes, with a name for its types, which the substitutes' code omits."""

    name: tuple
