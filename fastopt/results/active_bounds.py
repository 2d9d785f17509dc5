"""Which parameters of a minimum are fixed, blocked by a bound, or free."""

import math

import numpy as np


def free_and_mask(x, grad, box):
    """Return which parameters are free (1), fixed (0) or blocked by a bound (NaN), and a mask.

    The mask is -1 or 1 at a lower or upper bound that descent would cross. `box` is
    (low, high), or None. A gradient of zeros means that every bound blocks.
    """
    low, high = box or (-math.inf, math.inf)
    at_low, at_high = (x <= low) & (grad >= 0.0), (x >= high) & (grad <= 0.0)
    mask = np.where(at_low, -1, np.where(at_high, 1, 0))
    return np.where(np.equal(low, high), 0.0, np.where(mask != 0, math.nan, 1.0)), mask
