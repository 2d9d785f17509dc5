"""Piecewise constant functions, and the functions that take the place of NumPy's in user code."""

import functools
import math

import numpy as np

from fastopt.derivatives.forward.numpy_support import elementwise_functions
from fastopt.derivatives.rules import derivative_rules


def stand_ins():
    """Return pairs: a function of math or NumPy, and ours that takes its place in user code."""
    return [*elementwise_functions.FAST.items(), *elementwise_functions.EXACT.items()]


@functools.cache
def steps():
    """Return the piecewise constant functions, whose result does not depend on x."""
    names = derivative_rules.STEPS
    found = {getattr(math, n) for n in derivative_rules.MATH_STEPS if hasattr(math, n)}
    found |= {getattr(np, n) for n in names if hasattr(np, n)} | {round}
    return frozenset(found | {ours for key, ours in stand_ins() if key in found})
