"""Data of bootstrap fits, and intervals of their parameters."""

import math

import numpy as np

from fastopt.compiling import compiler
from fastopt.drivers.fits import curve

KINDS = "residual", "case", "parametric", "poisson"


class Sample:
    """The fit of which samples are drawn: its model, residuals and derivatives.

    Residuals and derivatives are in units of the errors, if `sigma` was given.
    """

    def __init__(self, refits, fit, stderr):
        called, x, y = compiler.called(refits.f), refits.x, refits.y
        p = fit.x[0]
        self.refits, self.x = refits, p

        def model(parameters):
            with np.errstate(all="ignore"):
                return curve.model_values(called, x, y, parameters.tolist())

        self.model = np.array(np.broadcast_to(model(p), y.shape), dtype=float)
        self.sigma = np.ones(y.size) if refits.sigma is None else refits.sigma
        if refits.how["loss"] == "poisson":
            self.sigma = np.sqrt(np.maximum(self.model, np.finfo(float).tiny))
        self.residuals = (y - self.model) / self.sigma
        self.unit = 1.0 if refits.absolute else math.sqrt(fit.reduced_chi2[0])
        jacobian = np.zeros((y.size, p.size))
        for k in np.flatnonzero(refits.low < refits.high):
            sound = math.isfinite(stderr[k]) and stderr[k] > 0.0
            step = 1e-3 * stderr[k] if sound else 1e-6 * (abs(p[k]) or 1.0)
            step = max(step, 2.0**-26 * abs(p[k]))  # smaller if the curve fits exactly
            above, below = p.copy(), p.copy()
            above[k] = min(p[k] + step, refits.high[k])
            below[k] = max(p[k] - step, refits.low[k])
            jacobian[:, k] = (model(above) - model(below)) / self.sigma / (above[k] - below[k])
        self.influence = np.linalg.pinv(jacobian)  # of each residual on each parameter
        self.leverage = np.einsum("ik,ki->i", jacobian, self.influence)

    def centred(self):
        """Return residuals of equal variance and mean 0 (Davison and Hinkley 1997, 6.3)."""
        found = self.residuals / np.sqrt(np.clip(1.0 - self.leverage, 1e-9, 1.0))
        return found - found.mean()

    def rows(self, kind, rng, count):
        """Return keywords of `Refits.again` with the data of `count` samples."""
        m = self.model.size
        if kind == "case":
            return self.picked(rng.integers(0, m, (count, m)))
        if kind == "residual":
            drawn = self.centred()[rng.integers(0, m, (count, m))]
            return {"y": self.model + self.sigma * drawn}
        if kind == "parametric":
            noise = rng.standard_normal((count, m))
            return {"y": self.model + self.unit * self.sigma * noise}
        return {"y": rng.poisson(self.model, (count, m)).astype(float)}

    def picked(self, indices):
        """Return keywords with the points of `indices`; a row of them for each fit."""
        refits = self.refits
        if refits.how["loss"] != "linear":
            sigma = None if refits.sigma is None else refits.sigma[indices]
            x = tuple(row[indices] for row in np.atleast_2d(refits.x))
            return {"y": refits.y[indices], "sigma": sigma, "x": x}
        # A point that was picked c times has the weight c. So the model sees all points, in order.
        count, m = len(indices), self.model.size
        cells = indices + m * np.arange(count)[:, None]
        counts = np.bincount(cells.ravel(), minlength=count * m).reshape(count, m)
        with np.errstate(divide="ignore"):
            return {"sigma": self.sigma / np.sqrt(counts)}

    def acceleration(self, kind, without):
        """Return Efron's acceleration of each parameter.

        It is a sixth of the skewness of what a sample adds to the parameters. For "case" it comes
        of the fits `without` each point.
        """
        if kind == "case":
            moved = np.nanmean(without, axis=0) - without
            third, second = np.nansum(moved**3, axis=0), np.nansum(moved**2, axis=0)
        elif kind == "residual":
            e, c = self.centred(), self.influence
            third = np.sum(c**3, axis=1) * np.mean(e**3)
            second = np.sum(c**2, axis=1) * np.mean(e**2)
        elif kind == "parametric":
            return np.zeros(self.x.size)
        else:
            c = self.influence / self.sigma
            third, second = (c**3) @ self.model, (c**2) @ self.model
        with np.errstate(divide="ignore", invalid="ignore"):
            found = third / (6.0 * second**1.5)
        return np.where(np.isfinite(found), found, 0.0)


def interval(method, x, samples, levels, acceleration):
    """Return (low, high) of each parameter, with a row for each level.

    `samples` has a row for each fit.
    """
    from scipy.special import ndtr, ndtri  # late: slow to import

    tails = 0.5 * (1.0 - levels.reshape(-1, 1))
    parts = np.stack([tails, 1.0 - tails])  # (2, levels, 1)
    if method == "BCa":
        share = 0.5 * (np.mean(samples < x, axis=0) + np.mean(samples <= x, axis=0))
        bias = ndtri(share)
        moved = bias + ndtri(parts)
        with np.errstate(invalid="ignore"):
            parts = ndtr(bias + moved / (1.0 - acceleration * moved))
    parts = np.broadcast_to(parts, (*parts.shape[:2], x.size))
    ends = np.full(parts.shape, math.nan)
    for k in range(x.size):
        known = np.isfinite(parts[..., k])
        ends[..., k][known] = np.quantile(samples[:, k], parts[..., k][known])
    if method == "basic":
        ends = 2.0 * x - ends[::-1]
    low, high = ends.reshape(2, *levels.shape, x.size)
    return low, high
