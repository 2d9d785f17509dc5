"""The result of a fit: SciPy's fields, and errors of the parameters."""

import numpy as np

from fastopt.algorithms.status_codes import MESSAGES
from fastopt.results import optimize_result

FIT_MESSAGES = {
    **MESSAGES,
    0: "Converged: no parameter changes the residuals along themselves (gtol).",
    2: "Converged: the sum of squares can be reduced no further (ftol).",
    3: "Converged: the last step was below xtol.",
    4: "Stopped at maxfev evaluations; raise options['maxfev'] to go on, or try another start.",
    -1: "The residuals or their derivatives are not finite (NaN or inf) at x0, or wherever a step "
    "leads; check x0, the data and the bounds.",
    -2: "No step reduces the sum of squares. The Jacobian is wrong, or only as good as its "
    "differences (try jac='3-point'), or the residuals have noise.",
}


def build(status, jacobian, free, scale, parameters, noise, **fields):
    """Return the OptimizeResult of a fit.

    `free` says which parameters the errors are of. `scale` says whether the errors are scaled by
    the residuals. `parameters` is the number of those that are not fixed. `noise` is the relative
    error of the Jacobian.
    """
    result = optimize_result.build(status, jac=jacobian, **fields)
    result.message = FIT_MESSAGES[int(status)]
    result.dof = int(len(jacobian) - parameters)
    result.reduced_chi2 = 2.0 * result.cost / result.dof if result.dof > 0 else np.nan
    cov = covariance(jacobian, free, noise)
    if scale:
        cov = scaled(cov, result.reduced_chi2, result.dof)
    result.cov, result.stderr = cov, errors(cov)
    return result


def scaled(cov, chi2, dof):
    """Return covariances scaled by the residuals; infinite without degrees of freedom."""
    with np.errstate(invalid="ignore"):
        if dof > 0:
            return np.where(np.isinf(cov), cov, cov * chi2)  # also if chi2 is 0
        return np.where(cov == 0, 0.0, np.inf)


def errors(cov):
    """Return the roots of the variances."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(np.diagonal(cov, axis1=-2, axis2=-1))


def covariance(jacobian, free, noise=0.0):
    """Return the inverse of J'J for the parameters that are free; `free` is 1, 0 or NaN.

    A fixed parameter (0) has variance 0. One at a bound (NaN) has none. If the data do not
    determine a parameter, its variance is infinite, and its covariances are NaN. `noise` is the
    relative error of the Jacobian.
    """
    n = jacobian.shape[1]
    cov = np.zeros((n, n))
    cov[np.isnan(free), :] = cov[:, np.isnan(free)] = np.nan
    cov[free == 0.0, :] = cov[:, free == 0.0] = 0.0
    own = np.flatnonzero(free == 1.0)
    columns = jacobian[:, own]
    if not np.isfinite(columns).all():
        cov[np.ix_(own, own)] = np.nan
        return cov
    with np.errstate(over="ignore", under="ignore"):
        largest = np.abs(columns).max(axis=0, initial=0.0)
        largest[largest == 0.0] = 1.0
        sizes = largest * np.linalg.norm(columns / largest, axis=0)
    sizes[sizes == 0.0] = 1.0
    _, values, v = np.linalg.svd(columns / sizes, full_matrices=True)
    values = np.append(values, np.zeros(len(own) - len(values)))
    least = max(noise, np.finfo(float).eps * max(jacobian.shape))
    sound = values > least * values.max(initial=0.0)
    part = (v[sound].T / values[sound] ** 2) @ v[sound]
    lost = (np.abs(v[~sound]) > 1e-6).any(axis=0) if not sound.all() else np.zeros(len(own), bool)
    part[lost, :] = part[:, lost] = np.nan
    part[lost, lost] = np.inf
    with np.errstate(over="ignore"):  # a column next to zero
        cov[np.ix_(own, own)] = part / sizes / sizes[:, None]
    return cov
