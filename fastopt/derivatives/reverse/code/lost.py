"""The refusal of operations that lose the dependence on x, and of results without it."""

import operator

import numpy as np
from numba import types

from fastopt.derivatives.reverse.code import steps
from fastopt.derivatives.reverse.code.errors import NotReversible

_STEPS = {operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne}
_STEPS |= {operator.floordiv, operator.not_, operator.is_, operator.is_not}
# Functions whose result is the same for all x nearby, or depends on the shape alone.
_CALLS = {bool, int, len, round, np.argmax, np.argmin, np.argsort, np.searchsorted, np.any, np.all}
_CALLS |= {np.shape, np.size, np.zeros_like, np.ones_like, np.empty_like, np.full_like, np.iinfo}
_ATTRIBUTES = {"shape", "size", "ndim", "dtype", "itemsize", "strides", "nbytes"}


def refuse(program, activity):
    """Raise NotReversible if a value that depends on x is turned into one that seems not to."""
    depends = False
    for block in program.blocks.values():
        for op in block.ops:
            if op.kind in ("setitem", "update") and activity.is_active(op.uses[-1]):
                kind = program.type_of(op.uses[0])
                if isinstance(getattr(kind, "dtype", None), types.Complex):
                    raise NotReversible(f"{kind} takes what depends on x", op.loc)
            target = op.target
            if target is None or activity.is_active(target):
                continue
            if any(map(activity.is_active, op.args)) and not _is_step(program, op):
                kind = program.type_of(target)
                raise NotReversible(f"{kind} loses the derivatives of what it is made of", op.loc)
        depends |= block.end[0] == "return" and activity.is_active(block.end[1])
    if not depends:
        raise NotReversible(
            "its result does not depend on x, or only in steps (int, round, floor, comparisons)"
        )


def _is_step(program, op):
    kind = program.type_of(op.target)
    if isinstance(kind, types.NoneType | types.Function | types.BoundFunction | types.DType):
        return True
    if op.kind in ("binop", "unary"):
        return op.value in _STEPS
    if op.kind in ("load", "item"):
        element = getattr(program.type_of(op.uses[0]), "dtype", None)
        return isinstance(element, types.Integer | types.Boolean)
    if op.kind == "call":
        key = op.key
        if isinstance(key, types.NumberClass):
            return isinstance(kind, types.Integer | types.Boolean)
        return key in _CALLS or key in steps.steps()
    if op.kind == "expr":
        return op.value.op == "getattr" and op.value.attr in _ATTRIBUTES
    return isinstance(kind, types.Integer | types.Boolean) and op.kind in ("helper", "out")
