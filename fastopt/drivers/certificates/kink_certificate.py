"""The test that tells a minimum at a kink from other points where no step reduces f.

At a kink, as of ``abs``, the gradient jumps and vanishes nowhere. At a minimum there, the gradients
of points around it have a convex combination that is zero (Clarke 1983). Steps against the shortest
vector in their convex hull collect them (Lemarechal 1975, Wolfe 1975). Every step also shows if f
rises as the gradient says, and so does a step of each parameter to each of its sides. A wrong
gradient fails there.

Many problems are examined at once. Arrays have the problem as their last axis, and sums are in a
fixed order. So the bits of a problem do not depend on the others.
"""

import math
from types import SimpleNamespace

import numpy as np

from fastopt.algorithms.status_codes import KINK, MAXFEV, NO_STEP, RUNNING

WIDER = 16.0  # radius of the first steps, in units of that of the last ones
VISIBLE = 16.0  # rounding errors of f that a step must change it by
FARTHEST = 1.0 / 16.0  # largest step of one parameter, relative to it
LEAST_RISE, MOST_RISE = 0.1, 1.1  # of the slope at a step's end: f rises evenly from a kink
LONGER = 8.0  # from one step to the next, as long as f decreases
SMALL = 1e-5  # length of the shortest vector that counts as zero, relative to the longest
EVALUATIONS = 40  # largest number of them per parameter
WIDE, NARROW, AXES = range(3)  # stages


def examine(ask, x, f, g, start, box, dtype, left):
    """Return whether best points are minima at kinks, and lower points if some are found.

    Parameters
    ----------
    ask : callable ``ask(which, points) -> (f, g, evaluations)``
        Evaluates problems of these numbers, a row of `points` for each.
    x, g, start : ndarray of shape (problems, n)
        The best points, their gradients, and the points at which the searches began.
    f : ndarray of shape (problems,)
    box : (low, high) of shape (problems, n), or None
    dtype : dtype
        The type of x.
    left : ndarray of shape (problems,)
        The largest numbers of evaluations.

    Yields
    ------
    SimpleNamespace
        Examined problems: their ``number``, ``status``, ``x``, ``f``, ``g``, and the numbers of
        evaluations of f and of the gradient, ``nfev`` and ``njev``.
    """
    with np.errstate(all="ignore"):
        s = first_state(x, f, g, start, box, np.finfo(dtype).eps, left)
        while True:
            aim(s, dtype)
            s, done = part(s, s.status == RUNNING), part(s, s.status != RUNNING)
            if done.number.size:
                yield done
            if not s.number.size:
                return
            some = part(s, s.moving)
            f_new, g_new, spent = np.full_like(s.f, np.nan), np.full_like(s.g, np.nan), 0.0 * s.f
            if some.number.size:
                f_some, g_some, spent_some = ask(some.number, some.point.T.astype(dtype))
                f_new[s.moving], g_new[:, s.moving] = f_some, g_some.T
                spent[s.moving] = spent_some
            judge(s, f_new, g_new, spent)


def part(s, mask):
    """Return the state of some of the problems."""
    if mask.all():
        return s
    return SimpleNamespace(**{name: a[..., mask] for name, a in vars(s).items()})


def first_state(x, f, g, start, box, eps, left):
    """Return the state before the first step."""
    x, g, start = (np.array(a.T, float, order="C") for a in (x, g, start))
    n, problems = x.shape
    low, high = np.full((2, n, problems), [[[-math.inf]], [[math.inf]]])
    if box is not None:
        low, high = (np.array(side.T, float, order="C") for side in box)
    scale = scales(x, g, start, low, high)
    zeros = np.zeros(problems)
    s = SimpleNamespace(number=np.arange(problems), x=x, f=np.array(f, float), g=g, low=low)
    s.high, s.scale, s.left, s.eps = high, scale, np.array(left, float), zeros + eps
    s.start = start
    s.free = ~blocked(x, g, low, high)
    pull = np.max(abs(g) * scale * s.free, axis=0)
    s.unit = 1.0 / pull
    s.radius, s.status = zeros + math.sqrt(eps), zeros + RUNNING
    known = np.isfinite(s.f) & np.isfinite(s.unit) & (pull > 0.0)
    # Rounding must not hide the changes of f.
    known &= pull * s.radius >= VISIBLE * 4.0 * eps * abs(s.f)
    # In a curved valley as narrow as the radius all gradients point to its floor, far from a
    # minimum, too. A kink counts only if f changes by little within the radius.
    known &= pull * s.radius <= eps**0.25 * abs(s.f)
    s.status[~known] = NO_STEP
    s.stage, s.turn, s.reach, s.longer = zeros + WIDE, zeros + 0.0, zeros + 1.0, zeros > 0.0
    s.rows, s.weights = np.zeros((n + 2, n, problems)), np.zeros((n + 2, problems))
    s.count, s.length, s.top = zeros + 0.0, zeros + math.inf, zeros + 0.0
    s.nfev, s.njev, s.moves = zeros + 0.0, zeros + 0.0, zeros + 0.0
    s.step = np.zeros((n, problems))
    s.point, s.moving = x + 0.0, zeros > 0.0
    begin_stage(s, zeros == 0.0, WIDE)
    return s


