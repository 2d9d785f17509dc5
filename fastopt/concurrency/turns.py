"""Exclusive turns on an object that threads, signal handlers and forked children share."""

import os
import threading
import weakref
from typing import Any

import numpy as np

BUSY, T = 0, 1  # indices of a table: whether Python has the turn, and the number of steps

_all: Any = weakref.WeakSet()


class Turns:
    """A lock with a counter of steps, for Python and for compiled code.

    `table` is for compiled code that holds Python's lock (the GIL), so that nothing can interrupt
    its turn. Such code does nothing while the table is BUSY. Python code runs in `take`.
    """

    def __init__(self, t=0):
        self.lock = threading.RLock()
        self.table = np.array([0, t], np.int64)
        _all.add(self)

    def take(self, function, *args):
        """Return ``function(*args)``, while no other thread has a turn.

        Raises
        ------
        RuntimeError
            If this thread already has the turn.
        """
        with self.lock:
            if self.table[BUSY]:
                raise RuntimeError(
                    "this optimizer is in the midst of a step: its schedule, a signal handler or a "
                    "finalizer must not step or change it; use an optimizer of its own there"
                )
            try:
                self.table[BUSY] = 1
                return function(*args)
            finally:
                self.table[BUSY] = 0

    def read(self, function):
        """Return ``function()``, which changes nothing; allowed during this thread's own turn."""
        with self.lock:
            before = self.table[BUSY]
            try:
                self.table[BUSY] = 1
                return function()
            finally:
                self.table[BUSY] = before

    def count_from(self, t):
        self.table[T] = t

    def begin(self, t):
        """Count from `t`, in a new table; the old one stays busy for code that still has it."""
        self.table[BUSY], self.table = 1, np.array([self.table[BUSY], t], np.int64)


def _renew():
    """Release all turns in a forked child: the threads that had them are in the parent."""
    for turns in list(_all):
        turns.lock = threading.RLock()
        turns.table[BUSY] = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
