"""Shadows of arrays: arrays of the same shape with the adjoints of the elements."""

import numpy as np

_ZEROS = {np.empty: np.zeros, np.ones: np.zeros, np.empty_like: np.zeros_like}
_ZEROS |= {np.full: np.zeros, np.full_like: np.zeros_like}
_ZEROS |= {np.ones_like: np.zeros_like, np.zeros: np.zeros, np.zeros_like: np.zeros_like}


def shadow_of(sweep, op, named):
    """Write the shadow of the array that an operation returns."""
    b, out = sweep.builder, sweep.shadow(op.target)
    if op.kind == "copy":
        b.move(out, sweep.shadow(op.uses[0]))
    elif op.kind == "load":
        b.load(sweep.shadow(op.uses[0]), named(op.uses[1]), out=out)
    elif op.kind == "call":
        names = [named(n) for n in op.uses[1:]]
        if op.key in (np.full, np.full_like):
            names.pop(1)
        b.call(_ZEROS[op.key], names, out=out)
