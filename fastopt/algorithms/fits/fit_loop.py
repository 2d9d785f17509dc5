"""The loop that solves one least-squares problem, once for the interpreter, the CPU and CUDA.

The damping is MINPACK's (Moré 1978). Its diagonal is that of the update rule, which gets the norms
of the Jacobian's columns in place of gradients. An evaluation returns the cost, its gradient, and
J'J or its triangular root. So nothing here depends on the number of residuals.
"""

import math

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.fits.damped_step import (
    LOST,
    length_of,
    model_of,
    project,
    step_within,
    trial_of,
)
from fastopt.algorithms.fits.fit_state import RESTART, TRIAL, FitRun, places
from fastopt.algorithms.fits.triangles import is_free
from fastopt.algorithms.placeholders import (
    BOUNDED,
    EPS,
    SIZE,
    C,
    cast,
    coefficients,
    fold,
    load,
    real,
    start,
    store,
    update,
)
from fastopt.algorithms.status_codes import (
    FTOL,
    GTOL,
    MAXFEV,
    MAXITER,
    NO_STEP,
    NONFINITE,
    RUNNING,
    XTOL,
)

# Radius of the first step, over the length of x. It is no power of ten: a step that fails is cut
# to a tenth. A step as long as x may lead to x = 0, where models are often singular.
FACTOR = 8.0
ACCEPTED = 1e-4  # reduction that a step must reach, over the predicted one
STEEP = 1e-3  # cosine at which steps without a reduction mean that derivatives are wrong


@separate
def loop(run, points, arrays, state, limits, options, data, until):
    """Iterate until the problem ends, or until `until` iterations or evaluations are done."""
    while run.status == RUNNING and run.nit < until[0] and run.nfev < until[1]:
        run = next_trial(run, points, arrays, state, limits, options)
        f = run.f
        if run.moved != 0.0:
            f = fold(run.rooted, points.new, arrays.found, data)
        run = judge_trial(run, f, points, arrays, state, limits, options)
    return run


@separate
def next_trial(run, points, arrays, state, limits, options):
    """Write the next trial point."""
    damping, length, predicted, slope, moved = run.damping, 0.0, 0.0, 0.0, 1.0
    status, stage, rooted, radius, carry = run.status, run.stage, run.rooted, run.radius, run.carry
    if stage == TRIAL:
        if BOUNDED:
            mark_blocked(points, arrays)
        for i in range(SIZE or points.x.size):
            arrays.step[i] = 0.0
        if radius == 0.0:
            begin(arrays, state)
        if radius <= 0.0:
            carry = measure(run.nit + 1.0, carry, arrays, state, options)
        if radius == 0.0:
            radius = FACTOR * length_of(points.x, arrays)
            if radius == 0.0:
                radius = FACTOR
        radius = abs(radius)
        damping, least = step_within(radius, damping, rooted, arrays)
        if rooted == 0.0 and not least > LOST:
            stage, rooted = RESTART, 1.0
        else:
            if BOUNDED:
                project(damping, rooted, points, arrays)
            moved = trial_of(points, arrays)
            length = length_of(arrays.step, arrays)
            slope, predicted = model_of(rooted, arrays)
    if stage != TRIAL:
        for i in range(SIZE or points.x.size):
            points.new[i] = points.x[i]
    return FitRun(
        status,
        run.nit,
        run.nfev,
        run.njev,
        run.f,
        carry,
        stage,
        rooted,
        radius,
        damping,
        length,
        predicted,
        slope,
        moved,
        run.cosine,
        run.finite,
        run.share,
    )


