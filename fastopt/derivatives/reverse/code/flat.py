"""Elements of ``a.flat`` by their number, as elements of the array's view in one dimension."""
# Numba makes its types in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false

import numpy as np
from numba import types

from fastopt.compiling.numba_internals import ir
from fastopt.derivatives.reverse.code.operations import Op


def rewrite(program):
    """Replace ``a.flat`` by ``np.ravel(a)`` if only elements of it are read and written."""
    users: dict = {}
    for block in program.blocks.values():
        for op in block.ops:
            for name in op.uses:
                users.setdefault(name, []).append(op)
    for block in program.blocks.values():
        for place, op in enumerate(block.ops):
            if _is_flat(program, op) and all(_is_element(program, u) for u in users[op.target]):
                block.ops[place] = _raveled(program, op)
                program.definitions[op.target] = block.ops[place]
                for user in users[op.target]:
                    if user.kind == "expr":
                        user.kind, user.value = "load", None


def _is_flat(program, op):
    if op.kind != "expr" or op.value.op != "getattr" or op.value.attr != "flat":
        return False
    array = program.types[op.uses[0]]
    return isinstance(array, types.Array) and array.layout == "C" and array.ndim > 0


def _is_element(program, op):
    read = op.kind == "expr" and op.value.op in ("getitem", "static_getitem")
    if not read and op.kind != "setitem":
        return False
    return isinstance(program.type_of(op.uses[1]), types.Integer)


def _raveled(program, op):
    array, loc = program.types[op.uses[0]], op.loc
    function = program.new_name("ravel", types.Opaque("numpy.ravel"))
    program.constants[function] = ir.Global("ravel", np.ravel, loc), loc
    scope = ir.Scope(None, loc)
    names = [scope.define(name, loc) for name in (function, op.uses[0])]
    call = ir.Expr.call(names[0], names[1:], (), loc)
    made = Op("call", op.target, call, [function, op.uses[0]], loc)
    made.key = np.ravel
    program.types[op.target] = types.Array(array.dtype, 1, "C")
    return made
