"""Residuals that Python computes, for the loop: their values, differences, and equations."""

import math

import numpy as np

from fastopt.algorithms.fits.fit_state import places
from fastopt.targets.cpu import fit_target

# Relative steps of differences, as SciPy's.
STEPS = {"2-point": 2.0**-26, "3-point": 2.0 ** (-52 / 3), "cs": 2.0**-26}


class PythonResiduals:
    """Residuals and their Jacobian at a point, counted.

    Parameters
    ----------
    values : callable ``x -> array``
        The residuals; for complex x, too, with "cs".
    jac : str or callable ``x -> array (m, n)``
        A kind of differences, or the Jacobian.
    steps : array_like or None
        Relative steps of differences.
    box : (low, high) or None
        Differences stay inside.
    loss, f_scale
        As in `least_squares`.
    """

    evaluations = 0  # those beyond one for each point

    def __init__(self, values, jac, steps, box, loss, f_scale):
        self.values, self.jac, self.box = values, jac, box
        self.steps, self.loss, self.f_scale = steps, loss, f_scale

    def __call__(self, rooted, x, found):
        """Return the cost, and write its equations; see `fit_state.places`."""
        n = x.size
        with np.errstate(all="ignore"):
            r = self.values(x.copy())
            if not np.isfinite(r).all():
                return math.inf
            jacobian = self.jacobian(x, r)
            losses, slope, curvature = weighed(r, self.loss, self.f_scale)
            cost, scale = 0.5 * float(losses.sum()), np.sqrt(curvature)
            r, jacobian = slope / scale, jacobian * scale[:, None]
            _, slopes, matrix, right, size = places(n)
            found[0], found[slopes:matrix] = r.size, r @ jacobian
            if not rooted:
                found[matrix:right] = (jacobian.T @ jacobian).reshape(-1)
            elif np.isfinite(jacobian).all():
                q, root = np.linalg.qr(jacobian)
                whole = np.zeros((n, n))
                whole[: len(root)] = root
                found[matrix:right] = whole.reshape(-1)
                found[right:size] = 0.0
                found[right : right + len(root)] = q.T @ r
            else:
                return math.inf
        return cost

    def jacobian(self, x, r):
        """Return the Jacobian at x, where the residuals are r."""
        if callable(self.jac):
            return self.jac(x.copy())
        jacobian = np.empty((r.size, x.size))
        for i in range(x.size):
            h = self.steps[i] if self.steps is not None else STEPS[self.jac]
            h *= abs(x[i]) or 1.0
            if self.jac == "cs":
                z = x.astype(complex)
                z[i] += 1j * h
                jacobian[:, i] = self.at(z).imag / h
                continue
            low, high = (side[i] for side in self.box) if self.box else (-math.inf, math.inf)
            if self.jac == "3-point" and low <= x[i] - h and x[i] + h <= high:
                ahead, behind = moved(x, i, h), moved(x, i, -h)
                change = self.at(ahead) - self.at(behind)
                jacobian[:, i] = change / (ahead[i] - behind[i])
                continue
            if x[i] + h > high:
                h = -h if x[i] - h >= low else max(high - x[i], low - x[i], key=abs)
            if h == 0.0:
                jacobian[:, i] = 0.0  # a fixed parameter
                continue
            ahead = moved(x, i, h)
            if self.jac == "3-point" and low <= x[i] + 2.0 * h <= high:
                far = moved(x, i, 2.0 * h)
                near, end = ahead[i] - x[i], far[i] - x[i]
                first, second = (self.at(ahead) - r) / near, (self.at(far) - r) / end
                jacobian[:, i] = (end * first - near * second) / (end - near)
            else:
                jacobian[:, i] = (self.at(ahead) - r) / (ahead[i] - x[i])
            if x[i] == 0.0 and not jacobian[:, i].any():
                jacobian[:, i] = self._slope_at_zero(x, i, h, min(-low, high))
        return jacobian

    def _slope_at_zero(self, x, i, h, room):
        """Return a column from larger steps: a parameter that is 0 says nothing of its size.

        They are central, so what is even in the parameter has the slope 0.
        """
        for step in (math.ldexp(abs(h), 13 * k) for k in range(1, 5)):
            slope = self._central(x, i, step, room)
            if slope.any():
                finer = self._central(x, i, step * 2.0**20, room)  # `slope` has few digits
                return finer if finer.any() else slope
        return 0.0

    def _central(self, x, i, h, room):
        """Return a central difference; 0 if it leaves the bounds, or is not finite."""
        if h > room:
            return np.zeros(1)
        slope = (self.at(moved(x, i, h)) - self.at(moved(x, i, -h))) / (2.0 * h)
        return slope if np.isfinite(slope).all() else np.zeros(1)

    def at(self, x):
        """Return the residuals at a point of a difference."""
        self.evaluations += 1
        return self.values(x)


def moved(x, i, h):
    """Return a copy of x with component i moved by h."""
    x = x.copy()
    x[i] += h
    return x


def weighed(r, loss, f_scale, counts=None):
    """Return a loss for each residual, its slope and its curvature; see `losses`.

    With `counts`, r are the values of the model.
    """
    if loss == "linear":
        return r * r, r, np.ones(r.size)
    numbers, r = np.empty((r.size, 4)), np.ascontiguousarray(r)
    if counts is None:
        fit_target.losses(loss)(r, f_scale, numbers)
    else:
        fit_target.count_losses()(r, counts, numbers)
    return numbers[:, 0], numbers[:, 1], numbers[:, 2]
