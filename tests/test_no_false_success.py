"""A seeded part of `false_success.py`: a gradient below `gtol` is a minimum, in any units."""

import numpy as np
import pytest
from false_success import check


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_gradient_below_gtol_is_a_minimum(dtype):
    successes, false, res, _ = check(1_000, dtype, 1)
    assert successes > 980
    assert not [b for b in false if res.status[b] == 0]
