"""Bindings of the loop on every target: its share of the work, constants of an element type."""

import functools

import numpy as np

# Bindings for a problem with a single worker: its share is everything.
SINGLE_WORKER = {"each": range, "total": float, "most": float, "anyone": bool}

# Without `fused_passes`; the CPU binds others.
UNFUSED = {"FUSED": False, "magnitude": abs, "of_magnitude": float}


@functools.cache
def numbers(dtype):
    """Return the constants of the loop that depend on the element type."""
    eps = float(np.finfo(dtype).eps)
    powers = {"EPS": eps, "ROOT_EPS": eps**0.5, "EPS_2_3": eps ** (2 / 3)}
    huge = 1e300 if eps < 1e-10 else 1e37
    return {**powers, "FOURTH_ROOT_EPS": eps**0.25, "HUGE": huge, **UNFUSED}


def narrow_to(dtype):
    """Return np.float32 for float32, in which rules must not contain float64 literals, or None.

    Integer literals are harmless in float arithmetic.
    """
    return np.float32 if dtype == np.float32 else None
