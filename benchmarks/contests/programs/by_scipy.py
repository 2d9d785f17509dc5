"""SciPy's entries in the contests: single solves, and Python loops over them (one core)."""

import functools
import os

# L-BFGS-B's matrices are 20 by 20 at most: BLAS threads would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import scipy
import scipy.sparse
import turns
from scipy.optimize import curve_fit, least_squares, leastsq, minimize

from benchmarks.contests import shared_fits
from benchmarks.helpers import peak_fits, shared

ABOUT = {"version": f"SciPy {scipy.__version__}"}
# The loosest tolerances, in half powers of ten, that leave 99.9 % of the gradients below 1e-6.
GTOL, TOL = 1e-6, 3e-7
# The loosest that leaves 99.9 % of the peaks within 1e-3 standard errors of the minimum.
PEAK_TOL = 3e-7


class Fits:
    """The functions that SciPy calls, written for speed: with reused scratch arrays."""

    def __init__(self, t):
        self.minus_t, self.rows = -t, np.ones((3, t.size))

    def partials(self, p):
        """Return the curve's partial derivatives as rows, the second without its factor."""
        e = self.rows[0]
        np.multiply(self.minus_t, p[1], e)
        np.exp(e, e)
        np.multiply(e, self.minus_t, self.rows[1])
        return self.rows

    def misfit(self, p, y):
        p = p.tolist()
        rows = self.partials(p)
        r = p[0] * rows[0]
        r += p[2] - y
        g = rows.dot(r)
        g *= 2.0
        g[1] *= p[0]
        return r.dot(r), g

    def residuals(self, p, y):
        p = p.tolist()
        r = np.exp(p[1] * self.minus_t)
        r *= p[0]
        r += p[2] - y
        return r

    def jacobian(self, p, y):
        p = p.tolist()
        rows = self.partials(p).copy()  # MINPACK may write into it
        rows[1] *= p[0]
        return rows

    def curve(self, t, a, k, c):
        e = np.exp(k * self.minus_t)
        e *= a
        e += c
        return e

    def slopes(self, t, *p):
        return self.jacobian(np.array(p), None).T


def fits(name, data):
    """Return the job of a tenth of the decay fits, in sequence."""
    t, y = data["t"], data["y"][: len(data["y"]) // 10]
    x0, some = np.ones(3), Fits(t)
    lbfgs = {"gtol": GTOL, "ftol": 0}
    lm = {"ftol": TOL, "xtol": TOL, "gtol": 0}
    fit = {**lm, "check_finite": False}
    one = {
        "L-BFGS-B": lambda b: minimize(some.misfit, x0, (b,), "L-BFGS-B", True, options=lbfgs).x,
        "curve_fit": lambda b: curve_fit(some.curve, t, b, x0, **fit)[0],
        "curve_fit, jac": lambda b: curve_fit(some.curve, t, b, x0, jac=some.slopes, **fit)[0],
        "leastsq, Dfun": lambda b: leastsq(
            some.residuals, x0, (b,), some.jacobian, col_deriv=True, **lm
        )[0],
    }[name]

    def job():
        return [one(b) for b in y]

    return job, np.array(job()), {**ABOUT, "part": 0.1}


def peaks(by_hand, data):
    """Return the job of a hundredth of the peaks, in sequence."""
    n = len(data["y"]) // 100
    x, y, start = data["x"], data["y"][:n], data["start"][:n]
    jac = peak_fits.slopes if by_hand else None
    settings = {"jac": jac, "ftol": PEAK_TOL, "xtol": PEAK_TOL, "gtol": 0, "check_finite": False}

    def job():
        return [
            curve_fit(peak_fits.curve, x, b, p, **settings) for b, p in zip(y, start, strict=True)
        ]

    found = np.array([[*p, *np.sqrt(np.diag(cov))] for p, cov in job()])
    return job, found, {**ABOUT, "part": 0.01}


def solve(method, data):
    """Return the job of a solve to a gradient of 1e-5, with compiled value and gradient."""
    options = {"gtol": 1e-5, "maxiter": 10_000, **({"ftol": 0} if method == "L-BFGS-B" else {})}

    def job():
        return minimize(shared.valley, data["x0"], method=method, jac=True, options=options)

    return job, job().x, ABOUT


def fit_shared(derivatives, data):
    """Return the job of a fit with shared parameters, whose Jacobian is sparse.

    The shared parameters come first, then the two own ones of each curve.
    """
    t, y, start = data["t"], data["y"], data["x0"]
    count, points = y.shape
    x0 = np.concatenate([start[[1, 3]], np.tile(start[[0, 2]], count)])
    row = np.repeat(np.arange(count * points), 4)
    curve = np.repeat(np.arange(count), points)
    columns = np.stack([2 + 2 * curve, 0 * curve, 3 + 2 * curve, 0 * curve + 1], axis=1).ravel()

    def rows(x):
        return np.stack([x[2::2], np.full(count, x[0]), x[3::2], np.full(count, x[1])], axis=1)

    def sparse(values):
        return scipy.sparse.csr_matrix((values, (row, columns)), (count * points, x0.size))

    def residuals(x):
        return (shared_fits.model(rows(x), t)[0] - y).ravel()

    def jacobian(x):
        return sparse(np.stack(shared_fits.model(rows(x), t)[1], axis=-1).ravel())

    given = {"jac": jacobian} if derivatives else {"jac_sparsity": sparse(np.ones(row.size))}

    def job():
        return least_squares(residuals, x0, x_scale="jac", **given)

    return job, rows(job().x), ABOUT


if __name__ == "__main__":
    jobs = {"shared": functools.partial(fit_shared, False)}
    jobs["shared, jac"] = functools.partial(fit_shared, True)
    for name in ("L-BFGS-B", "curve_fit", "curve_fit, jac", "leastsq, Dfun"):
        jobs[name] = functools.partial(fits, name)
    for name, by_hand in (("peaks, curve_fit", False), ("peaks, curve_fit, jac", True)):
        jobs[name] = functools.partial(peaks, by_hand)
    for name in ("L-BFGS-B", "BFGS"):
        jobs[f"solve, {name}"] = functools.partial(solve, name)
    turns.take_part(jobs)
