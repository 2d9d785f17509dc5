"""One thread for matrix products, while the threads here compute several at a time.

OpenBLAS computes a large product in threads of its own, for one caller at a time: threads that ask
for products wait for each other.
"""

import _thread
import ctypes
import functools
import importlib
import os
from typing import Any

# The functions of OpenBLAS, as SciPy's packages and others name them.
_NAMES = (
    "scipy_openblas_{}_num_threads",
    "scipy_openblas_{}_num_threads64_",
    "openblas_{}_num_threads",
)


@functools.cache
def _openblas():
    """Return the functions that get and set the number of threads of SciPy's BLAS, or None.

    Compiled code calls the BLAS that SciPy is linked with.
    """
    cython_blas: Any = importlib.import_module("scipy.linalg.cython_blas")  # late: few runs need it
    try:
        library = ctypes.CDLL(cython_blas.__file__)
    except OSError:
        return None
    for name in _NAMES:
        if hasattr(library, name.format("set")):
            return library[name.format("get")], library[name.format("set")]
    return None


class OneThread:
    """A context in which BLAS uses one thread; several may be open at a time, in any threads.

    No Ctrl-C may interrupt it: see `DelayedInterrupts`.
    """

    lock, open, before = _thread.allocate_lock(), 0, 1

    def __enter__(self):
        self.count(1)

    def __exit__(self, *_):
        self.count(-1)

    @classmethod
    def count(cls, more):
        """Count the open contexts; the first one sets the number of threads, the last resets it."""
        found = _openblas()
        if found is None:
            return
        get, set_to = found
        with cls.lock:
            if cls.open == 0:
                cls.before = get()
                set_to(1)
            cls.open += more
            if cls.open == 0:
                set_to(cls.before)


def _renew():
    """Forget the contexts of a forked child's parent: its threads are not here."""
    OneThread.lock = _thread.allocate_lock()
    if OneThread.open:
        OneThread.open = 1
        OneThread.count(-1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
