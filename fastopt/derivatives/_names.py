"""What names of math, NumPy and Python mean in the user's code, once it is compiled by fastopt."""

import functools

import numpy as np

from fastopt.derivatives import (  # noqa: F401
    _arrays,
    _extra_rules,
    _functions,
    _ieee,
    _in_place,
    _joining,
    _layout,
    _linear,
    _lists,
    _methods,
    _norms,
    _scratch,
    _series,
    _single,
    _views,
)

# NumPy's functions of arrays -> ours.
ARRAYS = {**_arrays.CHOICES, **_norms.CHOICES, **_joining.CHOICES, **_layout.CHOICES}
ARRAYS |= _series.CHOICES


def _refused(*args):
    """Unknown to Numba, so an error."""


# They look at bytes, which partials are too, or at what kind of thing a number is.
_TRICKS = np.lib.stride_tricks
_REFUSED = (np.frombuffer, _TRICKS.as_strided, _TRICKS.sliding_window_view, np.isscalar)


@functools.cache
def meanings(dual, fast, device=None):
    """``id(function) -> function``; `dual` is the type of dual that x holds, or None.

    Keyed by identity: what a user's code holds need not be hashable. `device` is the element
    type on a device: Numba has less there, arrays are frozen (`_lazy`), so that functions of
    numbers have meanings of their own, too, and numbers beside float32 stay in it.
    """
    table = _functions.FAST if fast else _functions.EXACT
    if dual is None and not device:
        table = {**(table if fast else {}), **_linear.CHOICES}
    else:
        table = {**table, **({} if device else _linear.CHOICES), **ARRAYS}
        table |= _scratch.scratch(dual) if dual else {}
        table |= {np.where: _functions.WHERE, max: _functions.MAX, min: _functions.MIN}
        table |= dict.fromkeys(_REFUSED, _refused)
        table |= {name: table[known] for name, known in _extra_rules.special().items()}
    if device is np.float32:
        known = [*_functions.FAST, np.where, max, min, pow, float]
        table |= {function: _single.single(table.get(function, function)) for function in known}
    found = Meanings((id(original), ours) for original, ours in table.items())
    found.name = str(dual), fast, str(device)
    return found


class Meanings(dict):
    """A table of meanings, and what its stand-ins were made for: their own text does not say."""

    name: tuple
