"""Bindings of the loop on every target: its share of the work, constants of an element type."""

import functools

import numpy as np

from fastopt.compiling.compiler import link, undecorated
from fastopt.rules import _state_slots

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


def narrow_rule(rule, uses, dtype):
    """Return the bindings of a rule whose constants have the element type.

    The rest of the loop works on scalars in float64, whose constants stay as they are.
    """
    bound = _state_slots.bindings(rule, uses)
    slots = {name: bound[name] for name in ("C", "S", "USES")}
    for name in ("update", "start", "load", "store"):
        bound[name] = link(bound[name], slots, undecorated, narrow=narrow_to(dtype))
    return bound
