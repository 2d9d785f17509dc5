"""Covariances from the information: the Hessian of a negative log-likelihood."""

import numpy as np

from fastopt._sentences import counted

# Verdicts on a matrix.
SOUND, SINGULAR, INDEFINITE, NOT_FINITE = 0, 1, 2, 3
SHORT = {
    SINGULAR: "with parameters that the data do not determine",
    INDEFINITE: "not at a minimum",
    NOT_FINITE: "with second derivatives that are not finite",
}
# Components of a direction below this count as zero.
SMALL = 1e-6


def covariances(hess, free, noise=0.0):
    """Return the inverses of matrices (B, n, n), and what is known of each.

    `free` has a row for each matrix: 1, 0 for a fixed parameter, or NaN for one at a bound. A fixed
    parameter has variance 0. One at a bound has none, and the others' are for its value. If the
    data do not determine a parameter, its variance is infinite. If the function is curved downwards
    by it, its variance is NaN. `noise` is the relative error of the matrices.
    """
    cov, verdicts = np.zeros(hess.shape), np.full(len(hess), SOUND)
    kinds = np.where(np.isnan(free), -1, free)
    for kind in np.unique(kinds, axis=0):
        rows = np.flatnonzero((kinds == kind).all(axis=1))
        own = np.flatnonzero(kind == 1)
        found, verdicts[rows] = inverses(hess[np.ix_(rows, own, own)], noise)
        cov[np.ix_(rows, own, own)] = found
        blocked = kind == -1
        cov[np.ix_(rows, blocked)] = np.nan
        cov[rows[:, None], :, np.flatnonzero(blocked)] = np.nan
        cov[np.ix_(rows, kind == 0)] = 0.0
        cov[rows[:, None], :, np.flatnonzero(kind == 0)] = 0.0
    return cov, verdicts


def inverses(matrices, noise):
    """Return the inverses of symmetric matrices, and what is known of each.

    They are scaled by their diagonals before, so that units do not matter.
    """
    n, finite = matrices.shape[-1], np.isfinite(matrices).all(axis=(1, 2))
    verdicts = np.where(finite, SOUND, NOT_FINITE)
    cov = np.full(matrices.shape, np.nan)
    if not n or not finite.any():
        return cov, verdicts
    sizes = _sizes(matrices[finite])
    scaled = matrices[finite] / sizes[:, :, None] / sizes[:, None, :]
    values, vectors = np.linalg.eigh(scaled)
    least = max(noise, 64.0 * n * np.finfo(float).eps)
    sound, below = values > least, values < -least
    inverse = np.where(sound, 1.0 / np.where(sound, values, 1.0), 0.0)
    part = (vectors * inverse[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    part = 0.5 * (part + np.swapaxes(part, 1, 2))
    large = np.abs(vectors) > SMALL
    down = (large & below[:, None, :]).any(axis=2)
    lost = (large & (~sound & ~below)[:, None, :]).any(axis=2)
    unknown = down | lost
    part[unknown[:, :, None] | unknown[:, None, :]] = np.nan
    b, i = np.nonzero(lost & ~down)
    part[b, i, i] = np.inf
    cov[finite] = part / sizes[:, :, None] / sizes[:, None, :]
    verdicts[finite] = np.where(
        below.any(axis=1), INDEFINITE, np.where(lost.any(axis=1), SINGULAR, SOUND)
    )
    return cov, verdicts


def _sizes(matrices):
    """Return the roots of the diagonals; where one is zero, the root of the row's largest."""
    size = np.abs(np.diagonal(matrices, axis1=1, axis2=2))
    size = np.sqrt(np.where(size > 0.0, size, np.abs(matrices).max(axis=2)))
    return np.where(size > 0.0, size, 1.0)


def message(cov, free, verdict, shape):
    """Return a sentence about one matrix; `shape` is x's."""
    if not (free == 1.0).any():
        return "No parameter is free, so none has an error."
    if verdict == SOUND:
        return "The information is positive definite, and determines the errors."
    variances = np.diagonal(cov)
    if verdict == NOT_FINITE:
        return "The second derivatives of fun are not finite at x; all errors are NaN."
    names = _names(np.isinf(variances), shape)
    if verdict == SINGULAR:
        return f"The data do not determine {names}: the information is singular; errors are inf."
    down = _names(np.isnan(variances) & (free == 1.0), shape)
    return (
        f"x is no minimum of fun: it is curved downwards by {down}; errors are NaN there. Minimise "
        "further, from another start, and check the sign of fun."
    )


def summary(verdicts):
    """Return a sentence with the number of problems for each verdict."""
    count, sound = len(verdicts), np.sum(verdicts == SOUND)
    verb = "has" if count == 1 else "have"
    parts = [f"{sound:,} of {counted(count, 'problem')} {verb} all their errors"]
    parts += [
        f"{np.sum(verdicts == code):,} {said}"
        for code, said in SHORT.items()
        if (verdicts == code).any()
    ]
    return "; ".join(parts) + "."


def _names(which, shape):
    places = [np.unravel_index(i, shape) for i in np.flatnonzero(which)]
    names = [f"x[{', '.join(map(str, map(int, place)))}]" for place in places]
    if len(names) > 6:
        return f"{', '.join(names[:5])} and {len(names) - 5} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
