"""Rules of functions that only NumPy has, or that SciPy has under another name."""

import math
import sys

from fastopt.derivatives.rules import derivative_rules


def sinc(m, x):
    """Apply sin(pi x) / (pi x); near 0 the derivative is a series, free of cancellation."""
    y = m.where(x == 0.0, 1.0, x * math.pi)
    v = m.where(x == 0.0, 1.0, m.sin(y) / y)
    z = x * math.pi
    near = -z / 3.0 * (1.0 - z * z / 10.0 * (1.0 - z * z / 28.0 * (1.0 - z * z / 54.0)))
    slope = m.where(abs(z) < 0.1, near, (m.cos(y) - v) / y)
    return v, math.pi * slope


NUMPY = {**derivative_rules.NUMPY, "sinc": sinc}
# SciPy's names of functions of math. SciPy's accept numbers and arrays, as those of NumPy do.
SPECIAL = {"gammaln": math.lgamma, "gamma": math.gamma, "erf": math.erf, "erfc": math.erfc}


def special():
    """Return SciPy's functions -> those of math; empty if SciPy has not been imported."""
    module = sys.modules.get("scipy.special")
    return {getattr(module, name): known for name, known in SPECIAL.items()} if module else {}
