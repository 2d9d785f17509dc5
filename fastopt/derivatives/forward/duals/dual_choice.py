"""Choice of the dual type for an objective."""

import functools

import numpy as np
from numba import from_dtype

from fastopt.derivatives.forward.duals import seeding
from fastopt.derivatives.forward.duals.dual_number import Dual

SEEDS = {name: getattr(seeding, name) for name in ("seeded", "value_of", "write_partials")}
# Largest number of partials kept as separate scalars, with which loops vectorise over the data.
MAX_SCALAR_PARTIALS = 8
# Partials per pass with more parameters; they are then a vector. Up to LONG parameters need one
# pass. More need passes of LONG if there are data: a fit of 24 parameters takes 31 us, with SHORT
# 40. Without data, passes are SHORT: Rosenbrock's function of 1,000 takes 455 us, with LONG 670.
# Measured on 512-bit vectors. Separate partials were slower from 9 on: a fit of 12 takes 19 us,
# with LONG 11.
DATA_PARTIALS, VECTOR_PARTIALS = 16, 8
# Most partials per pass if parameters are seeded once for many rows of data, and the bytes of seeds
# that stay in the L1 cache. An epoch of 50 parameters and 100,000 rows in float32 takes 47, 32, 21
# and 18 ms with 8, 16, 32 and 64 partials. LLVM pads vectors whose length is not a power of two.
MAX_PARTIALS, SEEDS_BYTES = 64, 16_384


@functools.cache
def of(real, n, fast, data=False):
    """Return the type of dual for n parameters of the type `real`, Numba's or NumPy's."""
    real = from_dtype(real) if isinstance(real, np.dtype) else real
    if n <= MAX_SCALAR_PARTIALS:
        return Dual(real, n, False, fast)
    return Dual(real, DATA_PARTIALS if n <= DATA_PARTIALS or data else VECTOR_PARTIALS, True, fast)


@functools.cache
def whole(real, n, fast):
    """Return the type of dual that carries all n partials, for the element type `real`."""
    if n <= MAX_SCALAR_PARTIALS:
        return Dual(from_dtype(real), n, False, fast)
    return Dual(from_dtype(real), 1 << (n - 1).bit_length(), True, fast)


def choose(x, args, fast, by_rows=False):
    """Return the dual type for an array of parameters, and a buffer for them as duals."""
    if by_rows and x.size > MAX_SCALAR_PARTIALS:
        dual = Dual(from_dtype(x.dtype), _longest(x), True, fast)
    else:
        data = any(isinstance(a, np.ndarray) and a.size > x.size for a in args)
        dual = of(x.dtype, x.size, fast, data)
    return dual, np.empty((dual.size + 1) * x.size, x.dtype)


def _longest(x):
    size = VECTOR_PARTIALS
    while size < min(x.size, MAX_PARTIALS) and 2 * size * x.nbytes <= SEEDS_BYTES:
        size *= 2
    return size
