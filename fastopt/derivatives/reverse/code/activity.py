"""Which values depend on x, which arrays share memory, and which of them are written to."""
# Numba makes its types in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false

import operator

import numpy as np
from numba import types

from fastopt.derivatives.reverse.array_adjoints.table import ADJOINTS
from fastopt.derivatives.reverse.code import steps
from fastopt.derivatives.reverse.code.errors import NotReversible
from fastopt.derivatives.reverse.code.operations import is_float, is_float_array, is_number

# Functions that make an array: name -> whether its elements are a constant.
CREATIONS = {np.zeros, np.empty, np.ones, np.zeros_like, np.empty_like, np.ones_like, np.full}
CREATIONS |= {np.full_like}
COPIES = {np.copy}
# Functions of Python that only compute.
PURE = {bool, int, float, abs, len, max, min, round, pow, slice, range, divmod, complex}
_COMPARISONS = {operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne}


class Activity:
    """The sets of a program: `active` names, and classes of arrays that may share memory."""

    def __init__(self, program):
        self.program, self.parent = program, {}
        self.ops = [op for block in program.blocks.values() for op in block.ops]
        self.ops += [op for op in program.definitions.values() if op.kind == "out"]
        self.given: set = set()  # arrays that are arguments or constants
        self.active: set = set()
        self.written: set = set()  # arrays with an element that is written, one of each class
        for name in program.constants:
            if isinstance(program.types[name], types.Array):
                self.given.add(name)
        for op in self.ops:
            self._share(op)
        for op in self.ops:
            if op.kind == "setitem":
                self._write(op)
        self.written = {self.class_of(name) for name in self.written}
        self.plain = self._plain()
        self._spread()

    def class_of(self, name):
        while self.parent.get(name, name) != name:
            name = self.parent[name]
        return name

    def is_written(self, name):
        return self.class_of(name) in self.written

    def is_active(self, name):
        if name in self.plain:
            return False
        kind = self.program.types[name]
        return (self.class_of(name) if isinstance(kind, types.Array) else name) in self.active

    def _union(self, a, b):
        a, b = self.class_of(a), self.class_of(b)
        if a != b:
            self.parent[a] = b

    def _share(self, op):
        program = self.program
        if op.target is None or not isinstance(program.types[op.target], types.Array):
            return
        if op.kind == "arg":
            self.given.add(op.target)
        elif not is_new(program, op):
            for name in op.args:
                if isinstance(program.types[name], types.Array):
                    self._union(op.target, name)

    def _write(self, op):
        given = {self.class_of(name) for name in self.given}
        name = op.uses[0]
        if self.class_of(name) in given:
            raise NotReversible(
                f"it writes to an array that it did not make, {_shown(name)}", op.loc
            )
        self.written.add(name)

    def _plain(self):
        """Return the arrays that are data or views of them, though a loop may replace them.

        Other arrays of their class may depend on x, such as the states that begin with data.
        """
        arrays = [op for op in self.ops if op.target and self._is_array(op.target)]
        found = {name for name in self.program.constants if self._is_array(name)}
        found |= {op.target for op in arrays if op.kind == "arg" and op.value != 0}
        before = -1
        while len(found) > before:
            before = len(found)
            for op in arrays:
                if op.kind not in ("arg", "phi", "out") and not is_new(self.program, op):
                    names = [name for name in op.args if self._is_array(name)]
                    if names and found.issuperset(names):
                        found.add(op.target)
        return found

    def _is_array(self, name):
        return isinstance(self.program.types[name], types.Array)

    def _spread(self):
        program, changed = self.program, True
        while changed:
            before = len(self.active)
            for op in self.ops:
                if op.kind == "arg" and op.value == 0:
                    self._activate(op.target)
                elif op.kind == "setitem":
                    real = is_float_array(program.types[op.uses[0]])  # others take it in steps
                    if real and self.is_active(op.uses[-1]):
                        self.active.add(self.class_of(op.uses[0]))
                elif op.target and self._may_be_active(op) and any(map(self.is_active, op.args)):
                    self._activate(op.target)
            changed = len(self.active) > before

    def _activate(self, name):
        is_array = isinstance(self.program.types[name], types.Array)
        self.active.add(self.class_of(name) if is_array else name)

    def _may_be_active(self, op):
        kind = self.program.type_of(op.target)
        if op.kind == "call" and (op.key in steps.steps() or _is_shaped_like(op)):
            return False
        if op.kind == "binop" and op.value in _COMPARISONS | {operator.floordiv}:
            return False
        if isinstance(kind, types.BaseTuple):
            return holds_floats(kind)
        return is_float(kind) or is_float_array(kind)


