"""The batches of the report: objectives in plain loops, data, starts, and work counted by hand."""

import math
from typing import Any, NamedTuple

import numpy as np

from benchmarks.helpers import decay_fits


def decay(p, y, t):
    """An exponential decay on a background, by least squares."""
    total = 0.0
    for i in range(y.size):
        r = p[0] * math.exp(-p[1] * t[i]) + p[2] - y[i]
        total += r * r
    return total


def photons(p, counts, t):
    """The same of counted photons, by Poisson's likelihood; parameters are of order one."""
    total = 0.0
    for i in range(counts.size):
        rate = 100.0 * p[0] * math.exp(-t[i] / p[1]) + 10.0 * p[2]
        total += rate - counts[i] * math.log(rate)
    return total


def peaks(p, y, t):
    """Six Gaussian peaks on a line, 20 parameters."""
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
    """What minimize_batch is given; `flops` of one evaluation with its gradient, as `WORK` says."""

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
        """A problem's data, read once an evaluation where no cache holds them."""
        return self.y[0].nbytes


# A point of a decay: exp counted as 30 operations, the model 5, the residual and its square 3, and
# each of 3 partial derivatives of the model 2 and of the sum 3.
WORK = {"decay": 30 + 5 + 3 + 3 * 5}
EXPLAINED = "exp = 30 operations, 53 a point and evaluation with its gradient, 64 points"


def decays(problems, folder=None):
    """The fits of limits.c; read from a folder that has them."""
    if folder is not None and (folder / "y.npy").exists():
        t, y = np.load(folder / "t.npy"), np.load(folder / "y.npy")[:problems]
    else:
        t, y = decay_fits.make(problems)
    how = {"method": "adagrad", "options": {"gtol": 1e-6}}
    return Job(decay, np.ones(3), y, t, how, float(WORK["decay"] * t.size))


def lifetimes(problems):
    """Photons in 32 bins, few or none in the late ones."""
    rng, t = np.random.default_rng(1), (np.arange(32) + 0.5) * 12.5 / 32
    true = rng.uniform([0.3, 1.3, 0.15], [2.5, 3.6, 0.35], (problems, 3))
    rate = 100 * true[:, :1] * np.exp(-t / true[:, 1:2]) + 10 * true[:, 2:]
    bounds = [(0.01, 20.0), (0.2, 10.0), (0.001, 10.0)]
    how = {"method": "adagrad", "bounds": bounds, "tol": 1e-4}
    return Job(photons, np.array([1.0, 2.5, 0.3]), rng.poisson(rate).astype(float), t, how)


def spectra(problems, points=128):
    """Six peaks whose places are known to a tenth of the distance between them."""
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
    """A mix in which one problem of a hundred takes a hundred times as long; and its mean."""
    counts = np.full(len(job.y), iterations)
    counts[::every] *= heavy
    return given_rate(job, counts), given_rate(job, np.full(len(counts), round(counts.mean())))


def given_rate(job, counts):
    how = {"method": "rmsprop", "options": {"learning_rate": 0.01, "maxiter": counts}}
    return job._replace(how=how)
