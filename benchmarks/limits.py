"""The limits of this machine: hand-written C, compiled once and run in a process of its own."""

import functools
import pathlib
import platform
import shutil
import subprocess
import tempfile

FOLDER = pathlib.Path(__file__).parent
FLAGS = ["-O3", "-march=native", "-ffast-math", "-fopenmp"]
if platform.machine().lower() in ("x86_64", "amd64"):
    FLAGS.append("-mprefer-vector-width=512")


@functools.cache
def program(name="limits"):
    """Path of the compiled program, or None where there is no C compiler that knows OpenMP."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    path = pathlib.Path(tempfile.mkdtemp(prefix="limits-")) / name
    command = [compiler, *FLAGS, str(FOLDER / f"{name}.c"), "-o", str(path), "-lm"]
    return path if subprocess.run(command, check=False).returncode == 0 else None


def needed():
    """For `setup`: not available without a C compiler."""
    if program() is None:
        raise NotImplementedError("no C compiler that knows OpenMP")


def _run(name, *words):
    """Seconds by job name."""
    command = [program(name), *map(str, words)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {job: float(seconds) for job, seconds, _ in map(str.split, lines.splitlines())}


def stream(dtype, slots, n, threads):
    """Seconds of an in-place pass over n elements: 3 + 2 * slots words an element, no root."""
    return _run("limits", "stream", dtype, slots, n, threads)["stream"]


def rosenbrock():
    """Seconds of an iteration of RMSProp on the Rosenbrock function, its gradient only."""
    return _run("limits", "rosenbrock")["rosenbrock"]


def fits():
    """Seconds of 10,000 decay fits: "fits_fixed", 500 iterations, and "fits_auto", to 1e-6."""
    return _run("limits_fits")
