"""Operations that change an array in place, as operations that make one and a write of it."""
# Numba makes its types in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false

import numpy as np
from numba import types

from fastopt.compiling.numba_internals import ir
from fastopt.derivatives.reverse.code.errors import NotReversible
from fastopt.derivatives.reverse.code.operations import Op, is_float, is_float_array, is_number


def updated(program, op):
    """Return ``a += b`` and its like as an operation with a new array, and a write."""
    array, other = op.uses
    kind, more = program.types[array], program.type_of(other)
    more = more.dtype if isinstance(more, types.Array) else more
    if not is_float_array(kind) or not is_number(more) or kind.ndim == 0:
        raise NotReversible(f"{op.value.fn.__name__} of {kind}", op.loc)
    if is_float(more) and more.bitwidth > kind.dtype.bitwidth and more is not types.float64:
        raise NotReversible(f"{op.value.fn.__name__} of {kind} and {more}", op.loc)
    made = program.new_name("updated", types.Array(kind.dtype, kind.ndim, "C"))
    return [
        Op("binop", made, op.value.immutable_fn, [array, other], op.loc),
        _write(program, array, made, op.loc),
        Op("copy", op.target, None, [array], op.loc),
    ]


def rewrite(program):
    """Replace calls of the methods `fill` and `sort` of arrays."""
    for block in program.blocks.values():
        for op in list(block.ops):
            if op.owner is not None and op.owner.value.attr in _METHODS and not op.value.kws:
                made = _METHODS[op.owner.value.attr](program, op)
                place = block.ops.index(op)
                block.ops[place : place + 1] = made
                program.definitions.pop(op.target)
                program.definitions |= {new.target: new for new in made if new.target}
                program.constants[op.target] = ir.Const(None, op.loc), op.loc


def _filled(program, op):
    array, value = op.args
    return [_write(program, array, value, op.loc)]


def _sorted(program, op):
    """Return the sort of a copy, and a write of it."""
    array, *more = op.args
    if more:
        raise NotReversible("a sort with arguments", op.loc)
    kind = program.types[array]
    made = program.new_name("sorted", types.Array(kind.dtype, kind.ndim, "C"))
    function = program.new_name("sort", types.Opaque("numpy.sort"))
    program.constants[function] = ir.Global("sort", np.sort, op.loc), op.loc
    scope = ir.Scope(None, op.loc)
    names = [scope.define(name, op.loc) for name in (function, array)]
    sort = Op(
        "call", made, ir.Expr.call(names[0], names[1:], (), op.loc), [function, array], op.loc
    )
    sort.key = np.sort
    return [sort, _write(program, array, made, op.loc)]


def _write(program, array, value, loc):
    """Return a write of all elements of an array."""
    index = program.new_name("everywhere", types.ellipsis)
    program.constants[index] = ir.Const(Ellipsis, loc), loc
    return Op("setitem", None, None, [array, index, value], loc)


_METHODS = {"fill": _filled, "sort": _sorted}
