"""Operations and blocks of a program, and tests of their types."""

from typing import Any

from numba import types


class Op:
    """One operation: `kind` says which, `value` holds Numba's expression or further data."""

    def __init__(self, kind, target, value, uses, loc):
        self.kind, self.target, self.value = kind, target, value
        self.key: Any = None  # the function of a call; for methods of arrays that of NumPy
        self.owner: Any = None  # the operation that looks a method up
        self.parts: list = []  # the items of the tuple that a call returns
        self.renamed: dict = {}  # names in Numba's expression -> those that took their place
        self.uses, self.loc = list(uses), loc

    @property
    def args(self):
        """Return the arguments of a call, of a method's the array in front; else the operands."""
        if self.kind != "call":
            return self.uses
        return [*(self.owner.uses if self.owner else ()), *self.uses[1:]]

    def __repr__(self):
        return f"{self.target} = {self.kind} {self.value} {self.uses}"


class Block:
    """Operations and an end: a tuple that begins with "jump", "branch", "return" or "raise"."""

    def __init__(self, ops=(), end: Any = ()):
        self.ops, self.end = list(ops), end

    @property
    def targets(self):
        kind = self.end[0]
        found = {"jump": self.end[1:], "branch": self.end[2:]}.get(kind, ())
        return list(dict.fromkeys(found))

    def retarget(self, old, new):
        self.end = tuple(new if part is old or part == old else part for part in self.end)


def is_float(kind):
    return isinstance(kind, types.Float)


def is_float_array(kind):
    return isinstance(kind, types.Array) and isinstance(kind.dtype, types.Float)


def is_number(kind):
    return isinstance(kind, types.Float | types.Integer | types.Boolean)
