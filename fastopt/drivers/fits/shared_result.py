"""The result of a fit with shared parameters: covariances of the whole, and rows of the curves."""

import math

import numpy as np

from fastopt.algorithms.fits.damped_step import LOST
from fastopt.algorithms.fits.fit_state import NFEV, NIT, NJEV, F
from fastopt.algorithms.status_codes import NONFINITE
from fastopt.drivers.fits import fit_batch
from fastopt.results import fit_batch_result, fit_result, optimize_result
from fastopt.results.active_bounds import free_and_mask

LEAST = 1e-13  # eigenvalues below are of rounding
NO_CURVES = (
    "No curve has finite residuals at the start, or there are none: nothing determines the shared "
    "parameters."
)


def build(status, sharing, problem, root, results, used, fixed, jacobian_of, scale, axes):
    """Return the result.

    `root` is the triangular root of J'J of the shared parameters. `used` says which curves count.
    `fixed` says which parameters are fixed while a curve is fitted: the shared ones are.
    """
    places, x, k = sharing.places, problem.iterates.x.copy(), sharing.places.size
    grad = results.gradient[used].sum(axis=0) if used.any() else np.full(k, math.nan)
    free, mask = free_and_mask(x, grad, sharing.box)
    results.x[:, places], results.active_mask[:, places] = x, mask
    cov, rows = covariances(places, free, root, results, used, fixed, jacobian_of)
    own = np.sum(~np.broadcast_to(fixed, results.x.shape), axis=1)
    # A curve with fewer points than parameters takes as many of them as it has points.
    cost = float(problem.record[F]) if used.any() else math.nan
    dof = int(np.maximum(results.used - own, 0)[used].sum() - np.sum(free != 0.0))
    dof = dof if math.isfinite(cost) else 0
    chi2 = 2.0 * cost / dof if dof > 0 else math.nan
    if scale and math.isfinite(cost):
        cov, rows = (fit_result.scaled(value, chi2, dof) for value in (cov, rows))
    rows[~used] = math.nan
    result = fit_batch_result.build(results._replace(cov=rows), fixed, False, axes, {}, "cpu")
    moving = np.abs(grad[free == 1.0])
    result.shared = optimize_result.build(
        status,
        parameters=places,
        x=x,
        stderr=fit_result.errors(cov),
        cov=cov,
        cost=cost,
        grad=grad,
        optimality=float(moving.max(initial=0.0)),
        active_mask=mask,
        dof=dof,
        reduced_chi2=chi2,
        **{name: int(problem.record[at]) for name, at in _COUNTS.items()},
    )
    result.shared.message = fit_result.FIT_MESSAGES[int(status)]
    if status == NONFINITE and not used.any():
        result.shared.message = NO_CURVES
    return result


_COUNTS = {"nit": NIT, "nfev": NFEV, "njev": NJEV}


def covariances(places, free, root, results, used, fixed, jacobian_of):
    """Return the inverse of J'J of the whole: its block of shared parameters, and rows.

    The row of a curve has the block of its own parameters and the shared ones.
    """
    cov = fit_result.covariance(root, free)
    rows, moving = results.cov, places[free == 1.0]
    part = cov[np.ix_(free == 1.0, free == 1.0)]
    known = np.isfinite(part).all()
    cross = -results.response[:, :, free == 1.0] @ part
    rows -= cross @ results.response[:, :, free == 1.0].swapaxes(1, 2)
    rows[:, :, moving], rows[:, moving, :] = cross, cross.swapaxes(1, 2)
    rows[:, places[:, None], places] = cov
    total = root.T @ root
    doubtful = used & np.isfinite(root).all() & (~(results.pivot > LOST) | (not known))
    for b in np.flatnonzero(doubtful):
        own = fit_batch.free_of(results, fixed, b)
        own[places] = free
        others = np.zeros((places.size, own.size))
        others[:, places] = root_of_others(total, results.curvature[b])
        _, jacobian = jacobian_of(results, b)
        rows[b] = fit_result.covariance(np.concatenate([jacobian, others]), own)
    still = np.array(np.broadcast_to(fixed, results.x.shape))
    still[:, places] = free == 0.0
    blocked = (results.active_mask != 0) & ~still
    rows[blocked[:, :, None] | blocked[:, None, :]] = math.nan
    rows[still[:, :, None] | still[:, None, :]] = 0.0
    return cov, rows


def root_of_others(total, own):
    """Return a root of J'J of the other curves, from that of all and that of one."""
    sizes = np.sqrt(np.diagonal(total))
    sizes[sizes == 0.0] = 1.0
    scaled = (total - own) / sizes / sizes[:, None]
    if not np.isfinite(scaled).all():
        return np.full_like(total, math.nan)
    values, v = np.linalg.eigh(scaled)
    values[values < LEAST] = 0.0
    return np.sqrt(values)[:, None] * v.T * sizes
