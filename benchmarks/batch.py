"""Batches: nanoseconds a problem on real examples and on decay fits, and ratios over their limits.

The limit of the decay fits is hand-written C (limits_fits.c) on the same number of threads. The
limit of threads is the time of one thread divided by their number. That of a mixed batch is its
work divided by that number.
"""

import numba
import numpy as np

import fastopt

from .helpers import decay_fits, limits
from .helpers.shared import clock, from_folder, median, over

PROBLEMS, START = 10_000, np.ones(3)
AUTO = {"gtol": 1e-6}
FIXED = {"learning_rate": 0.01, "maxiter": 500}


def misfit(p, y, t):
    return np.sum((p[0] * np.exp(-p[1] * t) + p[2] - y) ** 2)


@numba.njit(fastmath=True)
def free(p, y, t):
    """Return the same value, summed in any order, as in C with -ffast-math and in XLA."""
    s = 0.0
    for i in range(len(t)):
        s += (p[0] * np.exp(-p[1] * t[i]) + p[2] - y[i]) ** 2
    return s


def batches():
    """Raise NotImplementedError for commits from before there were batches."""
    if not hasattr(fastopt, "minimize_batch"):
        raise NotImplementedError("no minimize_batch")


def solve(t, y, options=AUTO, method="adagrad", workers=None, fun=misfit):
    """Solve all fits; the metric of AdaGrad is the one of limits_fits.c."""
    return fastopt.minimize_batch(
        fun, START, y, (t,), method=method, options=options, workers=workers
    )


def fixed(t, y, fun=misfit):
    """Run 500 iterations of RMSProp with a given rate."""
    return solve(t, y, FIXED, "rmsprop", fun=fun)


def tail(problems=PROBLEMS, place="last"):
    """Return options of a mix: 1 % of the problems run a thousand times as many iterations."""
    iterations, heavy = np.full(problems, 20.0), problems // 100
    at = {
        "first": slice(heavy),
        "last": slice(problems - heavy, None),
        "spread": slice(None, None, 100),
    }
    iterations[at[place]] *= 1000
    return {**FIXED, "maxiter": iterations}


def lifetimes():
    """Return the job of Poisson fits of decays in the 128 x 128 pixels of an image."""
    example = from_folder("examples", "lifetime_image")
    counts = example.simulate(example.truth(128))
    return len(counts), lambda: example.fit(counts)


def growth():
    """Return the job of growth curves of 50 chicks, each a hundred times; ragged data, bounds."""
    example = from_folder("examples", "growth_curves")
    _, days, grams = example.load()
    return 100 * len(days), lambda: example.fit(100 * days, 100 * grams)


def bootstrap():
    """Return the job of refits of twelve people's drug concentrations, a thousand each."""
    example = from_folder("examples", "pharmacokinetics")
    dose, t, conc = example.load()
    first = example.fit(example.START, dose, t, conc, np.ones_like(conc))
    return 1_000 * len(dose), lambda: example.bootstrap("fractional", 1_000, first, dose, t, conc)


def nist():
    """Return the job of NIST's eight sets from their nearer starts, by AdaGrad, in sequence."""
    example = from_folder("examples", "nist")
    sets = [
        (example.misfit(model), data.starts[1], (data.x, data.y))
        for data, model in ((example.load(name), m) for name, m in example.MODELS.items())
    ]
    options = {"maxfev": 200_000}

    def every():
        for problem in sets:
            fastopt.minimize(*problem, method="adagrad", options=options)

    return len(sets), every


EXAMPLES = {"lifetimes": lifetimes, "growth": growth, "bootstrap": bootstrap, "nist": nist}


class TrackExamples:
    """Nanoseconds a problem of the examples' own batches, on all threads."""

    params = tuple(EXAMPLES)
    param_names = ("example",)
    unit = "ns"
    timeout = 300

    def setup(self, example):
        batches()
        self.problems, self.job = EXAMPLES[example]()
        self.job()

    def track_problem(self, example):
        return median(self.job, 5) / self.problems * 1e9


class Fits:
    """Decay fits of three parameters to 64 points, on all threads."""

    params = (("to gtol 1e-6", "500 iterations"), ("sums in order", "fastmath"))
    param_names = ("job", "objective")
    timeout = 120

    def setup(self, job, objective):
        batches()
        self.t, self.y = decay_fits.make(PROBLEMS)
        self.job = solve if job.startswith("to") else fixed
        self.fun = misfit if objective == "sums in order" else free
        self.run()

    def run(self):
        self.job(self.t, self.y, fun=self.fun)


class TrackFits(Fits):
    """Nanoseconds a decay fit of three parameters to 64 points, on all threads."""

    unit = "ns"

    def track_fit(self, job, objective):
        return median(self.run, 5) / PROBLEMS * 1e9


