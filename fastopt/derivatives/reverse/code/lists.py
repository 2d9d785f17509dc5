"""Lists of numbers that only make an array, as tuples."""
# Numba makes its types in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false

import collections

import numpy as np
from numba import types

from fastopt.compiling.numba_internals import ir


def rewrite(program):
    """Replace the list in ``np.array([a, b])``, perhaps with lists in it, by a tuple."""
    uses: collections.Counter = collections.Counter()
    ops = [op for block in program.blocks.values() for op in block.ops]
    for op in ops:
        uses.update({*op.uses, *op.args})
    for op in ops:
        if op.kind == "call" and op.key is np.array and op.args:
            _replace(program, op.args[0], uses)


def _replace(program, name, uses):
    made = program.definitions.get(name)
    if uses[name] != 1 or made is None or made.kind != "expr" or made.value.op != "build_list":
        return
    for item in made.uses:
        _replace(program, item, uses)
    made.value = ir.Expr.build_tuple(made.value.items, made.loc)
    kinds = [program.type_of(item) for item in made.uses]
    program.types[name] = types.BaseTuple.from_types(kinds)
