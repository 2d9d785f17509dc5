"""The limits of this machine: hand-written C, each job in its own process."""

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
    """Return the path of the compiled program, or None without a C compiler with OpenMP.

    It is kept next to asv's results, under a name with a digest of source, compiler and machine.
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
    """Raise NotImplementedError, for `setup`, if there is no C compiler."""
    if program() is None:
        raise NotImplementedError("no C compiler with OpenMP")


def _run(name, *words):
    """Run a program; return seconds by job name."""
    command = [program(name), *map(str, words)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {job: float(seconds) for job, seconds, _ in map(str.split, lines.splitlines())}


def stream(dtype, slots, n, threads):
    """Return the seconds of an in-place pass: 3 + 2 * slots words an element, no root."""
    return _run("limits", "stream", dtype, slots, n, threads)["stream"]


def rmsprop(dtype, n, *threads):
    """Return the seconds of a step of RMSProp, root and division included, on some threads.

    Without a number of threads it is the processor time of one.
    """
    return _run("limits", "rmsprop", dtype, n, *threads)["rmsprop"]


def rosenbrock():
    """Return the seconds of an iteration of RMSProp on the Rosenbrock function, gradient only."""
    return _run("limits", "rosenbrock")["rosenbrock"]


def fits():
    """Return seconds of 10,000 decay fits: "fits_fixed" (500 iterations), "fits_auto" (to 1e-6)."""
    return _run("limits_fits")


def peaks():
    """Return the seconds of 100,000 fits of peaks with their errors: "peaks"."""
    return _run("limits_fits", "peaks")