def scales(x, g, start, low, high):
    """Return the sizes of the parameters.

    A parameter near zero has the size of its start. If that is zero too, it has the size at which
    its effect on f is as large as the largest effect of the others.
    """
    scale = np.where(abs(x) > 1e-6 * abs(start), abs(x), abs(start))
    effect = abs(g) * scale
    top = np.max(effect, axis=0)
    hidden = (start == 0.0) & (effect <= 1e-6 * top)
    size = np.where(g != 0.0, top / abs(g), np.max(scale, axis=0))
    scale = np.where(hidden & np.isfinite(size), np.maximum(scale, size), scale)
    scale = np.where(scale > 0.0, scale, 1.0)
    return np.where(high > low, np.minimum(scale, high - low), scale)


def blocked(x, g, low, high):
    """Return True for components that a bound blocks: f decreases beyond it."""
    return ((x <= low) & (g > 0.0)) | ((x >= high) & (g < 0.0)) | (low == high)


def added(terms):
    """Return the sum over the first axis, in its order."""
    total = terms[0] + 0.0
    for term in terms[1:]:
        total = total + term
    return total


def begin_stage(s, mask, stage):
    """Begin a stage of these problems, with the gradient of the best point alone."""
    s.stage[mask], s.length[mask], s.turn[mask], s.reach[mask] = stage, math.inf, 0.0, 1.0
    s.longer[mask], s.weights[:, mask], s.count[mask] = False, 0.0, 0.0
    s.free[:, mask] = ~blocked(s.x, s.g, s.low, s.high)[:, mask]
    s.top[mask] = 0.0
    add_row(s, mask, s.g)


def add_row(s, mask, g):
    """Add gradients to the hulls of these problems, in the place of what matters least."""
    at, n = np.flatnonzero(mask), s.x.shape[0]
    row = np.where(s.count < n + 2, s.count, np.argmin(s.weights, axis=0)).astype(int)[at]
    values = (g * s.scale * s.unit)[:, at]
    s.rows[row, :, at] = values.T
    s.weights[row, at] = np.where(s.count[at] == 0.0, 1.0, 0.0)
    s.count[at] = np.minimum(s.count[at] + 1.0, n + 2)
    s.top[at] = np.maximum(s.top[at], np.sqrt(added(values * values * s.free[:, at])))


