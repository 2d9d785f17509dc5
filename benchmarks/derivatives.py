"""Derived gradients compared with those written by hand, which are their limit.

The problems are 10,000 decay fits of three parameters to 64 points. Each job computes the value
and the gradient of every problem once, through the functions that the solve loop calls.
"""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from .helpers.shared import over, quartile

PROBLEMS, POINTS = 10_000, 64


def by_loop(p, t, y):
    s = 0.0
    for i in range(len(t)):
        s += (p[0] * np.exp(-p[1] * t[i]) + p[2] - y[i]) ** 2
    return s


def by_array(p, t, y):
    return np.sum((p[0] * np.exp(-p[1] * t) + p[2] - y) ** 2)


def by_hand(p, t, y):
    s = a = b = c = 0.0
    for i in range(len(t)):
        e = np.exp(-p[1] * t[i])
        r = p[0] * e + p[2] - y[i]
        s += r * r
        a += r * e
        b += r * p[0] * t[i] * e
        c += r
    return s, (2.0 * a, -2.0 * b, 2.0 * c)


def every(x, t, y, g, f):
    """Compute value and gradient of each problem."""
    for k in range(f.size):
        f[k] = value(x[k], g[k], ((t, y[k]), g))


value = None  # bound by `compiled`


def compiled(fun, derived, **flags):
    """Return `every` compiled for an objective; n/a if this fastopt has other internal names."""
    try:
        return _compiled(fun, derived, **flags)
    except (ImportError, AttributeError, TypeError) as error:
        raise NotImplementedError(f"internals by other names: {error}") from error


def _compiled(fun, derived, **flags):
    from fastopt.compiling import compiler
    from fastopt.derivatives import gradient_methods, substitutions
    from fastopt.derivatives.forward.duals import dual_choice

    dual = dual_choice.of(numba.float64, 3, True) if derived else None
    user, _ = compiler.user(numba.njit(**flags)(fun), substitutions.meanings(dual, True))
    bindings = {"fun": user, "write": gradient_methods.write_flat, "SIZE": 3}
    bindings["value"] = (
        gradient_methods.dual_value if derived else gradient_methods.value_with_gradient
    )
    bindings.update(dual_choice.SEEDS, DUAL=dual, CHUNK=3)
    return compiler.jit(every, bindings)


class Fits:
    """The data of the fits, and a way to run a job on several threads."""

    def __init__(self):
        rng = np.random.default_rng(7)
        self.t = np.linspace(0.0, 4.0, POINTS)
        true = rng.uniform([1.0, 0.5, 0.0], [3.0, 2.0, 1.0], (PROBLEMS, 3))
        decays = true[:, :1] * np.exp(-true[:, 1:2] * self.t) + true[:, 2:]
        self.y = decays + 0.05 * rng.normal(size=decays.shape)
        self.x = true * rng.uniform(0.7, 1.3, true.shape)
        self.g, self.f = np.empty((PROBLEMS, 3)), np.empty(PROBLEMS)

    def run(self, job, pool=None, threads=1):
        cuts = [PROBLEMS * k // threads for k in range(threads + 1)]
        parts = [slice(*pair) for pair in itertools.pairwise(cuts)]

        def part(at):
            job(self.x[at], self.t, self.y[at], self.g[at], self.f[at])

        for _ in pool.map(part, parts) if pool else map(part, parts):
            pass

    def nanoseconds(self, job, threads=1, repeats=60):
        """Return the nanoseconds of one value and gradient, on `threads` threads."""
        self.run(job)
        with ThreadPoolExecutor(threads) as pool:
            seconds = quartile(lambda: self.run(job, pool, threads), repeats)
        return seconds / PROBLEMS * 1e9


JOBS = {
    "loop": (by_loop, True, {}),
    "array": (by_array, True, {}),
    "loop, fastmath": (by_loop, True, {"fastmath": True}),
    "by hand": (by_hand, False, {}),
    "by hand, fastmath": (by_hand, False, {"fastmath": True}),
}


class TrackDecay:
    """Nanoseconds of one value and gradient of a decay fit, one thread."""

    params = tuple(JOBS)
    param_names = ("objective",)
    unit = "ns"

    def setup(self, name):
        fun, derived, flags = JOBS[name]
        self.job, self.fits = compiled(fun, derived, **flags), Fits()

    def track_evaluation(self, name):
        return self.fits.nanoseconds(self.job)


class TrackOverByHand:
    """A derived gradient over one by hand with the same flags, in turn; 1 is perfect."""

    params = ("loop", "array", "loop, fastmath")
    param_names = ("objective",)
    unit = "times one by hand"

    def setup(self, name):
        hand = "by hand, fastmath" if "fastmath" in name else "by hand"
        self.jobs = [compiled(fun, d, **flags) for fun, d, flags in (JOBS[name], JOBS[hand])]
        self.fits = Fits()

    def track_over_by_hand(self, name):
        ours, hand = self.jobs
        nanoseconds = self.fits.nanoseconds
        return over(lambda: nanoseconds(ours), lambda: nanoseconds(hand))
