"""The problems of a batch of fits, for the threads of `batch_worker`: their starts and results."""

import math
from typing import Any, NamedTuple

from fastopt.algorithms.batch_worker import row_of
from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.fits.fit_loop import mark_blocked
from fastopt.algorithms.fits.fit_state import FRESH, NFEV, NIT, NJEV, ROOTED, F
from fastopt.algorithms.fits.triangles import factorise, factorise_root
from fastopt.algorithms.placeholders import BOUNDED, SIZE


class FitResults(NamedTuple):
    """The results, with a row for each problem."""

    x: Any
    cost: Any
    grad: Any
    cov: Any  # inverse of J'J
    pivot: Any  # least relative pivot of J'J, or of its root; NaN if there is no `cov`
    used: Any  # number of residuals
    active_mask: Any
    nit: Any
    nfev: Any
    njev: Any
    status: Any


@separate
def load_fit(b, work, problem_data):
    """Copy the start of problem b to the thread's arrays; return True if it is finite."""
    for i in range(len(work.record)):
        work.record[i] = FRESH[i]
    at = row_of(problem_data.x0, b)
    finite = True
    for i in range(work.x.size):
        work.x[i] = problem_data.x0[at, i]
        finite = finite and math.isfinite(work.x[i])
    if BOUNDED:
        at = row_of(problem_data.low, b)
        for i in range(work.x.size):
            work.workspace.low[i] = problem_data.low[at, i]
            work.workspace.high[i] = problem_data.high[at, i]
    return finite


@separate
def write_fit(b, status, work, results):
    """Write the results of problem b."""
    run, arrays, n = work.record, work.workspace, SIZE or work.x.size
    results.nit[b], results.nfev[b], results.njev[b] = int(run[NIT]), int(run[NFEV]), int(run[NJEV])
    results.status[b] = int(status)
    known = run[NJEV] > 0.0 and math.isfinite(run[F])
    results.cost[b] = run[F] if known else math.nan
    if known and BOUNDED:
        mark_blocked(work.iterates, arrays)
    for i in range(n):
        x, g = work.x[i], arrays.slopes[i]
        results.x[b, i], results.grad[b, i] = x, g if known else math.nan
        arrays.step[i], side = 0.0, 0
        if BOUNDED and known:
            side = 1 if x >= arrays.high[i] and g <= 0.0 else 0
            side = -1 if x <= arrays.low[i] and g >= 0.0 else side
        results.active_mask[b, i] = side
    results.used[b] = int(arrays.found[0]) if known else 0
    results.pivot[b] = math.nan
    if known:
        rooted = run[ROOTED] != 0.0
        least = factorise_root(0.0, arrays) if rooted else factorise(0.0, arrays)
        results.pivot[b] = least
    for k in range(n):
        if known:
            column(k, arrays)
        for i in range(n):
            results.cov[b, i, k] = arrays.row[i] if known else math.nan


@separate
def column(k, arrays):
    """Write a column of the inverse of the factor's J'J to `row`.

    A fixed parameter has zeros, one that a bound blocks has NaN.
    """
    n, row = SIZE or arrays.row.size, arrays.row
    factor, inverse = arrays.factor, arrays.inverse
    for i in range(n):
        t = 1.0 if i == k else 0.0
        for j in range(i):
            t -= factor[i, j] * row[j]
        row[i] = t * inverse[i]
    for back in range(1, n + 1):
        i = n - back
        t = arrays.pivots[i] * row[i]
        for j in range(i + 1, n):
            t -= factor[j, i] * row[j]
        row[i] = t * inverse[i]
    if BOUNDED:
        for i in range(n):
            if arrays.blocked[i] != 0.0 or arrays.blocked[k] != 0.0:
                fixed = arrays.low[i] == arrays.high[i] or arrays.low[k] == arrays.high[k]
                row[i] = 0.0 if fixed else math.nan
