"""Start-up, as whole processes: import, and the first call with a cold and a warm cache.

The limit of an import is `import numba`. That of a warm first call is a process with one cached
Numba call and scipy.optimize, whose results minimize returns. That of a cold first call is such a
process without a cache, which compiles one function of three lines.

A new objective is compiled when it is first used, and the library's own code comes from disk. The
limit of such a call follows from the time of `value_and_grad` of the same objective. The table::

    python -m benchmarks.startup                         # some minutes
    python -m benchmarks.startup --clock processor       # on a machine with other work on it
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from .helpers.shared import clock, environment, over

OBJECTIVE = """
import numba, numpy as np
@numba.njit{options}
def both(x):
    a = x[1] - x[0] * x[0]
    f = 100 * a * a + (1 - x[0]) ** 2
    return f, np.array([-400 * x[0] * a - 2 * (1 - x[0]), 200 * a])
"""
PROGRAMS = {
    "import numba": "import numba",
    "import fastopt": "import fastopt",
    "minimize": OBJECTIVE.format(options="")
    + "import fastopt\nassert fastopt.minimize(both, [-1.2, 1.0], jac=True).success",
    "imports": "import numba, scipy.optimize",
    "numba and scipy.optimize, one cached call": OBJECTIVE.format(options="(cache=True)")
    + "import scipy.optimize\nboth(np.array([-1.2, 1.0]))",
}
FIRST, NUMBAS = "minimize", "numba and scipy.optimize, one cached call"
JOBS = {  # program, cache, and the program that is its limit
    "import": ("import fastopt", "warm", "import numba"),
    "first call, warm cache": (FIRST, "warm", NUMBAS),
    "first call, cold cache": (FIRST, "cold", NUMBAS),
}


OBJECTIVES = {
    "polynomial": """
@numba.njit
def fun(x):
    return (x[0] - NUMBER) ** 2 + 3 * (x[1] + 2) ** 2 * (1 + x[0] ** 2)
x0, args, rows, shared = np.zeros(2), (), None, ()
""",
    "decay fit": """
@numba.njit
def fun(p, y, t):
    s = NUMBER
    for i in range(t.size):
        s += (p[0] * np.exp(-p[1] * t[i]) + p[2] - y[i]) ** 2
    return s
t = np.linspace(0, 4, 64)
x0, rows, shared = np.ones(3), 2 * np.exp(-np.array([[0.7], [0.9]]) * t) + 0.5, (t,)
args = rows[0], t
""",
}
CALLS = {  # code before the timed part, and the timed code
    "value_and_grad": ("", "fastopt.value_and_grad(fun, size=x0.size)(x0, *args)"),
    "minimize": ("", "fastopt.minimize(fun, x0, args)"),
    "minimize_batch": ("", "fastopt.minimize_batch(fun, np.array([x0, x0]), rows, args=shared)"),
    "another method": (
        "fastopt.minimize(fun, x0, args)",
        'fastopt.minimize(fun, x0, args, method="adam")',
    ),
}
GRADIENT, METHOD = "value_and_grad", "another method"
TIMED = """
import sys, time
import numba, numpy as np
import fastopt
{fun}
{before}
clock = time.perf_counter if sys.argv[1] == "wall" else time.process_time
begin = clock()
{call}
print(clock() - begin)
"""
# Limits of a first call: TIMES times the seconds of `value_and_grad`, plus MORE seconds.
TIMES, MORE = 1.5, 0.2
MOST = {"polynomial": 1.0, "decay fit": 1.5}  # upper limits in seconds
AGAIN, COLD, WARM = 0.1, 4.0, 0.1  # seconds: another method, nothing on disk, beyond imports
CLOCK = "wall"


def seconds_of(command, env):
    """Return the seconds of a process, by the wall clock or the processor's clock."""
    if CLOCK == "wall":
        return clock(lambda: subprocess.run(command, check=True, env=env))
    before = os.times()
    subprocess.run(command, check=True, env=env)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


