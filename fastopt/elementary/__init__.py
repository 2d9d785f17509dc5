"""Elementary functions that vectorise in compiled loops, as calls of the C library do not.

They have no branches and no tables, are right to two units in the last place in float64 and
float32 (most to one), and keep infinities, nan, signed zeros and gradual underflow. `FLOAT64` and
`FLOAT32` hold, by name, @njit functions of exactly that type; each is compiled where it is first
used, and inlined there.
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
# All said, since what is left unsaid a function takes from its caller: under a caller's fastmath
# the error-free steps would vanish, and inf with them.
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
    """The tables, made when they are first asked for."""
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
