"""The limits of this machine: `limits.c`, compiled once and run in a process of its own."""

import functools
import pathlib
import shutil
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).with_name("limits.c")


@functools.cache
def program():
    """Path of the compiled program, or None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    path = pathlib.Path(tempfile.mkdtemp(prefix="limits-")) / "limits"
    flags = ["-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-fopenmp"]
    subprocess.run([compiler, *flags, str(SOURCE), "-o", str(path), "-lm"], check=True)
    return path


def measure():
    """Seconds by job name: the streams per pass, rosenbrock per iteration."""
    lines = subprocess.run([program()], check=True, capture_output=True, text=True).stdout
    return {name: float(time) for name, time, _ in map(str.split, lines.splitlines())}