@separate
def judge_trial(run, f, points, arrays, state, limits, options):
    """Accept or reject the trial point, adjust the radius, and decide whether the fit has ended."""
    status, radius, damping, stage = run.status, run.radius, run.damping, run.stage
    nit, nfev, njev, cost, carry = run.nit, run.nfev, run.njev, run.f, run.carry
    cosine, finite, previous = run.cosine, run.finite, run.share
    if run.moved != 0.0:
        nfev, njev = nfev + 1.0, njev + 1.0
        finite = 1.0 if is_finite(f, arrays) else 0.0
    if stage != TRIAL:
        if finite == 0.0:
            status, cost = NONFINITE, math.nan
        else:
            cost = f
            cosine = take_over(cost, run.rooted, points, arrays)
            status = GTOL if cosine <= limits.gtol else status
        stage = TRIAL
    else:
        length, predicted = run.length, run.predicted
        if finite == 0.0 or not math.isfinite(length + predicted):
            f = math.inf
        actual = 1.0 - f / cost if f < 100.0 * cost else -1.0
        share = predicted / cost
        ratio = actual / share if share > 0.0 else 0.0
        # The step is not cut short. With fewer residuals than parameters it has some damping.
        whole = run.damping == 0.0 or length < 0.5 * run.radius
        # The reduction still to come, if the steps go on to shrink as they did.
        left, root = share, math.sqrt(limits.ftol)
        if run.damping == 0.0:
            left *= min(share / run.share, 1.0)
        if run.nit == 0.0 and math.isfinite(length):
            radius = min(radius, length)
        if ratio <= 0.25:
            less = 0.5
            if actual < 0.0:
                slope = 0.5 * run.slope / cost
                less = slope / (2.0 * slope + actual) if slope < 0.0 else 0.1
            if not less >= 0.1 or f >= 100.0 * cost:
                less = 0.1
            radius = less * (min(radius, 10.0 * length) if math.isfinite(length) else radius)
            damping /= less
        elif damping == 0.0 or ratio >= 0.75:
            radius, damping = 2.0 * length, 0.5 * damping
        if ratio >= ACCEPTED and run.moved != 0.0:
            nit, previous = nit + 1.0, share
            cost = f
            for i in range(SIZE or points.x.size):
                points.x[i] = points.new[i]
            cosine = take_over(cost, run.rooted, points, arrays)
            radius = -radius  # the diagonal is measured again
        size = length_of(points.x, arrays)
        if cosine <= limits.gtol or cost == 0.0:
            status = GTOL
        elif share <= root and abs(actual) <= root and ratio <= 2.0 and left <= limits.ftol:
            status = FTOL
        elif whole and length <= limits.xtol * size and share <= 1.01:
            status = XTOL
        elif abs(radius) <= limits.xtol * size or run.moved == 0.0:
            status = XTOL
            if ratio < ACCEPTED and cosine > STEEP and share > EPS:
                status = NONFINITE if finite == 0.0 else NO_STEP
        elif abs(actual) <= EPS and share <= EPS and ratio <= 2.0:
            status = FTOL
        elif abs(radius) <= EPS * size:
            status = XTOL if finite != 0.0 else NONFINITE
    if status == RUNNING and nit >= limits.maxiter:
        status = MAXITER
    if status == RUNNING and nfev >= limits.maxfev:
        status = MAXFEV
    return FitRun(
        status,
        nit,
        nfev,
        njev,
        cost,
        carry,
        stage,
        run.rooted,
        radius,
        damping,
        run.length,
        run.predicted,
        run.slope,
        run.moved,
        cosine,
        finite,
        previous,
    )


@separate
def mark_blocked(points, arrays):
    """Mark the parameters that a bound blocks: the cost decreases beyond it."""
    for i in range(SIZE or points.x.size):
        x, g = points.x[i], arrays.slopes[i]
        at_bound = (x <= arrays.low[i] and g >= 0.0) or (x >= arrays.high[i] and g <= 0.0)
        arrays.blocked[i] = 1.0 if at_bound or arrays.low[i] == arrays.high[i] else 0.0


@separate
def begin(arrays, state):
    """Set the units of the columns, and the rule's state."""
    for i in range(SIZE or arrays.unit.size):
        arrays.unit[i] = 0.0
        store(state, i, start(real(0.0)))


@separate
def measure(t, carry, arrays, state, options):
    """Write the diagonal: the rule's, for the norms of the columns in units of the first ones."""
    c, carry = coefficients(options, 1.0, t, carry)
    c = cast(C, real, c)
    for i in range(SIZE or arrays.unit.size):
        norm = arrays.columns[i]
        if arrays.unit[i] == 0.0 and norm > 0.0:
            arrays.unit[i] = norm
            store(state, i, start(real(1.0)))
        if arrays.unit[i] == 0.0:
            arrays.metric[i] = 1.0
        else:
            _, d, s = update(real(norm / arrays.unit[i]), load(state, i), c)
            store(state, i, s)
            arrays.metric[i] = d * arrays.unit[i]
    return carry


@separate
def take_over(cost, rooted, points, arrays):
    """Store the equations found at the new point; return the largest cosine, that of gtol."""
    n, found = SIZE or points.x.size, arrays.found
    _, slopes, matrix, right, _ = places(n)
    for i in range(n):
        arrays.slopes[i], arrays.right[i] = found[slopes + i], found[right + i]
        total = 0.0
        for k in range(n):
            arrays.equations[i, k] = found[matrix + i * n + k]
            if rooted != 0.0 and k <= i:
                total += found[matrix + k * n + i] * found[matrix + k * n + i]
        if rooted == 0.0:
            total = found[matrix + i * n + i]
        norm = math.sqrt(total)
        arrays.columns[i] = norm
        arrays.per_column[i] = 1.0 / norm if norm > 0.0 else math.inf
    if BOUNDED:
        mark_blocked(points, arrays)
    largest = 0.0
    for i in range(n):
        if is_free(i, arrays) and arrays.slopes[i] != 0.0:
            largest = max(largest, abs(arrays.slopes[i]) * arrays.per_column[i])
    return largest / math.sqrt(2.0 * cost) if largest > 0.0 else 0.0


@separate
def is_finite(f, arrays):
    """Return whether the cost and its gradient are finite."""
    n, total = SIZE or arrays.slopes.size, f
    first = places(n)[1]
    for i in range(n):
        total += arrays.found[first + i] + arrays.found[first + n + i * n + i]
    return math.isfinite(total)