def holds_floats(kind):
    """Return True for a tuple with floats or arrays of floats in it, at any depth."""
    if isinstance(kind, types.BaseTuple):
        return any(map(holds_floats, kind.types))
    return is_float(kind) or is_float_array(kind)


def is_new(program, op):
    """Return True if the array that an operation returns shares no memory with another."""
    if op.kind == "load":
        return _copies(program.types[op.uses[1]])
    return op.kind in ("binop", "unary") or (op.kind == "call" and is_fresh(op.key))


def is_fresh(key):
    """Return True for functions whose result shares no memory with their arguments."""
    return (
        key in CREATIONS
        or key in COPIES
        or (key in ADJOINTS and key is not np.flip)
        or key in (np.where, np.argsort, np.searchsorted, np.array)
        or isinstance(key, np.ufunc)
    )


def _is_shaped_like(op):
    return op.key in (np.zeros_like, np.empty_like, np.ones_like)


def _copies(index):
    """Return True if an index of this type makes a copy of the elements, not a view."""
    parts = index.types if isinstance(index, types.BaseTuple) else [index]
    return any(isinstance(part, types.Array) for part in parts)


def is_pure(program, op):
    """Return True if an operation can be run again with the same result and no other effect."""
    if op.kind != "call":
        return op.kind in (
            "copy",
            "phi",
            "binop",
            "unary",
            "load",
            "expr",
            "more",
            "item",
            "helper",
        )
    key, named = op.key, [name for name, _ in op.value.kws]
    if isinstance(key, types.NumberClass) or key in PURE or key in CREATIONS or key in COPIES:
        return True
    if isinstance(key, np.ufunc):  # with one argument more it would write to it
        return len(op.args) == key.nin and not named
    if getattr(key, "__module__", None) == "math":
        return True
    if key in ADJOINTS:
        try:
            ADJOINTS[key].bind(op.args[: len(op.args) - len(named)], dict.fromkeys(named))
        except TypeError:
            return False
        return True
    return key in _NUMPY and len(op.args) <= _NUMPY[key]


# Functions of NumPy that only compute, and how many arguments they may have.
_NAMES = "arange:4 linspace:3 eye:4 identity:2 shape:1 size:1 ndim:1 argmax:2 argmin:2 argsort:1"
_NAMES += " searchsorted:3 where:3 any:1 all:1 unique:1 bincount:3 count_nonzero:2 nonzero:1"
_NAMES += " array:2 asarray:1 ascontiguousarray:1 reshape:5 ravel:1 transpose:1 isclose:2"
_NAMES += " expand_dims:2 atleast_1d:1 atleast_2d:1 broadcast_to:2 triu_indices:1 tril_indices:1"
_NAMES += " flipud:1 fliplr:1 swapaxes:3"
_NUMPY = {}
for _text in _NAMES.split():
    _name, _, _count = _text.partition(":")
    _NUMPY[getattr(np, _name)] = int(_count)


def is_harmless(program, op):
    """Return True if an operation that does not depend on x changes nothing that we follow."""
    if is_pure(program, op):
        return op.kind != "expr" or op.value.op in _EXPRESSIONS
    if op.kind in ("arg", "count", "out"):
        return True
    if op.target and isinstance(program.types[op.target], types.ExceptionInstance):
        return True
    plain = op.kind == "call" and not isinstance(program.types[op.uses[0]], types.BoundFunction)
    plain = plain and all(_is_plain(program.types[name]) for name in op.uses[1:])
    return plain and is_number(program.type_of(op.target))


_EXPRESSIONS = {"build_tuple", "static_getitem", "getitem", "exhaust_iter", "getattr", "cast"}


def _is_plain(kind):
    if isinstance(kind, types.BaseTuple):
        return all(map(_is_plain, kind.types))
    return isinstance(kind, types.Number | types.Boolean | types.Literal | types.NoneType)


def _shown(name):
    return name if not name.startswith("$") else "a view"
