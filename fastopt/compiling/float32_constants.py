"""Float constants of a function, wherever they stand, brought to a narrower element type.

Python's floats are float64, so that one literal, ``TAU = 2.5`` beside the function or ``math.pi``
takes what it meets from float32 to float64. `narrowed` brings down what is a constant to a
compiler; what is computed from integers alone is another matter, see `float32_arithmetic`.
"""

import types

import numpy as np


def narrowed(value, real):
    """`value` with its floats of float64 made `real`; what is neither is the same object.

    Floats, tuples, dicts (of defaults) and arrays of them, and what code objects hold, those nested
    in them included.
    Integers stay: they may be indices.
    """
    if isinstance(value, float):  # of NumPy too: its float64 is one of these
        with np.errstate(over="ignore", under="ignore"):  # 1e300 is infinite there
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
