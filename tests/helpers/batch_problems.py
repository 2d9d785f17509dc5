"""A batch of decay fits, shared by the tests of batches: one objective, compiled once."""

import numpy as np

ARRAYS = ("x", "fun", "jac", "x_last", "fun_last", "nit", "nfev", "njev", "status")
T = np.linspace(0.0, 4.0, 40)
X0 = np.ones(3)


def misfit(p, y, t):
    return np.sum((p[0] * np.exp(-p[1] * t) + p[2] - y) ** 2)


def decays(problems, noise=0.03):
    """Measurements (problems, 40) of a decay, and its true parameters."""
    rng = np.random.default_rng(5)
    true = rng.uniform([1.0, 0.5, 0.0], [3.0, 2.0, 1.0], (problems, 3))
    y = true[:, :1] * np.exp(-true[:, 1:2] * T) + true[:, 2:]
    return y + noise * rng.normal(size=y.shape), true


def same(a, b, at=slice(None)):
    """Equal to the last bit, in every field."""
    for name in ARRAYS:
        np.testing.assert_array_equal(a[name], b[name][at], err_msg=name)
