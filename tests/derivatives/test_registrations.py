"""Modules that only register something with Numba are imported, though nothing refers to them."""

import pathlib
import subprocess
import sys

import fastopt

CODE = """
import sys
import fastopt.derivatives.substitutions
print(*(name for name in sys.modules if name.startswith("fastopt.derivatives.")))
"""
FOLDERS = "lazy", "numpy_support", "operators"


def test_all_that_register_are_imported():
    root = pathlib.Path(fastopt.__file__).parent / "derivatives" / "forward"
    files = [(name, file.stem) for name in FOLDERS for file in (root / name).glob("[!_]*.py")]
    wanted = {f"fastopt.derivatives.forward.{name}.{module}" for name, module in files}
    found = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert len(wanted) > 15
    assert wanted <= {*found.stdout.split()}
