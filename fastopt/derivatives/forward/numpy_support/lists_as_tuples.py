"""Conversion to tuples of lists that are only passed to ``np.array`` or similar functions.

All items of a list have one type. In ``np.array([[c, -s], [0.0, 1.0]])`` one row depends on x and
the other does not, so the two are lists of different types.

Here ``np.float64(v)`` is also replaced by our function, which keeps the partials.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportOptionalSubscript=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

from typing import Any

import numpy as np
from numba import TypingError, types
from numba.extending import lower_builtin

from fastopt.compiling.linker import NARROWING_MARK
from fastopt.compiling.numba_internals import (
    AbstractTemplate,
    Rewrite,
    infer_global,
    ir,
    register_rewrite,
    signature,
)
from fastopt.derivatives.forward.duals.dual_number import Dual
from fastopt.derivatives.forward.numpy_support.array_joining import STAND_INS
from fastopt.derivatives.forward.operators.evaluation_order import uses_of

_NAMES = "array asarray concatenate vstack hstack column_stack stack".split()
TAKERS = [STAND_INS[getattr(np, name)] for name in _NAMES]


@register_rewrite("before-inference")
class Lists(Rewrite):
    """A rewrite of calls of these functions, and of the lists that are made for them."""

    def __init__(self, state=None):
        self.uses = None

    def match(self, func_ir, block, typemap, calltypes):
        if NARROWING_MARK not in getattr(func_ir.func_id.func, "__globals__", ()):
            return False
        self.block, self.found = block, {}
        lists, calls = {}, []
        for statement in block.find_insts(ir.Assign):
            value = statement.value
            if isinstance(value, ir.Expr) and value.op == "build_list":
                lists[statement.target.name] = statement
            elif isinstance(value, ir.Expr) and value.op == "call" and value.args:
                calls.append(statement)
        for statement in calls:
            function = _constant(func_ir, statement.value.func)
            if lists and any(function is taker for taker in TAKERS):
                self.uses = self.uses or uses_of(func_ir)
                self.unpack(statement.value.args[0], lists)
            elif function in _CASTS and len(statement.value.args) == 1:
                self.found[statement] = _CASTS[function]
        return bool(self.found)

    def unpack(self, var, lists):
        """Record a list that is used only here, and the lists in it."""
        statement = lists.get(var.name)
        if statement is not None and self.uses[var.name] == 2 and statement.value.items:
            self.found[statement] = None
            for item in statement.value.items:
                self.unpack(item, lists)

    def apply(self):
        """Return the block with tuples, and with our functions for casts."""
        block = self.block.copy()
        block.clear()
        for statement in self.block.body:
            if statement in self.found:
                value: Any = statement.value
                ours, loc = self.found[statement], statement.loc
                if ours is None:
                    made = ir.Expr.build_tuple(value.items, loc)
                else:
                    name = ir.Var(statement.target.scope, f"{statement.target.name}.cast", loc)
                    block.append(ir.Assign(ir.Global(ours.__name__, ours, loc), name, loc))
                    made = ir.Expr.call(name, value.args, (), loc)
                statement = ir.Assign(made, statement.target, loc)
            block.append(statement)
        return block


def _constant(func_ir, var):
    """Return the function that a name refers to, or None if it is no constant in the IR."""
    try:
        value = func_ir.infer_constant(var)
    except Exception:  # Numba raises errors of several classes if it is no constant
        return None
    return value if callable(value) else None


class _Cast(AbstractTemplate):
    """A cast of a number to a float type."""

    real: Any

    def generic(self, args, kws):
        (kind,) = args
        if isinstance(kind, Dual):
            if self.real.bitwidth < kind.real.bitwidth:
                raise TypingError(f"a number that depends on x stays {kind.real}")
            return signature(kind, kind)
        number = isinstance(kind, types.Number | types.Boolean)
        return signature(self.real, types.unliteral(kind)) if number else None


def _casting(original, real):
    def stand_in(value):
        raise TypeError("this function is for compiled code")

    stand_in.__name__ = stand_in.__qualname__ = original.__name__
    members = {"key": staticmethod(stand_in), "real": real}
    infer_global(stand_in, types.Function(type(original.__name__, (_Cast,), members)))

    def lower(context, builder, sig, args):
        return context.cast(builder, args[0], sig.args[0], sig.return_type)

    lower_builtin(stand_in, types.Any)(lower)
    return stand_in


_CASTS = {
    np.float64: _casting(np.float64, types.float64),
    np.float32: _casting(np.float32, types.float32),
}