class Processes:
    """A runner of the programs, with its own cache directories."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fastopt-startup-"))
        self.files = {}
        for k, (name, text) in enumerate(PROGRAMS.items()):
            self.files[name] = self.folder / f"program_{k}.py"
            self.files[name].write_text(text)

    def seconds(self, name, cache="warm"):
        """Return the seconds of a process; a cache called "cold" is emptied first."""
        folder = self.folder / cache
        if cache == "cold":
            shutil.rmtree(folder, ignore_errors=True)
        caches = {"FASTOPT_CACHE_DIR": folder, "NUMBA_CACHE_DIR": folder / "numba"}
        env = environment(**{name: str(path) for name, path in caches.items()})
        command = [sys.executable, str(self.files[name])]
        return seconds_of(command, env)

    def first(self, objective, call):
        """Return the seconds of the timed call in a new process, for an objective in no cache."""
        before, call = CALLS[call]
        number = f"1.{time.time_ns()}"  # unique, so that the objective is new
        fun = OBJECTIVES[objective].replace("NUMBER", number)
        text = TIMED.format(fun=fun, before=before, call=call)
        file = self.folder / "first.py"
        file.write_text(text)
        folder = self.folder / "library"
        env = environment(FASTOPT_CACHE_DIR=str(folder), NUMBA_CACHE_DIR=str(folder / "numba"))
        command = [sys.executable, str(file), CLOCK]
        return float(subprocess.run(command, check=True, env=env, stdout=subprocess.PIPE).stdout)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Startup:
    """Benchmarks of processes, each run once before, which fills the caches."""

    params = tuple(JOBS)
    param_names = ("process",)
    timeout = 300

    def setup(self, job):
        self.processes = Processes()
        self.program, self.cache, self.limit = JOBS[job]
        self.ours()
        self.theirs()

    def teardown(self, job):
        self.processes.remove()

    def ours(self):
        return self.processes.seconds(self.program, self.cache)

    def theirs(self):
        return self.processes.seconds(self.limit, self.cache)

    def rounds(self):
        return 3 if self.cache == "cold" else 7


class TrackSeconds(Startup):
    """Seconds of a whole process, the least of a few runs: other work on a host only adds."""

    unit = "seconds"

    def track_process(self, job):
        return min(self.ours() for _ in range(self.rounds()))


class TrackOverNumba(Startup):
    """Time of a process over that of Numba's process, in turn."""

    unit = "times Numba's process"

    def track_over_numba(self, job):
        return over(self.ours, self.theirs, self.rounds())


class New:
    """Benchmarks of processes for objectives that are in no cache."""

    timeout = 300

    def setup(self, *_):
        self.processes = Processes()
        for call in CALLS:  # the library's own code goes to disk
            self.processes.first("polynomial", call)
            if call != METHOD:
                self.processes.first("decay fit", call)
        self.processes.seconds(FIRST)

    def teardown(self, *_):
        self.processes.remove()


class TrackFirst(New):
    """Time of a first call over its limit, 1.5 times `value_and_grad` plus 0.2 s."""

    params = (tuple(OBJECTIVES), ("minimize", "minimize_batch"))
    param_names = ("objective", "call")
    unit = "times the limit"

    def track_first(self, objective, call):
        jobs = [lambda c=c: self.processes.first(objective, c) for c in (call, GRADIENT)]
        ours, gradient = rounds(5, *jobs)
        return ours / (TIMES * gradient + MORE)


class TrackMore(New):
    """Seconds of another method on a known objective, and beyond the imports; 0.1 is the limit."""

    unit = "seconds"

    def track_another_method(self):
        return rounds(5, lambda: self.processes.first("polynomial", METHOD))[0]

    def track_beyond_imports(self):
        jobs = [lambda n=n: self.processes.seconds(n) for n in (FIRST, "imports")]
        ours, imports = rounds(5, *jobs)
        return ours - imports


def rounds(count, *jobs):
    """Return the median of each job's results, from calls in turn."""
    found = [[job() for job in jobs] for _ in range(count)]
    return [statistics.median(values) for values in zip(*found, strict=True)]


def lines(count):
    """Yield the lines of the table: name, seconds, and upper limit or None."""
    processes = Processes()
    try:
        for objective in OBJECTIVES:
            calls = [c for c in CALLS if objective == "polynomial" or c != METHOD]
            for call in calls:
                processes.first(objective, call)
            jobs = [lambda c=c, o=objective: processes.first(o, c) for c in calls]
            found = dict(zip(calls, rounds(count, *jobs), strict=True))
            limit = min(TIMES * found[GRADIENT] + MORE, MOST[objective])
            limits = {GRADIENT: None, METHOD: AGAIN}
            for call, took in found.items():
                yield f"{objective}, {call}", took, limits.get(call, limit)
        yield "nothing on disk", rounds(count, lambda: processes.seconds(FIRST, "cold"))[0], COLD
        processes.seconds(FIRST)
        jobs = (lambda name=name: processes.seconds(name) for name in ("imports", FIRST))
        imports, ours = rounds(count, *jobs)
        yield "import numba, scipy.optimize", imports, None
        yield "everything on disk", ours, imports + WARM
    finally:
        processes.remove()


def main(words=None):
    """Print the table."""
    global CLOCK
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="processes of each kind (5)")
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall")
    given = parser.parse_args(words)
    CLOCK = given.clock
    print(f"| median of {given.rounds} | s | at most |\n|---|---|---|")
    for what, took, limit in lines(given.rounds):
        print(f"| {what} | {took:.2f} | {'' if limit is None else f'{limit:.2f}'} |", flush=True)


if __name__ == "__main__":
    main()
