"""Numbers between 0 and 1 by xorshift64, as limits_fits.c draws them."""

import numpy as np
from numba.extending import register_jitable


@register_jitable
def draw(u, q):
    """Fill an array; return the generator's state, to go on from."""
    for j in range(q.size):
        u ^= u << np.uint64(13)
        u ^= u >> np.uint64(7)
        u ^= u << np.uint64(17)
        q[j] = (u >> np.uint64(11)) * 2.0**-53
    return u
