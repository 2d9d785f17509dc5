"""The limits of this machine: hand-written C, compiled once and run in a process of its own."""

import functools
import pathlib
import shutil
import subprocess
import tempfile

FOLDER = pathlib.Path(__file__).parent


@functools.cache
def program(name="limits"):
    """Path of the compiled program, or None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    path = pathlib.Path(tempfile.mkdtemp(prefix="limits-")) / name
    flags = ["-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-fopenmp"]
    subprocess.run(
        [compiler, *flags, str(FOLDER / f"{name}.c"), "-o", str(path), "-lm"], check=True
    )
    return path


def measure(name="limits"):
    """Seconds by job name: the streams per pass, rosenbrock per iteration, fits for all of them."""
    lines = subprocess.run([program(name)], check=True, capture_output=True, text=True).stdout
    return {name: float(time) for name, time, _ in map(str.split, lines.splitlines())}
