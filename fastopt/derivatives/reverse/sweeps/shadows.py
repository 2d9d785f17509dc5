"""Shadows of arrays: arrays of the same shape with the adjoints of the elements."""

import numpy as np

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
    return not basic and not (op.kind == "call" and op.key in _ZEROS)


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
        b.load(sweep.shadow(op.uses[0]), named(op.uses[1]), out=out)
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
