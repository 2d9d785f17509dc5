"""Stores of reverse sweeps that compiled code makes and frees by itself."""

from typing import Any

import numba
import numpy as np
from numba import types

from fastopt.compiling import compiler
from fastopt.derivatives.reverse.runtime.store import WORD, limit

_free: Any = types.ExternalFunction("free", types.void(types.intp))
_WORDS = limit() // WORD


@numba.njit(**compiler.REFCOUNTED)
def new():
    """Return an empty store."""
    store = np.zeros(4, np.int64)
    store[2] = _WORDS
    return store


@numba.njit(**compiler.REFCOUNTED)
def release(store):
    """Free the memory of a store."""
    _free(store[0])
