"""The batches of the report: objectives in plain loops, data, starts, and work counted by hand."""

import math
from typing import Any, NamedTuple

import numpy as np

from benchmarks.helpers import decay_fits


def decay(p, y, t):
    """Return the squared misfit of an exponential decay on a background."""
    total = 0.0
    for i in range(y.size):
        r = p[0] * math.exp(-p[1] * t[i]) + p[2] - y[i]
        total += r * r
    return total


def photons(p, counts, t):
    """Return minus Poisson's log-likelihood of counted photons; parameters are of order one."""
    total = 0.0
    for i in range(counts.size):
        rate = 100.0 * p[0] * math.exp(-t[i] / p[1]) + 10.0 * p[2]
        total += rate - counts[i] * math.log(rate)
    return total


def peaks(p, y, t):
    """Return the squared misfit of six Gaussian peaks on a line, 20 parameters."""
    total = 0.0
    for i in range(y.size):
        model = p[18] + p[19] * t[i]
        for k in range(6):
            z = (t[i] - p[3 * k + 1]) / p[3 * k + 2]
            model += p[3 * k] * math.exp(-z * z)
        r = model - y[i]
        total += r * r
    return total


class Job(NamedTuple):
    """The arguments of minimize_batch; `flops` is of one evaluation with its gradient (`WORK`)."""

    fun: Any
    x0: Any
    y: Any
    t: Any
    how: dict
    flops: float = 0.0

    def cast(self, dtype):
        return self._replace(**{k: getattr(self, k).astype(dtype) for k in ("x0", "y", "t")})

    def part(self, first, last):
        x0 = self.x0[first:last] if self.x0.ndim > 1 else self.x0
        return self._replace(x0=x0, y=self.y[first:last])

    def bytes(self):
        """Return the bytes of a problem's data, which an evaluation reads once if uncached."""
        return self.y[0].nbytes


# Operations for a point of a decay: 30 for exp, 5 for the model, 3 for the residual and its square.
# Each of the 3 partial derivatives adds 2 for the model and 3 for the sum.
WORK = {"decay": 30 + 5 + 3 + 3 * 5}
EXPLAINED = "exp = 30 operations, 53 a point and evaluation with its gradient, 64 points"


def decays(problems, folder=None):
    """Return the fits of limits_fits.c; read them from a folder if it has them."""
    if folder is not None and (folder / "y.npy").exists():
        t, y = np.load(folder / "t.npy"), np.load(folder / "y.npy")[:problems]
    else:
        t, y = decay_fits.make(problems)
    how = {"method": "adagrad", "options": {"gtol": 1e-6}}
    return Job(decay, np.ones(3), y, t, how, float(WORK["decay"] * t.size))


def lifetimes(problems):
    """Return fits of photons in 32 bins, few or none in the late ones."""
    rng, t = np.random.default_rng(1), (np.arange(32) + 0.5) * 12.5 / 32
    true = rng.uniform([0.3, 1.3, 0.15], [2.5, 3.6, 0.35], (problems, 3))
    rate = 100 * true[:, :1] * np.exp(-t / true[:, 1:2]) + 10 * true[:, 2:]
    bounds = [(0.01, 20.0), (0.2, 10.0), (0.001, 10.0)]
    how = {"method": "adagrad", "bounds": bounds, "tol": 1e-4}
    return Job(photons, np.array([1.0, 2.5, 0.3]), rng.poisson(rate).astype(float), t, how)


def spectra(problems, points=128):
    """Return fits of six peaks, with positions known to a tenth of their distance."""
    rng, t = np.random.default_rng(2), np.linspace(0.0, 7.0, points)
    p = np.empty((problems, 20))
    p[:, 0:18:3] = rng.uniform(0.5, 2.0, (problems, 6))
    p[:, 1:18:3] = np.arange(1, 7) + rng.uniform(-0.1, 0.1, (problems, 6))
    p[:, 2:18:3] = rng.uniform(0.25, 0.4, (problems, 6))
    p[:, 18:] = rng.uniform(0.0, 0.1, (problems, 2))
    y = 0.01 * rng.normal(size=(problems, points)) + p[:, 18:19] + p[:, 19:] * t
    for k in range(6):
        at = slice(3 * k, 3 * k + 3)
        height, middle, width = p[:, at].T[:, :, None]
        y += height * np.exp(-(((t - middle) / width) ** 2))
    start = np.concatenate([np.tile([1.0, 0.0, 0.3], 6), [0.05, 0.05]])
    start[1:18:3] = np.arange(1, 7)
    return Job(peaks, start, y, t, {"method": "rmsprop", "tol": 1e-5})


def tail(job, iterations=20.0, heavy=100.0, every=100):
    """Return a mix in which one problem in 100 takes 100 times as long, and an even one."""
    counts = np.full(len(job.y), iterations)
    counts[::every] *= heavy
    return given_rate(job, counts), given_rate(job, np.full(len(counts), round(counts.mean())))


def given_rate(job, counts):
    how = {"method": "rmsprop", "options": {"learning_rate": 0.01, "maxiter": counts}}
    return job._replace(how=how)
