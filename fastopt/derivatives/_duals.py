"""Which duals an objective is evaluated with."""

import numpy as np
from numba import from_dtype

from fastopt.derivatives import _seeds
from fastopt.derivatives._dual import Dual

SEEDS = {name: getattr(_seeds, name) for name in ("seeded", "value_of", "write_partials")}

SEPARATE = 8  # up to so many partials, each by itself: loops over data vectorise over the data
WIDE = 8  # else so many in a vector, one pass for each


def of(real, n, fast):
    """The type of dual for n parameters of Numba type `real`."""
    return Dual(real, n, False, fast) if n <= SEPARATE else Dual(real, WIDE, True, fast)


def choose(x, fast):
    """The type of dual for an array of parameters, and scratch for the parameters as duals."""
    dual = of(from_dtype(x.dtype), x.size, fast)
    return dual, np.empty((dual.size + 1) * x.size, x.dtype)
