"""Where an adjoint may be infinite, or zero by a choice: there 0 times infinity counts as 0."""

from numba import types

_CHOICES = frozenset("where extreme larger smaller maximum minimum fmax fmin clip absolute".split())
LINEAR = frozenset("dot matmul sum mean concatenate stack vstack hstack column_stack diag".split())


def guard(program, activity, adjoints):
    """Set the `guards` of adjoints: whether a zero adjoint, and a zero slope, end a product."""
    steps = [_step(program, activity, op, adjoint) for op, adjoint in adjoints.items()]
    endless = _closure(steps, {n for _, ins, kind in steps if not kind[0] for n in ins})
    picked = _closure(steps, {n for _, ins, kind in steps if kind[1] for n in ins})
    for adjoint, (out, _, kind) in zip(adjoints.values(), steps, strict=True):
        adjoint.guards = not kind[0] or out in picked, out in endless


def _step(program, activity, op, adjoint):
    """Return the result, what it depends on, and whether the slopes are finite, and a choice."""

    def whole(name):
        return activity.class_of(name) if isinstance(program.types[name], types.Array) else name

    ins = [whole(n) for n in adjoint.sources() if activity.is_active(n)]
    out = whole(op.target if op.target else op.uses[0])
    return out, ins, (adjoint.is_calm, bool(adjoint.rules() & _CHOICES))


def _closure(steps, found):
    before = -1
    while len(found) > before:
        before = len(found)
        for out, ins, _ in steps:
            if out in found:
                found.update(ins)
    return found
