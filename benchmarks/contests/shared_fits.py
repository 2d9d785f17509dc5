"""A contest on curves with shared parameters: double decays, whose two rates are those of all."""

import numpy as np

from .contest_types import Entry, Work

CURVES, POINTS = 1_000, 64
START = np.array([1.0, 1.0, 0.5, 0.2])  # height, fast rate, share of the fast part, slow rate
SHARED = 1, 3


def data():
    """Return the times, and curves with noise."""
    rng, t = np.random.default_rng(5), np.linspace(0.0, 5.0, POINTS)
    height, share = rng.uniform(1.0, 5.0, (CURVES, 1)), rng.uniform(0.2, 0.8, (CURVES, 1))
    y = height * (share * np.exp(-2.0 * t) + (1.0 - share) * np.exp(-0.4 * t))
    return {"t": t, "y": y + rng.normal(0.0, 0.02, y.shape), "x0": START}


def model(x, t):
    """Return the curves of rows of parameters, and their derivatives by these."""
    height, fast, share, slow = x.T[:, :, None]
    early, late = np.exp(-fast * t), np.exp(-slow * t)
    curve = share * early + (1.0 - share) * late
    by_fast, by_slow = -height * share * t * early, -height * (1.0 - share) * t * late
    return height * curve, (curve, by_fast, height * (early - late), by_slow)


def differs(answer):
    """Return "" if no parameter changes the residuals of the answer's curves along themselves."""
    given = data()
    values, slopes = model(answer, given["t"])
    r = values - given["y"][: len(answer)]
    cosines = []
    for k, slope in enumerate(slopes):
        axis = None if k in SHARED else 1
        with np.errstate(invalid="ignore"):  # a slope of zero
            norm = np.sqrt(np.sum(slope**2, axis) * np.sum(r**2, axis))
            cosines.append(np.max(np.abs(np.sum(slope * r, axis)) / norm))
    most = np.max(cosines)  # NaN counts as a miss
    same = all(np.ptp(answer[:, k]) == 0.0 for k in SHARED)
    return "" if most <= 1e-3 and same else f"it leaves a cosine of {most:.1g}"


fit = Work(
    "shared fits",
    f"{CURVES:,} double decays of {POINTS} points that share their two rates, with errors",
    data,
    differs,
    (
        Entry("fastopt", "ours.py", "shared"),
        Entry("SciPy least_squares, sparse differences", "by_scipy.py", "shared"),
        Entry("SciPy least_squares, sparse jac", "by_scipy.py", "shared, jac"),
        Entry("lmfit, of 20 curves", "by_lmfit.py", "shared"),
    ),
)