class TrackOverLimit(Fits):
    """A decay fit over hand-written C, whose sums are in any order; 1 is perfect."""

    unit = "times the limit"

    def setup(self, job, objective):
        limits.needed()
        super().setup(job, objective)

    def track_over_limit(self, job, objective):
        name = "fits_auto" if self.job is solve else "fits_fixed"
        return over(lambda: median(self.run, 3), lambda: limits.fits()[name], 3)


class TrackBatches:
    """A decay fit in batches of several sizes: nanoseconds, and over one in a batch of 10,000."""

    params = (100, 1_000, 10_000, 100_000, 1_000_000)
    param_names = ("problems",)
    timeout = 120

    def setup(self, problems):
        batches()
        self.t, self.y = decay_fits.make(max(problems, PROBLEMS))
        self.seconds(PROBLEMS)

    def seconds(self, problems):
        """Return the seconds of a fit."""
        several = range(max(1, PROBLEMS // problems))
        seconds = clock(lambda: [solve(self.t, self.y[:problems]) for _ in several])
        return seconds / len(several) / problems

    def track_fit(self, problems):
        return median(lambda: solve(self.t, self.y[:problems]), 3) / problems * 1e9

    track_fit.unit = "ns"

    def track_over_ten_thousand(self, problems):
        return over(lambda: self.seconds(problems), lambda: self.seconds(PROBLEMS))

    track_over_ten_thousand.unit = "times one of 10,000"


def chain(x, a):
    """Return the chained Rosenbrock function; its steepness differs between problems."""
    s = 0.0
    for i in range(x.size - 1):
        s += a * (x[i + 1] - x[i] * x[i]) ** 2 + (1.0 - x[i]) ** 2
    return s


def chain_by_hand(x, a):
    s, g = 0.0, np.zeros(x.size)
    for i in range(x.size - 1):
        u, v = x[i + 1] - x[i] * x[i], 1.0 - x[i]
        s += a * u * u + v * v
        g[i] -= 4.0 * a * u * x[i] + 2.0 * v
        g[i + 1] += 2.0 * a * u
    return s, g


class TrackParameters:
    """300 iterations of 2,000 problems of n parameters: nanoseconds an iteration and parameter.

    Derived gradients carry n partial derivatives through each of n - 1 terms. So their time over
    that of gradients by hand may grow with n.
    """

    params = (2, 3, 8, 16, 32)
    param_names = ("n",)
    timeout = 120

    def setup(self, n):
        batches()
        self.x0, self.a = np.full(n, 0.5), np.linspace(1.0, 10.0, 2_000)
        self.derived()
        self.by_hand()

    def run(self, fun, jac):
        options = {"learning_rate": 1e-3, "maxiter": 300}
        fastopt.minimize_batch(fun, self.x0, self.a, jac=jac, options=options)

    def derived(self):
        self.run(chain, None)

    def by_hand(self):
        self.run(chain_by_hand, True)

    def track_iteration(self, n):
        return median(self.derived, 5) / (300 * self.a.size * n) * 1e9

    track_iteration.unit = "ns"

    def track_over_by_hand(self, n):
        return over(lambda: clock(self.derived), lambda: clock(self.by_hand))

    track_over_by_hand.unit = "times one by hand"


class TrackThreads:
    """Time of several threads, times their number, over the time of one; 1 is perfect."""

    params = (2, 4, 8, 16)
    param_names = ("threads",)
    unit = "times the work"

    def setup(self, threads):
        batches()
        if threads > numba.get_num_threads():
            raise NotImplementedError(f"fewer than {threads} processors")
        self.t, self.y = decay_fits.make(PROBLEMS)
        self.seconds(1)

    def seconds(self, threads):
        return clock(lambda: solve(self.t, self.y, workers=threads))

    def track_work(self, threads):
        return over(lambda: self.seconds(threads), lambda: self.seconds(1), 9) * threads


class TrackTail:
    """The same ratio on all threads, if 1 % of the problems run a thousand times as long."""

    params = ("first", "last", "spread")
    param_names = ("heavy problems",)
    unit = "times the work"
    timeout = 120

    def setup(self, place):
        batches()
        self.t, self.y = decay_fits.make(PROBLEMS)
        self.options, self.threads = tail(place=place), numba.get_num_threads()
        if self.threads < 2:
            raise NotImplementedError("one processor only")
        self.seconds(1)

    def seconds(self, workers):
        return clock(lambda: solve(self.t, self.y, self.options, "rmsprop", workers))

    def track_balance(self, place):
        return over(lambda: self.seconds(None), lambda: self.seconds(1)) * self.threads
