"""Conversion of a function's float constants to a narrower element type.

Python's floats are float64. So one literal, a global ``TAU = 2.5`` or ``math.pi`` promotes float32
operands to float64. `narrowed` converts the values that are constants to a compiler. Floats
computed from integers are converted by `float32_arithmetic`.
"""

import types

import numpy as np


def narrowed(value, real):
    """Return `value` with its float64 numbers converted to `real`.

    This converts floats, and tuples, dicts (of defaults) and arrays of them. In code objects, also
    nested ones, it converts the constants. Integers stay: they may be indices. A value without
    such numbers is returned as the same object.
    """
    if isinstance(value, float):  # includes NumPy's float64, a subclass
        with np.errstate(over="ignore", under="ignore"):  # 1e300 becomes infinite
            return real(value)
    if isinstance(value, tuple):
        items = [narrowed(item, real) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, dict):
        return {key: narrowed(item, real) for key, item in value.items()}
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        with np.errstate(over="ignore", under="ignore"):
            return value.astype(real)
    if isinstance(value, types.CodeType):
        constants = narrowed(value.co_consts, real)
        return value if constants is value.co_consts else value.replace(co_consts=constants)
    return value
