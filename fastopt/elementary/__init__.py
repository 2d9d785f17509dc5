"""Elementary functions that vectorise in compiled loops; calls of the C library do not.

They have no branches and no tables. Their error is at most two units in the last place in float64
and float32, for most of them one. They keep infinities, nan, signed zeros and gradual underflow.

`FLOAT64` and `FLOAT32` hold, by name, @njit functions of exactly that type. Each function is
compiled on its first use, and inlined into its caller.
"""

import functools
from typing import Any

import numba
import numpy as np

from fastopt.compiling import compiler
from fastopt.elementary import constants_float32, exponential, logarithm, power, trigonometric

TEXTS = (
    exponential.exp,
    exponential.exp2,
    exponential.expm1,
    exponential.sigmoid,
    exponential.tanh,
    logarithm.log,
    logarithm.log10,
    logarithm.log1p,
    logarithm.log2,
    power.pow,
    trigonometric.cos,
    trigonometric.sin,
)
# Every flag is set, since Numba lets a function inherit unset flags from its caller. The caller's
# fastmath would remove the error-free transformations and the handling of inf.
FLAGS: dict[str, Any] = {
    "error_model": "numpy",
    "fastmath": False,
    "nogil": True,
    "forceinline": True,
    "no_cfunc_wrapper": True,
}


def _top(function, original):
    return numba.njit(**FLAGS)(function)


def _inner(function, original):
    return numba.njit(inline="always", **FLAGS)(function)


def _narrow(value):
    return tuple(map(np.float32, value)) if isinstance(value, tuple) else np.float32(value)


def _functions(bindings, narrow, suffix):
    options: dict[str, Any] = {"top": _top, "narrow": narrow, "suffix": suffix}
    return {f.__name__: compiler.link(f, bindings, _inner, **options) for f in TEXTS}


FLOAT64: dict[str, Any]
FLOAT32: dict[str, Any]


@functools.cache
def __getattr__(name):
    """Return one of the two tables, which is built on its first use."""
    if name == "FLOAT64":
        return _functions({}, None, "_float64")
    if name == "FLOAT32":
        single = {
            name: _narrow(value)
            for name, value in vars(constants_float32).items()
            if name.isupper()
        }
        return _functions(single, np.float32, "_float32")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
