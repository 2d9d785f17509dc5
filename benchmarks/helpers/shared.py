"""What several benchmarks share: clocks, sweeps, an objective, the examples."""

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
# Of this checkout, not of the fastopt that is measured: parameters must not differ between commits.
METHODS = tuple(sorted(p.stem for p in (ROOT / "fastopt" / "rules").glob("[!_]*.py")))


def clock(job):
    """Seconds of `job()`."""
    begin = time.perf_counter()
    job()
    return time.perf_counter() - begin


def clocks(job, repeats):
    """Seconds of so many runs, the least first."""
    return sorted(clock(job) for _ in range(repeats))


def median(job, repeats=9):
    """Median seconds of `job()`."""
    return statistics.median(clocks(job, repeats))


def quartile(job, repeats):
    """Seconds of `job()` that a quarter of the runs stay below: other work on a host only adds."""
    return clocks(job, repeats)[repeats // 4]


def per_call(job, least=2e-3, repeats=5):
    """Median seconds of a call, from as many calls in a row as take a while."""

    def several(calls):
        return clock(lambda: [job() for _ in range(calls)])

    calls = 1
    while several(calls) < least:
        calls *= 2
    return statistics.median(several(calls) for _ in range(repeats)) / calls


def over(ours, theirs, rounds=5):
    """Median of what `ours()` returns over that of `theirs()`, called in turn."""
    found = [(ours(), theirs()) for _ in range(rounds)]
    a, b = (statistics.median(values) for values in zip(*found, strict=True))
    return a / b


def known(method):
    """For `setup`: not available where the fastopt that is measured has no such method."""
    if method not in fastopt.methods():
        raise NotImplementedError(f"no method {method!r}")


def from_folder(folder, name):
    """A module of `examples` or `tests`, which are no packages; not available without its needs."""
    if str(ROOT / folder) not in sys.path:
        sys.path.append(str(ROOT / folder))
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotImplementedError(f"{folder}/{name}.py: {error}") from error


def environment(**more):
    """Of a process that finds the modules that this one finds, and the benchmarks."""
    path = [*filter(None, sys.path), str(ROOT)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), **more}


def staggered(count, n, dtype):
    """Arrays of n elements that begin at different places of a page, as those of limits.c."""
    size = np.dtype(dtype).itemsize * n
    for k in range(count):
        room = np.empty(size + 4096, np.uint8)
        begin = (832 * k - room.ctypes.data) % 4096
        yield room[begin : begin + size].view(dtype)


class Sweep:
    """One step of a rule over arrays of n elements; not available where fastopt has no sweep."""

    def __init__(self, method, n, dtype, **options):
        known(method)
        try:
            from fastopt import rules
            from fastopt.targets.cpu import target as cpu

            self.rule = rules.get(method)
            options = rules.options_class(self.rule)(**options)
            self.uses = rules.uses(self.rule, options)
            c, self.kernel, self.sweep = self.rule.coefficients, cpu.kernel, cpu.sweep
        except (ImportError, AttributeError) as error:
            raise NotImplementedError(f"sweeps by another name: {error}") from error
        self.c = np.array(c(options, 1e-3, 1.0, 1.0)[0], dtype)
        self.slots = sum(self.uses)
        self.x, self.g, *state = staggered(2 + self.slots, n, dtype)
        for array, value in zip((self.x, self.g, *state), (1.0, 0.1, 0.0, 0.0, 0.0), strict=False):
            array.fill(value)
        rest = iter(state)
        self.state = tuple(next(rest) if used else self.x for used in self.uses)
        self.kernel = self.kernel(self.rule, self.uses, self.x.dtype)
        self()

    def __call__(self, threads=None):
        self.sweep(self.rule, self.uses, self.x, self.g, self.c, self.state, threads)

    def bare(self):
        """The kernel alone, as an optimizer that prepared its arguments calls it."""
        self.kernel(self.x, self.g, self.c, self.state, self.x, self.x, False)


@numba.njit
def rosenbrock(x):
    """Value and gradient; a tuple costs no allocation."""
    a = x[1] - x[0] * x[0]
    return 100.0 * a * a + (1.0 - x[0]) ** 2, (-400.0 * x[0] * a - 2.0 * (1.0 - x[0]), 200.0 * a)


@numba.njit
def valley(x):
    """The Rosenbrock function of many pairs, value and gradient."""
    f, g = 0.0, np.empty_like(x)
    for i in range(0, x.size, 2):
        a, b = x[i + 1] - x[i] * x[i], 1.0 - x[i]
        f += 100.0 * a * a + b * b
        g[i], g[i + 1] = -400.0 * x[i] * a - 2.0 * b, 200.0 * a
    return f, g


ITERATIONS = 300_000


def iterate(method="rmsprop", fun=rosenbrock, iterations=ITERATIONS, jac=True):
    """Textbook iterations on the Rosenbrock function."""
    options = {"learning_rate": 1e-4, "maxiter": iterations}
    return fastopt.minimize(fun, [-1.2, 1.0], jac=jac, method=method, options=options)