def aim(s, dtype):
    """Set the next points, and the statuses of problems that are done."""
    n = s.x.shape[0]
    for stage in (WIDE, NARROW):
        at = np.flatnonzero((s.stage == stage) & ~s.longer & (s.status == RUNNING))
        if at.size:
            shorten(s, at)
    axes = (s.stage == AXES) & ~s.longer
    s.status[axes & (s.turn == 2 * n) & (s.status == RUNNING)] = KINK
    number = np.arange(n)[:, None]
    sign = np.where(s.turn % 2 == 0, 1.0, -1.0)
    along = np.where(number == s.turn // 2, sign * WIDER * s.radius * s.reach * s.scale, 0.0)
    s.step = np.where(axes, along, s.step)
    point = np.minimum(np.maximum(s.x + s.step, s.low), s.high).astype(dtype).astype(float)
    s.point, s.moving = point, (point != s.x).any(axis=0)
    s.status[~s.moving & ~axes & (s.status == RUNNING)] = NO_STEP
    over = s.moving & (s.status == RUNNING)
    s.status[over & (s.nfev >= EVALUATIONS * (n + 2))] = NO_STEP
    s.status[over & (s.nfev >= s.left)] = MAXFEV


def shorten(s, at):
    """Find the shortest vectors in the hulls; set the steps against them, or end the stage."""
    some = SimpleNamespace(**{name: a[..., at] for name, a in vars(s).items()})
    k = int(some.count.max())
    weights = shortest(some.rows[:k], some.weights[:k], some.count, some.free)
    w = added(weights[:, None] * some.rows[:k])
    some.free = ~blocked(some.x, w, some.low, some.high)
    w = w * some.free
    length = np.sqrt(added(w * w))
    f, slack = abs(some.f) * some.unit, 4.0 * some.eps * abs(some.f) * some.unit
    radius = some.radius * np.where(some.stage == WIDE, WIDER, 1.0)
    flat = np.minimum(np.maximum(np.sqrt(some.eps) * f, slack / radius), SMALL * some.top)
    flat = length <= np.maximum(flat, 16.0 * some.eps * some.top)
    s.weights[:k, at], s.free[:, at] = weights, some.free
    s.status[at[~flat & ~(length < some.length)]] = NO_STEP
    s.length[at] = length
    s.step[:, at] = -radius * some.scale * (w / length)
    done = np.zeros(s.f.size, bool)
    done[at] = flat
    for stage in (NARROW, WIDE):
        begin_stage(s, done & (s.stage == stage), stage + 1)


def judge(s, f_new, g_new, spent):
    """Judge the new points: f must not be lower, and must have risen as the gradient says."""
    s.nfev += spent
    s.njev += s.moving
    d = s.point - s.x
    rise, slope = f_new - s.f, added(g_new * d)
    slack = 4.0 * s.eps * np.maximum(abs(s.f), abs(f_new))
    finite = np.isfinite(f_new) & np.isfinite(g_new).all(axis=0)
    lower = s.moving & finite & (rise < -slack)
    over = s.longer & ~lower
    fits = (rise >= LEAST_RISE * slope - slack) & (rise <= MOST_RISE * slope + slack)
    s.x, s.g = np.where(lower, s.point, s.x), np.where(lower, g_new, s.g)
    s.f = np.where(lower, f_new, s.f)
    s.step = np.where(lower, LONGER * d, s.step)
    s.moves += lower & ~s.longer
    s.longer = s.longer | lower
    if over.any():  # parameters that began at zero have their sizes by slopes, which have changed
        s.scale[:, over] = scales(s.x, s.g, s.start, s.low, s.high)[:, over]
    begin_stage(s, over, WIDE)
    rest = s.moving & ~lower & ~over
    s.status[rest & ~(finite & fits)] = NO_STEP
    rest &= s.status == RUNNING
    hulls = rest & (s.stage != AXES)
    if hulls.any():
        add_row(s, hulls, g_new)
    axes = (s.stage == AXES) & ~s.longer & ~over & (s.status == RUNNING)
    farther = axes & s.moving & (rise < 2.0 * slack)
    farther &= WIDER * WIDER * s.radius * s.reach <= FARTHEST
    s.reach = np.where(farther, WIDER * s.reach, np.where(axes, 1.0, s.reach))
    s.turn += axes & ~farther


def shortest(rows, weights, count, free):
    """Return the weights of the shortest vectors in the convex hulls of the rows (Wolfe 1976)."""
    k, n = rows.shape[:2]
    masked = rows * free
    gram = added([masked[:, None, c] * rows[None, :, c] for c in range(n)])
    number = np.arange(k)[:, None]
    there = number < count
    active = there & (weights > 0.0)
    todo = np.ones(weights.shape[1], bool)
    for _ in range(8 * k):
        both = active[:, None] & active[None]
        matrix = np.where(both, gram + 1.0, np.eye(k)[:, :, None])
        u = np.where(active, solve(matrix, active.astype(float)), 0.0)
        new = u / added(u)
        leaving = active & ~(new > 0.0)
        share = np.where(leaving, weights / (weights - new), math.inf)
        share = np.where(leaving & ~(share >= 0.0), 0.0, share)
        whole = np.minimum(share.min(axis=0), 1.0)
        moved = np.maximum(weights + whole * (new - weights), 0.0)
        moved = np.where(leaving & (share <= whole), 0.0, moved)
        weights = np.where(todo & (whole > 0.0), moved, weights)
        active = np.where(todo, active & ~(leaving & (share <= whole)), active)
        some = leaving.any(axis=0)
        w = added(weights[:, None] * rows) * free
        square = added(w * w)
        dots = added([rows[:, c] * w[c] for c in range(n)])
        dots = np.where(there & ~active, dots, math.inf)
        joins = todo & ~some & (dots.min(axis=0) < 0.999 * square)
        active |= joins & (number == np.argmin(dots, axis=0))
        todo &= (some & (whole > 0.0)) | joins
        if not todo.any():
            break
    return weights


def solve(matrix, right):
    """Solve symmetric positive definite systems by elimination; dependent rows get zero."""
    k = right.shape[0]
    matrix, right, eps = matrix.copy(), right.copy(), np.finfo(float).eps
    inverse = np.empty_like(right)
    least = 4.0 * eps * np.array([matrix[j, j] for j in range(k)])
    for j in range(k):
        pivot = matrix[j, j]
        inverse[j] = np.where(pivot > least[j], 1.0 / pivot, 0.0)
        factor = matrix[j + 1 :, j] * inverse[j]
        matrix[j + 1 :, j + 1 :] -= factor[:, None] * matrix[j, j + 1 :]
        right[j + 1 :] -= factor * right[j]
    for j in range(k - 1, -1, -1):
        right[j] *= inverse[j]
        right[:j] -= matrix[:j, j] * right[j]
    return right
