"""The contest on very many fits with errors: Gaussian peaks of four parameters and 64 points."""

import functools

import numpy as np

from ..helpers import limits, peak_fits
from .contest_types import Entry, Work

FITS, JUDGED = 100_000, 5_000  # all are too many for the check's arrays
FAR, UNEQUAL = 1e-3, 1e-2  # distance in standard errors, and relative difference of the errors


@functools.cache
def peaks():
    x, y, start = peak_fits.make(FITS)
    return {"x": x, "y": y, "start": start}


def fitted(answer):
    """Return "" if 99.9 % of the fits are near their minima, and so are their errors, if given.

    A row has the parameters, and maybe their standard errors.
    """
    answer = answer[:JUDGED]
    data = peaks()
    away, errors = peak_fits.judged(answer[:, :4], data["x"], data["y"][: len(answer)])
    within = np.mean(away <= FAR)  # NaN counts as a miss
    if within < 0.999:
        return f"{within:.2%} of its fits are within {FAR:g} standard errors of the minimum"
    if answer.shape[1] > 4:
        within = np.mean((np.abs(answer[:, 4:] / errors - 1.0) <= UNEQUAL).all(1))
        if within < 0.999:
            return f"{within:.2%} of its fits have the right errors"
    return ""


to_minimum = Work(
    "peaks",
    f"{FITS:,} Gaussian peaks of 4 parameters and 64 points, 20 % off at the start, with errors",
    peaks,
    fitted,
    (
        Entry("fastopt", "ours.py", "peaks"),
        Entry("fastopt, as loose as the others", "ours.py", "peaks, loose"),
        Entry("fastopt, minimize_batch (no errors)", "ours.py", "peaks, minimize_batch"),
        Entry("ndoptimize", "by_fit_packages.py", "ndoptimize"),
        Entry("lumafit, derivatives by hand", "by_fit_packages.py", "lumafit, derivatives by hand"),
        Entry("lumafit", "by_fit_packages.py", "lumafit"),
        Entry("Cpufit, one thread (no errors)", "by_fit_packages.py", "Cpufit"),
        Entry("optimistix LM (no errors)", "by_jax.py", "peaks, optimistix LM, fastest way"),
        Entry("optimistix LM, vmap (no errors)", "by_jax.py", "peaks, optimistix LM, vmap"),
        Entry("jaxopt LM (no errors)", "by_jax.py", "peaks, jaxopt LM, fastest way"),
        Entry("jaxopt LM, vmap (no errors)", "by_jax.py", "peaks, jaxopt LM, vmap"),
        Entry("SciPy curve_fit, a loop", "by_scipy.py", "peaks, curve_fit"),
        Entry("SciPy curve_fit with jac, a loop", "by_scipy.py", "peaks, curve_fit, jac"),
    ),
    lambda: limits.peaks()["peaks"],
)
