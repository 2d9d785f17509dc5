"""Whether a value that is computed again has the same bits as in the forward sweep.

LLVM contracts a product and a sum to one operation in one place and not in another. A comparison
of such a number could then come out differently, and the reverse sweep would take another way.
"""

import math
import operator

import numpy as np
from numba import types

from fastopt.derivatives.reverse.code.activity import holds_floats
from fastopt.derivatives.reverse.code.steps import steps

_SUMS = {operator.add, operator.sub}
_PRODUCTS = {operator.mul, operator.truediv}
_CALLS = {abs, min, max, float, int, bool, len, math.sqrt, np.sqrt, math.fabs, np.abs, np.maximum}
_CALLS |= {np.minimum, math.floor, np.floor, math.ceil, np.ceil}


class Exactness:
    """Knows the values with the same bits; `strict` says that no sum may be reordered."""

    def __init__(self, program, loops, activity, strict):
        self.program, self.loops, self.activity, self.strict = program, loops, activity, strict
        self.known: dict = {}

    def allows(self, op):
        """Return True unless an operation makes a choice, a step or an index of inexact numbers."""
        kind = self.program.type_of(op.target)
        kind = kind.dtype if isinstance(kind, types.Array) else kind
        discrete = isinstance(kind, types.Integer | types.Boolean) or op.key in steps()
        return not discrete or all(map(self.is_exact, self._floats(op)))

    def _floats(self, op):
        return [n for n in op.args if holds_floats(self.program.type_of(n))]

    def is_exact(self, name):
        if name not in self.known:
            self.known[name] = True  # a loop: what an iteration begins with is stored
            self.known[name] = self._find(name)
        return self.known[name]

    def _find(self, name):
        region, op = self.loops.level_of[name], self.program.definitions.get(name)
        if region is self.loops.root or op is None or op.kind in ("out", "snapshot", "count"):
            return True
        if op.kind == "phi" and op in self.program.blocks[region.header].ops:
            return True
        if op.kind == "load" and self.activity.is_written(op.uses[0]):
            return True
        inner = all(map(self.is_exact, self._floats(op)))
        if op.kind in ("copy", "phi", "load", "unary", "more", "item", "expr"):
            return inner
        if op.kind == "binop" and op.value in _SUMS:
            return inner and self.strict and not any(map(self._is_product, op.uses))
        if op.kind == "binop" and op.value in _PRODUCTS:
            return inner and self.strict
        if not self._floats(op):
            return True
        return op.kind == "call" and op.key in _CALLS and inner

    def _is_product(self, name):
        op = self.program.definitions.get(self.program.root(name))
        while op is not None and op.kind == "unary":
            op = self.program.definitions.get(self.program.root(op.uses[0]))
        return op is not None and op.kind not in ("load", "phi", "item", "arg")
