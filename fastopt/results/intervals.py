"""Intervals of parameters, profiles, and the messages of their statuses."""

from typing import NamedTuple

import numpy as np

FOUND, AT_BOUND, OPEN, TURNS, CUT, NO_FIT, APPROXIMATE = 0, 1, 2, 3, 4, -1, -2
MEANINGS = {
    FOUND: "found",
    AT_BOUND: "at a bound",
    OPEN: "infinite: the profile stays below the threshold",
    TURNS: "of a profile that is not monotone: the first crossing that was found",
    CUT: "where the residuals beyond are not finite",
    NO_FIT: "not computed: the fit failed, or its misfit has no scale",
    APPROXIMATE: "approximate: a refit did not converge",
}


class ConfidenceInterval(NamedTuple):
    """The two ends of intervals."""

    low: np.ndarray
    high: np.ndarray


class Profile(NamedTuple):
    """The fits in which one parameter was fixed, in ascending order of its values."""

    values: np.ndarray  # (points,) of the parameter
    tau: np.ndarray  # (points,) the signed root of the misfit's increase, in units of its scale
    x: np.ndarray  # (points, n) all parameters


def summary(status):
    """Return a sentence with the number of ends for each status."""
    codes, counts = np.unique(status, return_counts=True)
    by_code = dict(zip(codes.tolist(), counts.tolist(), strict=True))
    found = by_code.pop(FOUND, 0)
    parts = [f"{found} of {np.size(status)} ends found"]
    parts += [f"{count} {MEANINGS[code]}" for code, count in by_code.items()]
    return "; ".join(parts) + "."
