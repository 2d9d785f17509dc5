"""The limits of this machine: hand-written C, each job in a process of its own."""

import functools
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess

FOLDER = pathlib.Path(__file__).resolve().parent
KEPT = FOLDER.parents[1] / ".asv" / "limits"
FLAGS = ["-O3", "-march=native", "-ffast-math", "-fopenmp"]
if platform.machine().lower() in ("x86_64", "amd64"):
    FLAGS.append("-mprefer-vector-width=512")


@functools.cache
def program(name="limits"):
    """Path of the compiled program, or None where there is no C compiler that knows OpenMP.

    It is kept beside asv's results, under a name that says what it was made from and for whom.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    source = FOLDER / f"{name}.c"
    made_from = source.read_text(), compiler, FLAGS, platform.node()
    path = KEPT / f"{name}-{hashlib.sha256(repr(made_from).encode()).hexdigest()[:16]}"
    if not path.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        command = [compiler, *FLAGS, str(source), "-o", str(part), "-lm"]
        if subprocess.run(command, check=False).returncode:
            return None
        part.replace(path)
    return path


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
