"""Peak memory, each job in its own process, over the least possible; 1 is perfect.

The least of an import is that of Numba. The least of a job is the size of its inputs and outputs.
The process is measured from before the inputs are made, with everything compiled. The `peakmem_`
of asv would include the whole suite's imports and the compiler.

    python -m benchmarks.memory JOB         # prints bytes at the peak, of inputs and outputs
"""

import contextlib
import json
import pathlib
import subprocess
import sys

import numpy as np

import fastopt

from . import batch
from .helpers import decay_fits
from .helpers.shared import Sweep, environment
from .minimize import chained

STATUS = pathlib.Path("/proc/self/status")
IMPORT = "import {}; print(open('/proc/self/status').read())"


def kilobytes(text, name):
    """Return VmHWM, the peak, or VmRSS, the present value, from a process's status."""
    return int(text.partition(f"{name}:")[2].split()[0])


def sweep(n):
    """Take one step of RMSProp over n float32, in place."""
    step = Sweep("rmsprop", n, "float32")
    step()
    return (step.x, step.g, *step.state)


def minimize(n, **options):
    """Run twenty iterations of a problem of n parameters with its own gradient."""
    x0 = np.tile([-1.2, 1.0], n // 2)
    found = fastopt.minimize(chained, x0, jac=True, options={"maxiter": 20, **options})
    return (x0, *found.values())


def fixed(n):
    return minimize(n, learning_rate=1e-4)


def decays(n):
    """Solve n decay fits of 64 points."""
    t, y = decay_fits.make(n)
    return (y, *batch.solve(t, y).values())


JOBS = {
    "sweep over 20,000,000": (sweep, 20_000_000),
    "minimize, 1,000,000 parameters": (minimize, 1_000_000),
    "minimize, 1,000,000 parameters, a given rate": (fixed, 1_000_000),
    "minimize_batch, 100,000 fits": (decays, 100_000),
    "minimize_batch, 1,000,000 fits": (decays, 1_000_000),
}


def here(name):
    """Return the peak of a job in this process, and that of its inputs and outputs, in bytes."""
    job, n = JOBS[name]
    job(10)  # compiles
    with contextlib.suppress(OSError):
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = kilobytes(STATUS.read_text(), "VmRSS")
    arrays = {id(a): a for a in job(n) if isinstance(a, np.ndarray)}
    peak = kilobytes(STATUS.read_text(), "VmHWM")
    return {"peak": 1024 * (peak - before), "own": sum(a.nbytes for a in arrays.values())}


def process(*command):
    """Return the output of a process of this Python."""
    how = {"check": True, "capture_output": True, "text": True, "env": environment()}
    return subprocess.run([sys.executable, *command], **how).stdout


class Memory:
    timeout = 120

    def setup(self, *of):
        if not STATUS.exists():
            raise NotImplementedError("no /proc/self/status to read the peak from")


class TrackImport(Memory):
    """Peak of a process that imports fastopt over that of one that imports Numba."""

    unit = "times Numba's"

    def track_import(self):
        ours, numbas = (
            kilobytes(process("-c", IMPORT.format(name)), "VmHWM") for name in ("fastopt", "numba")
        )
        return ours / numbas


class TrackPeak(Memory):
    """Peak of a job over the bytes of its inputs and outputs."""

    params = tuple(JOBS)
    param_names = ("job",)
    unit = "times inputs and outputs"

    def setup(self, job):
        super().setup()
        if "batch" in job:
            batch.batches()
        process("-m", "benchmarks.memory", job)  # compiles for the next process

    def track_peak(self, job):
        found = json.loads(process("-m", "benchmarks.memory", job))
        return found["peak"] / found["own"]


if __name__ == "__main__":
    print(json.dumps(here(sys.argv[1])))
