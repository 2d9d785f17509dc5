"""The entries of packages for batches of fits: ndoptimize, lumafit and Cpufit.

FASTOPT_CPUFIT names Cpufit's library, built with GPUFIT_DOUBLE defined.
"""

import ctypes
import functools
import math
import os
from importlib.metadata import version

import numpy as np
import turns

POINTS = 64
# Tolerances are the loosest, in half powers of ten, that leave 99.9 % of the fits within 1e-3
# standard errors of the minimum. Their meaning differs between packages.
TOL = {"ndoptimize": 3e-7, "lumafit": 3e-7, "Cpufit": 3e-7}


def answer(p, cov, chi2):
    """Return parameters and errors in rows; `cov` is that of unit errors, `chi2` their squares."""
    variances = np.diagonal(cov, axis1=-2, axis2=-1) * (chi2 / (POINTS - 4))[:, None]
    return np.hstack([p, np.sqrt(variances)])


def ndoptimize(data):
    """Return the job of all peaks; the model is compiled with its derivatives by hand."""
    import ndoptimize

    @ndoptimize.model(parameters=("height", "centre", "width", "base"), inputs=("x",), cache=False)
    def peak(x, parameters, f, jacobian):
        height, centre, width, base = parameters
        for i in range(x.shape[0]):
            z = (x[i, 0] - centre) / width
            e = math.exp(-0.5 * z * z)
            slope = height / width * e * z
            f[i] = height * e + base
            jacobian[i, 0], jacobian[i, 1] = e, slope
            jacobian[i, 2], jacobian[i, 3] = slope * z, 1.0

    x, y, start = data["x"][:, None], data["y"], data["start"]

    def job():
        found = ndoptimize.least_squares(peak, x, y, 25.0, start, tolerance=TOL["ndoptimize"])
        return answer(found.parameters, found.covariance / 25.0, found.chi2 * 25.0)

    return job, job(), {"version": f"ndoptimize {version('ndoptimize')}"}


def lumafit(by_hand, data):
    """Return the job of a tenth of the peaks: its function for a pixel, in a parallel loop.

    Its function for an image has one start for all pixels.
    """
    import lumafit
    import numba

    @numba.njit(fastmath=True)
    def curve(p, x):
        z = (x - p[1]) / p[2]
        return p[0] * np.exp(-0.5 * z * z) + p[3]

    @numba.njit(fastmath=True)
    def slopes(p, x):
        out = np.empty((x.size, 4))
        for i in range(x.size):
            z = (x[i] - p[1]) / p[2]
            e = math.exp(-0.5 * z * z)
            slope = p[0] / p[2] * e * z
            out[i, 0], out[i, 1], out[i, 2], out[i, 3] = e, slope, slope * z, 1.0
        return out

    core, jac, tol = lumafit.levenberg_marquardt_core, slopes if by_hand else None, TOL["lumafit"]

    @numba.njit(parallel=True)
    def fit(x, y, start, p, cov, chi2):
        for b in numba.prange(len(y)):
            found = core(curve, start[b], y[b], None, 100, tol, tol, tol, jac_func=jac, args=(x,))
            p[b], cov[b], chi2[b] = found[0], found[1], found[2]

    n = len(data["y"]) // 10
    x, y, start = data["x"], data["y"][:n], data["start"][:n]
    p, cov, chi2 = np.empty((n, 4)), np.empty((n, 4, 4)), np.empty(n)

    def job():
        fit(x, y, start, p, cov, chi2)
        return answer(p, cov, chi2)

    return job, job(), {"version": f"lumafit {version('lumafit')}", "part": 0.1}


def cpufit(data):
    """Return the job of all peaks with Cpufit's own model; it runs on one thread."""
    path = os.environ.get("FASTOPT_CPUFIT")
    if not path:
        raise ImportError("No library of Cpufit: FASTOPT_CPUFIT does not name one")
    call = ctypes.CDLL(path).cpufit
    size, pointer, real = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_double
    kinds = [size, size, pointer, pointer, ctypes.c_int, pointer, real, ctypes.c_int]
    call.argtypes = [*kinds, pointer, ctypes.c_int, size, *[pointer] * 5]
    n, names = len(data["y"]), ("y", "start")
    found, chi2, states, iterations = (np.empty(n * k) for k in (4, 1, 1, 1))
    arrays = [
        *(data[name] for name in names),
        np.ones(4, np.int32),
        found,
        states,
        chi2,
        iterations,
    ]
    y, start, fitted, *out = (a.ctypes.data_as(pointer) for a in arrays)
    model, estimator = 0, 0  # GAUSS_1D at 0, 1, 2, ...; squares

    def job():
        given = n, POINTS, y, None, model, start, TOL["Cpufit"], 100
        if call(*given, fitted, estimator, 0, None, *out):
            raise RuntimeError("Cpufit failed")
        return found.reshape(n, 4)

    return job, job().copy(), {"version": "Cpufit, C++"}


if __name__ == "__main__":
    turns.take_part(
        {
            "ndoptimize": ndoptimize,
            "lumafit": functools.partial(lumafit, False),
            "lumafit, derivatives by hand": functools.partial(lumafit, True),
            "Cpufit": cpufit,
        }
    )
