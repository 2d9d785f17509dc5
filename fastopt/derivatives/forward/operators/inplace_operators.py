"""``a += b`` in code in which a may be an array of duals.

Numba's typing of in-place operators fails on arrays for which it has no loop, instead of trying
other templates (npydecl.py, NumpyRulesInplaceArrayOperator). So in marked functions they are
replaced by calls of our own functions, before types are inferred.
"""
# Numba makes its types, templates and intrinsics in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false, reportOptionalCall=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false

import operator
from typing import Any

import numba
from numba import TypingError, types
from numba.extending import lower_builtin

from fastopt.compiling.linker import NARROWING_MARK
from fastopt.compiling.numba_internals import (
    AbstractTemplate,
    Rewrite,
    infer_global,
    ir,
    register_rewrite,
)
from fastopt.derivatives.forward.duals.dual_number import JIT, DualArray
from fastopt.derivatives.forward.operators.scalar_operators import dual_in

FUNCTIONS: dict = {}  # in-place operator -> our function


@register_rewrite("before-inference")
class InPlace(Rewrite):
    """A rewrite that replaces in-place operators by our functions."""

    def __init__(self, state=None):
        # A sum in a prange must not change: Numba recognises it by its operator. The state has no
        # flags while Numba inlines a function.
        flags = getattr(state, "flags", None)
        self.parallel = flags is not None and flags.auto_parallel.enabled

    def match(self, func_ir, block, typemap, calltypes):
        self.block = block
        if self.parallel:
            return False
        marked = NARROWING_MARK in getattr(func_ir.func_id.func, "__globals__", ())
        return marked and any(map(_is_in_place, block.find_insts(ir.Assign)))

    def apply(self):
        block = self.block.copy()
        block.clear()
        for statement in self.block.body:
            if isinstance(statement, ir.Assign) and _is_in_place(statement):
                expr: Any = statement.value
                loc = statement.loc
                ours = ir.Global(expr.fn.__name__, FUNCTIONS[expr.fn], loc)
                name = ir.Var(statement.target.scope, f"{statement.target.name}.in_place", loc)
                block.append(ir.Assign(ours, name, loc))
                call = ir.Expr.call(name, (expr.lhs, expr.rhs), (), loc)
                statement = ir.Assign(call, statement.target, loc)
            block.append(statement)
        return block


def _is_in_place(statement):
    value = statement.value
    return isinstance(value, ir.Expr) and value.op == "inplace_binop" and value.fn in FUNCTIONS


class _InPlace(AbstractTemplate):
    """The type of an in-place operation: ours for arrays of duals, else Numba's."""

    plain: Any
    in_place: Any

    def generic(self, args, kws):
        target = args[0]
        plain = isinstance(target, types.Array) and not isinstance(target, DualArray)
        if plain and dual_in(args) is not None:
            raise TypingError(
                "an array of plain numbers cannot take numbers that depend on x; make it with "
                "np.zeros, np.full or np.empty, whose arrays can"
            )
        kind = self.context.resolve_value_type(self.template_for(args))
        return kind.get_call_type(self.context, args, kws)

    @classmethod
    def template_for(cls, args):
        if isinstance(args[0], DualArray):
            return cls.ours
        return cls.in_place if args[0].mutable else cls.plain

    ours: Any


def _register(plain, in_place):
    def write(a, b):
        made = plain(a, b)  # computed before anything is written, since b may be a view of a
        if made.shape != a.shape:
            raise ValueError("an array cannot be written into one of another shape")
        for i in range(a.size):
            a.flat[i] = made.flat[i]
        return a

    def stand_in(a, b):
        raise TypeError("this function is for compiled code")

    members = {"key": stand_in, "plain": plain, "in_place": in_place}
    members["ours"] = numba.njit(**JIT)(write)
    members = {name: staticmethod(function) for name, function in members.items()}
    template = type(f"{in_place.__name__}_or_ours", (_InPlace,), members)
    infer_global(stand_in, types.Function(template))

    def lower(context, builder, sig, args):
        kind = context.typing_context.resolve_value_type(template.template_for(sig.args))
        ready = context.get_function(kind, sig)
        context.add_linking_libs(getattr(ready, "libs", ()))
        return ready(builder, args)

    lower_builtin(stand_in, types.Any, types.Any)(lower)
    FUNCTIONS[in_place] = stand_in


for _name in "add sub mul truediv floordiv mod pow".split():
    _register(getattr(operator, _name), getattr(operator, f"i{_name}"))
