"""SciPy's part of the batch benchmark: Python loops over single fits.

Run on some of the problems; seconds are scaled to all of them. One process, so one core.
"""

import os
import sys

# L-BFGS-B's matrices are 20 by 20 at most: threads of BLAS for them only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import batch
import numpy as np
import scipy
from scipy.optimize import curve_fit, leastsq, minimize

SOME, REPEATS = 1_000, 5
# The loosest, in half powers of ten, that leave 99.9 % of the gradients below 1e-6.
GTOL, TOL = 1e-6, 3e-7


class Fits:
    """The functions that SciPy calls, written for speed: scratch is kept, no temporary remains."""

    def __init__(self, t):
        self.minus_t, self.rows = -t, np.ones((3, t.size))

    def partials(self, p):
        """The curve's derivatives by the parameters, in rows, the second without its factor."""
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


def main(file):
    t, y, x0 = problems = batch.load(file)
    some, fits = y[:SOME], Fits(t)
    lbfgs = {"gtol": GTOL, "ftol": 0}
    lm = {"ftol": TOL, "xtol": TOL, "gtol": 0}
    fit = {**lm, "check_finite": False}
    small = {**lm, "col_deriv": True}
    jobs = {
        "minimize L-BFGS-B": (
            lbfgs,
            lambda b: minimize(fits.misfit, x0, (b,), "L-BFGS-B", True, options=lbfgs).x,
        ),
        "curve_fit": (lm, lambda b: curve_fit(fits.curve, t, b, x0, **fit)[0]),
        "curve_fit, jac": (
            lm,
            lambda b: curve_fit(fits.curve, t, b, x0, jac=fits.slopes, **fit)[0],
        ),
        "leastsq": (lm, lambda b: leastsq(fits.residuals, x0, (b,), **lm)[0]),
        "leastsq, Dfun": (
            lm,
            lambda b: leastsq(fits.residuals, x0, (b,), Dfun=fits.jacobian, **small)[0],
        ),
    }
    for name, (settings, job) in jobs.items():
        x = np.array([job(b) for b in some])

        def run(job=job):
            for b in some:
                job(b)

        seconds = batch.quartile(run, REPEATS) * len(y) / len(some)
        batch.report(f"scipy {name}", scipy.__version__, seconds, x, problems, **settings)


if __name__ == "__main__":
    main(sys.argv[1])
