"""The tape: what the reverse sweep does, and the numbers and arrays whose operations it records.

A number has a value and a bar, the derivative of the result by it. An array has both as arrays. The
bar of a view is the same view of the bar. A write to an array is undone in the reverse sweep. So
every step finds the values that it had, and keeps references instead of copies.
"""

import threading
import types
from typing import Any

import numpy as np

LOST = "a number that depends on x would lose its derivative as a plain float"
_here = threading.local()  # its attribute `tape` is the tape of the evaluation in this thread
# Functions that later files provide for the methods of numbers and arrays.
later: Any = types.SimpleNamespace()


class Refused(TypeError):
    """The error of an operation whose derivative is not known."""


class Tape:
    """The steps of the reverse sweep, in the order of the operations."""

    __slots__ = ("steps",)

    def __init__(self):
        self.steps: Any = []

    def sweep(self):
        """Run all steps from the last to the first, and forget them."""
        steps, self.steps = self.steps, None
        with np.errstate(all="ignore"):
            while steps:
                steps.pop()()


class Evaluation:
    """A context in which new arrays belong to a tape."""

    def __init__(self, tape):
        self.tape = tape

    def __enter__(self):
        self.before, _here.tape = getattr(_here, "tape", None), self.tape

    def __exit__(self, *_):
        _here.tape = self.before


def current():
    """Return the tape of the evaluation that runs in this thread, or None."""
    return getattr(_here, "tape", None)


class Tracked:
    """A number or array whose operations are recorded."""

    __slots__ = ("bar", "tape", "value")
    __hash__: Any = None
    __array_priority__ = 1000.0

    def __init__(self, value, bar, tape):
        self.value, self.bar, self.tape = value, bar, tape

    def __array__(self, *_args, **_kws):
        raise Refused(LOST)

    def __float__(self):
        raise Refused(LOST)

    __complex__ = __float__

    def __bool__(self):
        return bool(self.value)

    def __int__(self):
        return int(self.value)

    def __format__(self, form):
        return format(self.value, form)


def tape_of(tracked):
    """Return the common tape of numbers and arrays, which is that of the present evaluation."""
    tape = tracked[0].tape
    if tape.steps is None or any(t.tape is not tape for t in tracked):
        raise Refused("a number that depends on x was kept from another evaluation")
    return tape
