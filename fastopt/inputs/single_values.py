"""Checks of arguments that are one number, a switch or a seed; an error names the argument."""

import math
import numbers
from typing import Any

import numpy as np


def number(name, value: Any, least, most=math.inf):
    """Return `value` as a float within [least, most]; `name` is for errors."""
    if type(value) is float and least <= value <= most:
        return value
    kinds = numbers.Real, np.number, np.ndarray
    given: Any = value
    single = isinstance(value, kinds) and not isinstance(value, bool)
    exact = isinstance(value, numbers.Real) and not isinstance(value, np.number)  # e.g. Fraction
    if not single or (not exact and not _is_real(np.asarray(value))) or np.ma.is_masked(value):
        raise TypeError(f"{name} must be one real number, not {value!r}")
    try:
        found = float(value)
    except OverflowError:
        if given > 0:
            raise ValueError(f"{name} is beyond the largest float, 1.8e308") from None
        found = -math.inf
    if not least <= found <= most:  # NaN too
        span = f"between {least:g} and {most:g}"
        if most > 1e308:
            span = f"at least {least:g}" if found < math.inf else "finite"
        raise ValueError(f"{name} = {value!r}; it must be {span}")
    return found


def _is_real(array):
    return not array.shape and array.dtype.kind in "fiu"


def whole_number(name, value, least=1, most=math.inf):
    """Return `value` as an int within [least, most]."""
    if number(name, value, least, most) % 1.0:
        raise ValueError(f"{name} = {value!r}; it must be a whole number, {least} or more")
    return int(value)


def switch(name, value):
    """Return `value` as a bool; numbers are refused."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise TypeError(f"{name} must be True or False, not {value!r}")


def generator(name, seed):
    """Return a generator of random numbers from a seed, or the given one."""
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} = {seed!r}; it must be a whole number, a numpy.random.Generator or None"
        ) from None
