"""Which duals an objective is evaluated with."""

import functools

import numpy as np
from numba import from_dtype

from fastopt.derivatives.duals import seeding
from fastopt.derivatives.duals.dual_number import Dual

SEEDS = {name: getattr(seeding, name) for name in ("seeded", "value_of", "write_partials")}
# Up to so many partials stay separate numbers, and loops over data run in vectors over the data.
SEPARATE = 8
# Beyond, they are vectors: one pass up to LONG parameters; for more, passes of LONG where there are
# data to go through (a fit of 24 parameters: 31 us, by SHORT 40), else of SHORT (Rosenbrock's
# function of 1,000: 455 us, by LONG 670). Measured on 512-bit vectors; n separate partials were
# slower from 9 on (a fit of 12: 19 us, by LONG 11).
LONG, SHORT = 16, 8
# Where parameters are seeded once for many rows of data, passes are longer, as long as the seeds
# stay in the nearest cache: an epoch of 50 parameters and 100,000 rows in float32 takes 47, 32, 21
# and 18 ms with 8, 16, 32 and 64 partials. (Other numbers than powers of two LLVM lays out with
# gaps.)
LONGEST, SEEDS_BYTES = 64, 16_384


@functools.cache
def of(real, n, fast, data=False):
    """The type of dual for n parameters of the type `real`, Numba's or NumPy's."""
    real = from_dtype(real) if isinstance(real, np.dtype) else real
    if n <= SEPARATE:
        return Dual(real, n, False, fast)
    return Dual(real, LONG if n <= LONG or data else SHORT, True, fast)


def choose(x, args, fast, by_rows=False):
    """The type of dual for an array of parameters, and scratch for the parameters as duals."""
    if by_rows and x.size > SEPARATE:
        dual = Dual(from_dtype(x.dtype), _longest(x), True, fast)
    else:
        data = any(isinstance(a, np.ndarray) and a.size > x.size for a in args)
        dual = of(x.dtype, x.size, fast, data)
    return dual, np.empty((dual.size + 1) * x.size, x.dtype)


def _longest(x):
    size = SHORT
    while size < min(x.size, LONGEST) and 2 * size * x.nbytes <= SEEDS_BYTES:
        size *= 2
    return size
