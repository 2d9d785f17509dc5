"""Helpers that several benchmarks share: clocks, sweeps, an objective, the examples."""

import importlib
import os
import pathlib
import statistics
import sys
import time

import numba
import numpy as np

import fastopt

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Methods of this checkout, not of the measured fastopt: parameters must be equal for all commits.
METHODS = tuple(sorted(p.stem for p in (ROOT / "fastopt" / "rules").glob("[!_]*.py")))


def clock(job):
    """Return the seconds of `job()`."""
    begin = time.perf_counter()
    job()
    return time.perf_counter() - begin


def clocks(job, repeats):
    """Return the seconds of `repeats` runs, in ascending order."""
    return sorted(clock(job) for _ in range(repeats))


def median(job, repeats=9):
    """Return the median seconds of `job()`."""
    return statistics.median(clocks(job, repeats))


def quartile(job, repeats):
    """Return the lower quartile of the seconds of `job()`: other work on a host only adds."""
    return clocks(job, repeats)[repeats // 4]


def per_call(job, least=2e-3, repeats=5):
    """Return the median seconds of a call, from series of calls of at least `least` seconds."""

    def several(calls):
        return clock(lambda: [job() for _ in range(calls)])

    calls = 1
    while several(calls) < least:
        calls *= 2
    return statistics.median(several(calls) for _ in range(repeats)) / calls


def over(ours, theirs, rounds=5):
    """Return the median of the results of `ours()` over that of `theirs()`, called in turn."""
    found = [(ours(), theirs()) for _ in range(rounds)]
    a, b = (statistics.median(values) for values in zip(*found, strict=True))
    return a / b


def known(method):
    """Raise NotImplementedError, for `setup`, if the measured fastopt has no such method."""
    if method not in fastopt.methods():
        raise NotImplementedError(f"no method {method!r}")


def from_folder(folder, name):
    """Import a module of `examples` or `tests`, which are no packages; n/a if that fails."""
    if str(ROOT / folder) not in sys.path:
        sys.path.append(str(ROOT / folder))
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotImplementedError(f"{folder}/{name}.py: {error}") from error


def environment(**more):
    """Return the environment of a child process with this one's module path.

    Python keeps what it compiles of the modules, as it does for users.
    """
    path = [*filter(None, sys.path), str(ROOT)]
    own = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**own, "PYTHONPATH": os.pathsep.join(path), **more}


def staggered(count, n, dtype):
    """Yield arrays of n elements that start at different offsets in a page, as in limits.c."""
    size = np.dtype(dtype).itemsize * n
    for k in range(count):
        room = np.empty(size + 4096, np.uint8)
        begin = (832 * k - room.ctypes.data) % 4096
        yield room[begin : begin + size].view(dtype)


class Sweep:
    """One step of a rule over arrays of n elements; n/a if this fastopt has no sweep."""

    def __init__(self, method, n, dtype, **options):
        known(method)
        try:
            from fastopt import rules
            from fastopt.targets.cpu import cpu_target as cpu

            self.rule = rules.get(method)
            options = rules.options_class(self.rule)(**options)
            self.uses = rules.uses(self.rule, options)
            c, self.kernel, self.sweep = self.rule.coefficients, cpu.kernel, cpu.sweep
        except (ImportError, AttributeError) as error:
            raise NotImplementedError(f"sweeps by another name: {error}") from error
        self.c = np.array(c(options, 1e-3, 2.0, 1.0)[0], dtype)  # the first step may be special
        self.slots = sum(self.uses)
        self.x, self.g, *state = staggered(2 + self.slots, n, dtype)
        self.x.fill(1.0)
        self.g.fill(0.1)
        for array in state:
            array.fill(0.01)
        rest = iter(state)
        self.state = tuple(next(rest) if used else self.x for used in self.uses)
        self.kernel = self.kernel(self.rule, self.uses, self.x.dtype)
        self()

    def __call__(self, threads=None):
        self.sweep(self.rule, self.uses, self.x, self.g, self.c, self.state, threads)

    def bare(self):
        """Call the kernel alone, as an optimizer with prepared arguments does."""
        self.kernel(self.x, self.g, self.c, self.state, self.x, self.x, False)


@numba.njit
def rosenbrock(x):
    """Return value and gradient; the gradient is a tuple, to avoid an allocation."""
    a = x[1] - x[0] * x[0]
    return 100.0 * a * a + (1.0 - x[0]) ** 2, (-400.0 * x[0] * a - 2.0 * (1.0 - x[0]), 200.0 * a)


@numba.njit
def valley(x):
    """Return value and gradient of the Rosenbrock function of many pairs."""
    f, g = 0.0, np.empty_like(x)
    for i in range(0, x.size, 2):
        a, b = x[i + 1] - x[i] * x[i], 1.0 - x[i]
        f += 100.0 * a * a + b * b
        g[i], g[i + 1] = -400.0 * x[i] * a - 2.0 * b, 200.0 * a
    return f, g


ITERATIONS = 300_000


def iterate(method="rmsprop", fun=rosenbrock, iterations=ITERATIONS, jac=True):
    """Run textbook iterations on the Rosenbrock function."""
    options = {"learning_rate": 1e-4, "maxiter": iterations}
    return fastopt.minimize(fun, [-1.2, 1.0], jac=jac, method=method, options=options)
