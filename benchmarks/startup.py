"""Start-up, as whole processes: import, and the first minimisation with a cold and a warm cache.

The limit of an import is `import numba`, that of a warm first call a process that makes one Numba
call out of its cache (and has scipy.optimize, whose results minimize returns), that of a cold one
such a process without a cache: it compiles one function of three lines.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

from .work import clock, environment, over

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
    "numba and scipy.optimize, one cached call": OBJECTIVE.format(options="(cache=True)")
    + "import scipy.optimize\nboth(np.array([-1.2, 1.0]))",
}
FIRST, NUMBAS = "minimize", "numba and scipy.optimize, one cached call"
JOBS = {  # program, cache, and the program that is its limit
    "import": ("import fastopt", "warm", "import numba"),
    "first call, warm cache": (FIRST, "warm", NUMBAS),
    "first call, cold cache": (FIRST, "cold", NUMBAS),
}


class Processes:
    """Runs the programs with cache directories of their own."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fastopt-startup-"))
        self.files = {}
        for k, (name, text) in enumerate(PROGRAMS.items()):
            self.files[name] = self.folder / f"program_{k}.py"
            self.files[name].write_text(text)

    def seconds(self, name, cache="warm"):
        """Of a process; a cache called "cold" is emptied first."""
        folder = self.folder / cache
        if cache == "cold":
            shutil.rmtree(folder, ignore_errors=True)
        caches = {"FASTOPT_CACHE_DIR": folder, "NUMBA_CACHE_DIR": folder / "numba"}
        env = environment(**{name: str(path) for name, path in caches.items()})
        command = [sys.executable, str(self.files[name])]
        return clock(lambda: subprocess.run(command, check=True, env=env))

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Startup:
    """Each process once, which fills the caches."""

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
    """Seconds of a whole process, the best of a few: other work on a host only adds."""

    unit = "seconds"

    def track_process(self, job):
        return min(self.ours() for _ in range(self.rounds()))


class TrackOverNumba(Startup):
    """The same over Numba's process, in turn."""

    unit = "times Numba's process"

    def track_over_numba(self, job):
        return over(self.ours, self.theirs, self.rounds())
