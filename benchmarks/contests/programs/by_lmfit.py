"""lmfit's entry in the contests."""

import lmfit
import numpy as np
import turns

from benchmarks.contests import shared_fits

SOME = 20  # curves: the time grows with the square of their number


def shared(data):
    """Return the job of a fit with parameters of all curves, tied by nothing but their names."""
    t, y, start = data["t"], data["y"][:SOME], data["x0"]
    params = lmfit.Parameters()
    params.add("fast", start[1])
    params.add("slow", start[3])
    for b in range(SOME):
        params.add(f"height_{b}", start[0])
        params.add(f"share_{b}", start[2])

    def rows(p):
        p = p.valuesdict()
        own = [(p[f"height_{b}"], p["fast"], p[f"share_{b}"], p["slow"]) for b in range(SOME)]
        return np.array(own)

    def residuals(p):
        return (shared_fits.model(rows(p), t)[0] - y).ravel()

    def job():
        return lmfit.minimize(residuals, params)

    about = {"version": f"lmfit {lmfit.__version__}", "part": SOME / shared_fits.CURVES}
    return job, rows(job().params), about


if __name__ == "__main__":
    turns.take_part({"shared": shared})
