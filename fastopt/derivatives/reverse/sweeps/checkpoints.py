"""Which loops can keep their state at some iterations, and run again from there.

The reverse sweep then takes one block of iterations after the other, the last one first. It
restores the state at the block's beginning, runs its iterations again ("replay"), which keeps
their numbers, and goes back through them. With blocks of about the root of the number of
iterations, the memory grows with this root.
"""
# Numba makes its types in ways that pyright cannot follow:
# pyright: reportAttributeAccessIssue=false

from numba import types

from fastopt.derivatives.reverse.code.activity import is_pure
from fastopt.derivatives.reverse.code.operations import is_number

_HARMLESS = ("setitem", "part", "snapshot", "out", "count")


def states(program, loops, activity, needs):
    """Return the loops that can be restarted: region -> (its phis, arrays that may change)."""
    found = {}
    for region in loops.root.children:
        if region.is_simple and region in needs.moving and region in needs.uses_store:
            state = _state(program, loops, activity, needs, region)
            if state is not None:
                found[region] = state
    return found


def _state(program, loops, activity, needs, region):
    ops = [op for label in region.body for op in program.blocks[label].ops]
    if not all(op.kind in _HARMLESS or is_pure(program, op) for op in ops):
        return None
    phis = [op for op in program.blocks[region.header].ops if op.kind == "phi"]
    used = {name for op in ops for name in (*op.uses, *op.args) if op not in phis}
    used = {name for name in used if name in program.types}
    written = {activity.class_of(op.uses[0]) for op in ops if op.kind == "setitem"}
    if written and any(_holds_arrays(program.types[name]) for name in used):
        return None
    for op in phis:
        kind = program.type_of(op.target)
        if isinstance(kind, types.Array) and is_number(kind.dtype) and kind.layout != "F":
            alone = needs.buffers.are_alone(region, op.target)
            if activity.class_of(op.target) in written and not alone:
                return None
        elif not is_number(kind):
            return None
    outside = [n for n in sorted(used) if not region.holds(loops.level_of.get(n, loops.root))]
    changed = [n for n in outside if isinstance(program.types[n], types.Array)]
    changed = [n for n in changed if activity.is_written(n)]  # here, or behind the loop
    if any(program.types[n].layout == "F" for n in changed):
        return None
    return [op.target for op in phis], changed


def _holds_arrays(kind):
    if isinstance(kind, types.BaseTuple):
        return any(isinstance(k, types.Array) or _holds_arrays(k) for k in kind.types)
    return False
