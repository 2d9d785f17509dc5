"""Arithmetic of user code that stays in float32, for devices that are slow in float64.

In Numba, an operation on an int64 and a float32 returns a float64, and so does a quotient or a root
of integers. On a device the result is float32 instead, as with duals and NumPy. Operations on
integers with an integer result do not change.

`keep_float32` makes functions for this. `rewrite` replaces operators by them, before types are
inferred, in functions that `link` has marked as narrow. It works on Numba's IR, where integers are
the same whatever their origin: literals, loop variables, lengths, items.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import functools
import operator
from typing import Any

import numpy as np
from numba import types
from numba.extending import lower_builtin

from fastopt.compiling.linker import NARROWING_MARK
from fastopt.compiling.numba_internals import (
    AbstractTemplate,
    assignments_of,
    infer_global,
    signature,
)
from fastopt.derivatives.forward.duals import llvm_emitter

_ARITHMETIC = "add sub mul truediv floordiv mod pow".split()
_NAMES = [*_ARITHMETIC, *(f"i{name}" for name in _ARITHMETIC), *"lt le gt ge eq ne".split()]
_POWERS = (operator.pow, operator.ipow, pow)
SMALL = range(-(2**15) + 1, 2**15)  # int16 without the number that cannot be negated


class _Single(AbstractTemplate):
    """The original's result type; float32 instead of float64 if only promotion made it float64."""

    prefer_literal = True  # the original gets literals, and decides itself
    original: Any

    def generic(self, args, kws):
        known = self.context.resolve_value_type(self.original)
        found = known.get_call_type(self.context, args, kws)
        if found is None or types.float64 in args or types.float64 in kws.values():
            return found
        by_loop = False
        if self.original in _POWERS and args[0] == types.float32:
            if isinstance(args[1], types.IntegerLiteral):  # becomes multiplications
                return signature(found.return_type, *args)
            by_loop = isinstance(args[1], types.Integer)  # would be a loop in float64
        if by_loop or types.float64 in (found.return_type, *found.args):
            args = [_as_float(kind) for kind in args]
            return known.get_call_type(self.context, args, kws) or found
        return found


def _as_float(kind):
    return types.float32 if isinstance(kind, types.Integer | types.Boolean) else kind


@functools.cache
def keep_float32(original):
    """Return the replacement for a function or operator in narrow code."""

    def stand_in(*args):
        raise TypeError("this function is for compiled code")

    # The original's name, which appears in messages.
    name = stand_in.__name__ = stand_in.__qualname__ = original.__name__
    members = {"key": staticmethod(stand_in), "original": staticmethod(original)}
    infer_global(stand_in, types.Function(type(f"single_{name}", (_Single,), members)))

    def lower(context, builder, sig, args):
        kind, value = llvm_emitter.call(context, builder, original, sig.args, args)
        return context.cast(builder, value, kind, sig.return_type)

    lower_builtin(stand_in, types.VarArg(types.Any))(lower)
    return stand_in


OPERATORS = {key: keep_float32(key) for key in (getattr(operator, name) for name in _NAMES)}


def rewrite(base):
    """Return a rewrite "before inference"; `base` is the rewrite class of the target's Numba."""

    class Single(base):
        def match(self, func_ir, block, typemap, calltypes):
            scope = getattr(func_ir.func_id.func, "__globals__", {})
            if scope.get(NARROWING_MARK) is not np.float32:
                return False
            self.block = block
            operations = (e for op in ("binop", "inplace_binop") for e in block.find_exprs(op=op))
            self.operations = [e for e in operations if e.fn in OPERATORS]
            self.constants = starting_values(func_ir)
            return bool(self.operations or self.constants)

        def apply(self):
            for expr in self.operations:
                expr.fn = OPERATORS[expr.fn]
            for constant in self.constants:
                constant.value = np.int16(constant.value)
            return self.block

    return Single


def _is(item, name):
    """Return True if a part of IR has this class name; each target's Numba has its own classes."""
    return type(item).__name__ == name


def starting_values(func_ir):
    """Return integer constants of results, and of variables with other assignments.

    Examples are ``s = 0; s += x[i]``, ``0 if t < 1 else t`` and ``return 0``. Numba unifies int64
    and float32 to float64, but int16 and float32 to float32. It unifies int16 and int64 to int64,
    so that ``n = 0; n += 1`` is unchanged.
    """
    known = assignments_of(func_ir)

    def origin(value):
        """Follow copies of a variable to the original value."""
        while True:
            value = value.value if getattr(value, "op", None) == "cast" else value
            if not _is(value, "Var") or len(known.get(value.name, ())) != 1:
                return value
            value = known[value.name][0]

    blocks = func_ir.blocks.values()
    ends = [b.terminator for b in blocks]
    results = [origin(end.value) for end in ends if _is(end, "Return")]
    groups = [results, *([origin(v) for v in values] for values in known.values())]
    found = []
    for values in groups:
        whole = [v for v in values if _is(v, "Const") and type(v.value) is int]
        if 0 < len(whole) < len(values):
            found += [v for v in whole if v.value in SMALL]
    return found
