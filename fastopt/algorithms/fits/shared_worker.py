"""A curve's part of a fit with shared parameters: what is left once its own are eliminated.

The shared ones are fixed while a curve is fitted. Then its own are a function of them, and the
derivatives of its cost by them follow from J'J (Golub and Pereyra 1973, Kaufman 1975).
"""

import math
from collections import namedtuple

from fastopt.algorithms.compile_hints import separate
from fastopt.algorithms.fits.damped_step import LOST
from fastopt.algorithms.fits.fit_state import ROOTED
from fastopt.algorithms.fits.fit_worker import FitResults, write_fit
from fastopt.algorithms.fits.triangles import is_free
from fastopt.algorithms.placeholders import SIZE

# More results, with a row for each problem. `gradient` has the slopes of the cost by the shared
# parameters; the curve's own parameters follow them. `curvature` is the Schur complement of J'J.
# `response` has minus the slopes of the curve's parameters by the shared ones. `shared` are the
# numbers of the shared parameters.
SharedFitResults = namedtuple(
    "SharedFitResults", (*FitResults._fields, "shared", "gradient", "curvature", "response")
)


@separate
def write_shared(b, status, work, results):
    """Write the results of problem b, and eliminate its own parameters.

    `gradient` is left NaN if J'J has too few digits; then the Jacobian must be taken.
    """
    write_fit(b, status, work, results)
    if work.record[ROOTED] != 0.0 or not results.pivot[b] > LOST:
        return
    arrays, shared, response = work.workspace, results.shared, results.response[b]
    equations, factor, inner = arrays.equations, arrays.factor, arrays.inner
    n, count = SIZE or work.x.size, shared.size
    for j in range(count):
        at = shared[j]
        for i in range(n):
            response[i, j] = 0.0
            if is_free(i, arrays):
                t = equations[max(i, at), min(i, at)]
                for k in range(i):
                    t -= factor[i, k] * response[k, j]
                response[i, j] = t * arrays.inverse[i]
    for j in range(count):
        slope = arrays.slopes[shared[j]]
        for i in range(n):
            slope -= response[i, j] * inner[i]
        results.gradient[b, j] = slope
        for k in range(j + 1):
            t = equations[max(shared[j], shared[k]), min(shared[j], shared[k])]
            own = t
            for i in range(n):
                t -= arrays.pivots[i] * response[i, j] * response[i, k]
            results.curvature[b, j, k] = results.curvature[b, k, j] = t
            if j == k and t < LOST * own:
                results.gradient[b, 0] = math.nan
                return
    for j in range(count):
        for back in range(1, n + 1):
            i = n - back
            t = arrays.pivots[i] * response[i, j]
            for k in range(i + 1, n):
                t -= factor[k, i] * response[k, j]
            response[i, j] = t * arrays.inverse[i]
