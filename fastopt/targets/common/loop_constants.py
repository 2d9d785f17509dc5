"""Bindings of the loop wherever it is compiled: its share of the work, constants of a dtype."""

import functools

import numpy as np

# A compiled loop is alone with its problem: the share of one worker is everything.
SINGLE_WORKER = {"each": range, "total": float, "most": float, "anyone": bool}


@functools.cache
def numbers(dtype):
    """Return the constants of the loop that depend on the element type."""
    eps = float(np.finfo(dtype).eps)
    powers = {"EPS": eps, "ROOT_EPS": eps**0.5, "EPS_2_3": eps ** (2 / 3)}
    return {**powers, "FOURTH_ROOT_EPS": eps**0.25, "HUGE": 1e300 if eps < 1e-10 else 1e37}


def narrow_to(dtype):
    """Return np.float32 for float32: its rules must not meet float64 literals.

    Integer literals are harmless beside floats.
    """
    return np.float32 if dtype == np.float32 else None
