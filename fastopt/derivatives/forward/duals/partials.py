"""Partials of a result: sums of the arguments' lanes times derivatives."""

import math

from llvmlite import ir

from fastopt.derivatives.rules import infinite_slopes


def combined(m, moving):
    """Return the sum of lanes times derivatives."""
    rare = _may_be_lost(m, moving) if m.kind.wide else None
    if rare is None:
        return _summed(m, moving, careful=True)
    return _summed(m, _settled(m, moving, rare), careful=False)


def _settled(m, moving, rare):
    """Return wide lanes and factors whose products are right: both are zero if the lane is zero.

    A comparison of long vectors costs more than a branch that is never executed. The branch is
    around the factors, so that product and sum are still one instruction. Separate lanes are
    compared instead: a branch would prevent loops over data from vectorising.
    """
    builder, pairs = m.builder, []
    for moves, d in moving:
        guarded = isinstance(d, infinite_slopes.ZeroIfInactive) and not _is_known(m, d)
        if guarded:
            lane = moves[0].type
            d = d._replace(derivative=_splat(builder, m.constant(d.derivative).value, lane))
        pairs.append((moves, d, guarded))
    before, replaced = builder.block, []
    with builder.if_then(rare, likely=False):
        for (lane, *_), d, guarded in pairs:
            if guarded:
                zero = ir.Constant(lane.type, None)
                still = _stands(builder, lane, d)
                factor = builder.select(still, zero, d.derivative)
                kept = lane if d.dead is None else builder.select(still, zero, lane)
                replaced.append((kept, factor))
        inside = builder.block

    def joined(one, other):
        if one is other:
            return one
        phi = builder.phi(one.type)
        phi.add_incoming(one, before)
        phi.add_incoming(other, inside)
        return phi

    news = iter(replaced)
    found = []
    for moves, d, guarded in pairs:
        if guarded:
            (lane,), (other, factor) = moves, next(news)
            d = infinite_slopes.Vector(joined(d.derivative, factor))
            moves = [joined(lane, other)]
        found.append((moves, d))
    return found


def _is_known(m, derivative):
    return is_finite(m.constant(derivative.derivative).value)


def _stands(builder, lane, guard):
    """Return a mask that is true if a lane is zero, or the function is constant."""
    still = builder.fcmp_ordered("==", lane, ir.Constant(lane.type, None))
    if guard.dead is None:
        return still
    return builder.or_(still, _splat(builder, guard.dead.value, lane.type))


def _may_be_lost(m, moving):
    """Emit a test whether any factor is infinite, undefined or dead; None if none can be."""
    found, seen = None, None
    for _, derivative in moving:
        if not isinstance(derivative, infinite_slopes.ZeroIfInactive):
            continue
        factor = m.constant(derivative.derivative)
        if is_finite(factor.value):
            continue
        if derivative.told is not None:
            factor = derivative.told
            if factor is seen:
                continue
            seen = factor
        infinite = ir.Constant(factor.value.type, math.inf)
        lost = m.builder.fcmp_unordered(">=", abs(factor).value, infinite)
        if derivative.dead is not None:
            lost = m.builder.or_(lost, derivative.dead.value)
        found = lost if found is None else m.builder.or_(found, lost)
    return found


def _summed(m, moving, careful):
    totals = []
    for moves, derivative in moving:
        pairs = zip(totals or [None] * len(moves), moves, strict=True)
        totals = [added(m, *pair, derivative, careful) for pair in pairs]
    return totals


def added(m, total, lane, derivative, careful):
    """Return `total`, if not None, plus a lane (a partial, or their vector) times a derivative."""
    builder, zero = m.builder, ir.Constant(lane.type, None)
    guard = None
    if isinstance(derivative, infinite_slopes.Chosen):
        term = builder.select(_splat(builder, derivative.condition.value, lane.type), lane, zero)
    elif isinstance(derivative, infinite_slopes.Vector):
        term = builder.fmul(lane, derivative.value)
    else:
        if isinstance(derivative, infinite_slopes.ZeroIfInactive):
            guard = derivative if careful and not _is_known(m, derivative) else None
            derivative = derivative.derivative
        term = _scaled(m, lane, derivative)
    added = builder.fadd(total, term) if total else term
    if guard is None:
        return added
    # Zero times infinity would be NaN. The selection is after the sum, so that product and sum are
    # one instruction.
    return builder.select(_stands(builder, lane, guard), total or zero, added)


def is_finite(value):
    """Return True for a number that is a finite constant of the generated code."""
    known = isinstance(value, ir.Constant) and isinstance(value.constant, float)
    return known and math.isfinite(value.constant)


def _scaled(m, lane, derivative):
    """Return a lane times a derivative."""
    zero = ir.Constant(lane.type, None)
    if isinstance(derivative, float) and derivative in (1.0, -1.0, 0.0):
        return lane if derivative == 1.0 else negative(m.builder, lane) if derivative else zero
    return m.builder.fmul(lane, _splat(m.builder, m.constant(derivative).value, lane.type))


def _splat(builder, value, lane):
    """Splat `value` to a vector as long as a lane; return it unchanged if the lane is a number."""
    if not isinstance(lane, ir.VectorType):
        return value
    vector = ir.VectorType(value.type, lane.count)
    index, undefined = ir.IntType(32), ir.Constant(vector, ir.Undefined)
    vector = builder.insert_element(undefined, value, index(0))
    everywhere = ir.Constant(ir.VectorType(index, lane.count), None)
    return builder.shuffle_vector(vector, undefined, everywhere)


def negative(builder, value):
    """Return -value, by a subtraction, since CUDA's compiler has no instruction fneg."""
    minus = [-0.0] * value.type.count if isinstance(value.type, ir.VectorType) else -0.0
    return builder.fsub(ir.Constant(value.type, minus), value)
