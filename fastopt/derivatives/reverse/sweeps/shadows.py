"""Shadows of arrays: arrays of the same shape with the adjoints of the elements."""

import numpy as np
from numba import types

from fastopt.derivatives.reverse.adjoints import arrays
from fastopt.derivatives.reverse.runtime import array_helpers

_ZEROS = {np.empty: np.zeros, np.ones: np.zeros, np.empty_like: np.zeros_like}
_ZEROS |= {np.full: np.zeros, np.full_like: np.zeros_like}
_ZEROS |= {np.ones_like: np.zeros_like, np.zeros: np.zeros, np.zeros_like: np.zeros_like}


def is_anew(program, op):
    """Return True for an array with memory of its own, whose shadow has its shape."""
    if op.kind in ("phi", "out", "arg", "copy", "expr") or arrays.is_view(program, op):
        return False
    basic = op.kind == "load" and arrays.is_basic(program.types[op.uses[1]])
    return not basic and not _is_filled(op)


def _is_filled(op):
    """Return True for an array whose shadow the same function makes."""
    return op.kind == "call" and op.key in _ZEROS


def lent(name):
    """Return the name of the view of an array, or of its shadow, that loops take parts of."""
    return f"{name}.lent"


def parts_of_lasting(program, loops):
    """Return the views in loops of parts of arrays made in the first block, and these arrays.

    They exist on every way through the function. Counting the references of such a view takes two
    atomic operations in every iteration.
    """
    first, parts = set(program.blocks[program.entry].ops), set()
    if loops.level[program.entry] is not loops.root:
        first = set()
    for block in program.blocks.values():
        for op in block.ops:
            basic = op.kind == "load" and isinstance(program.types[op.target], types.Array)
            if basic and arrays.is_basic(program.types[op.uses[1]]):
                made = program.definitions.get(program.root(op.uses[0]))
                inside = loops.level_of[op.target] is not loops.root
                if inside and made in first and (is_anew(program, made) or _is_filled(made)):
                    parts.add(op)
    return parts, {program.root(op.uses[0]) for op in parts}


def shadow_of(sweep, op, named):
    """Write the shadow of the array that an operation returns."""
    b, out = sweep.builder, sweep.shadow(op.target)
    if op.kind in ("phi", "out", "arg"):
        return  # moved along the edges
    if is_anew(sweep.program, op):
        if sweep.region is sweep.loops.root:
            b.call(array_helpers.zeros_of, [named(op.target)], out=out)
        else:  # that of the iteration before
            b.call(array_helpers.renewed, [out, named(op.target)], out=out)
    elif op.kind == "copy":
        b.move(out, sweep.shadow(op.uses[0]))
    elif op.kind == "load":
        base = sweep.shadow(op.uses[0])
        if op in sweep.parts:
            base = lent(sweep.shadow(sweep.program.root(op.uses[0])))
        b.load(base, named(op.uses[1]), out=out)
    elif op.kind == "expr":
        b.attribute(sweep.shadow(op.uses[0]), op.value.attr, out=out)
    elif arrays.is_view(sweep.program, op):
        base, rest = sweep.shadow(op.args[0]), [named(n) for n in op.args[1:]]
        if op.owner is not None:
            method = b.attribute(base, op.owner.value.attr)
            b.call_of(method, rest, out)
        else:
            b.call(op.key, [base, *rest], out=out)
    else:
        names = [named(n) for n in op.uses[1:]]
        if op.key in (np.full, np.full_like):
            names.pop(1)
        b.call(_ZEROS[op.key], names, out=out)
