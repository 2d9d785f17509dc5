"""Start-up, as whole processes: import, and the first minimisation with a cold and a warm cache."""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

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


class Processes:
    """Runs the programs with a cache directory of their own."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fastopt-startup-"))
        self.files = {}
        for k, (name, text) in enumerate(PROGRAMS.items()):
            self.files[name] = self.folder / f"program_{k}.py"
            self.files[name].write_text(text)

    def seconds(self, name, cache="warm"):
        path = os.pathsep.join(p for p in sys.path if p)
        env = {**os.environ, "FASTOPT_CACHE_DIR": str(self.folder / cache), "PYTHONPATH": path}
        begin = time.perf_counter()
        subprocess.run([sys.executable, str(self.files[name])], check=True, env=env)
        return time.perf_counter() - begin


class TrackProcess:
    """Seconds of a whole process, caches warm."""

    params = tuple(PROGRAMS)
    param_names = ("program",)
    unit = "seconds"

    def setup(self, program):
        self.processes = Processes()
        self.processes.seconds(program)

    def track_warm(self, program):
        return min(self.processes.seconds(program) for _ in range(5))


class TrackCold:
    """Seconds of a process that has to compile its minimisation."""

    unit = "seconds"

    def setup(self):
        self.processes = Processes()

    def track_cold(self):
        return min(self.processes.seconds("minimize", f"cold-{k}") for k in range(3))
