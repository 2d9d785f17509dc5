"""Processes over a cache of their own, and code that they begin with."""

import json
import os
import pathlib
import subprocess
import sys

SCRIPT = pathlib.Path(__file__).parent / "counted.py"
# What hides numba-cuda from those who import it or look for it.
WITHOUT_NUMBA_CUDA = """
import importlib.util, sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "numba_cuda":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "numba_cuda" else find(name, *rest)
sys.meta_path.insert(0, Hidden())
"""


def start(cache, folders, *modules, **env):
    """Start `counted.py` on modules of some folders."""
    command = [sys.executable, SCRIPT, ",".join(map(str, folders)), *modules]
    env = {**os.environ, "FASTOPT_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1", **env}
    return subprocess.Popen(
        command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finish(process):
    """Return what a process has counted."""
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return json.loads(out)
