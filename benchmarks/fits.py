"""The decay fits of limits.c as arrays, and the programs that peers run on them.

A fit has three parameters and 64 points, y = p0 exp(-p1 t) + p2 and uniform noise, and begins at
(1, 1, 1).
"""

import functools
import json
import math
import os
import pathlib
import subprocess
import sys

import numba
import numpy as np

POINTS, PEERS = 64, pathlib.Path(__file__).parent / "peers"


def make(problems):
    """Times t (64,) and data y (problems, 64): the numbers that `make_fits` of limits.c draws."""
    t = 4.0 * np.arange(POINTS) / (POINTS - 1)
    y = np.empty((problems, POINTS))
    compiled()(t, y)
    return t, y


@functools.cache
def compiled():
    """`fill`, compiled at its first use: this module is imported for other things too."""
    return numba.njit(fill)


def fill(t, y):
    """Draw y as limits.c does; xorshift64 is one chain, so the problems are drawn in turn."""
    u, q = np.uint64(88172645463325252), np.empty(3 + t.size)
    for b in range(len(y)):
        for j in range(q.size):
            u ^= u << np.uint64(13)
            u ^= u >> np.uint64(7)
            u ^= u << np.uint64(17)
            q[j] = (u >> np.uint64(11)) * 2.0**-53
        for i in range(t.size):
            e = math.exp(-(0.5 + 1.5 * q[1]) * t[i])
            y[b, i] = (1 + 2 * q[0]) * e + q[2] + 0.034 * (q[3 + i] - 0.5)


def save(file, problems):
    """Write the fits and their start for the scripts in `peers`."""
    t, y = make(problems)
    np.savez(file, t=t, y=y, x0=np.ones(3))


def peer(script, *args, limit=600):
    """What `peers/script` prints, a list of dicts; [], and a printed reason, where it cannot run.

    It runs in a process of its own, in the Python that FASTOPT_PEERS_PYTHON names, or in this one,
    for `limit` seconds at most; what it printed until then counts.
    """
    python = os.environ.get("FASTOPT_PEERS_PYTHON", sys.executable)
    command = [python, str(PEERS / script), *map(str, args)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
    except OSError as error:
        print(f"{script}: {error}")
        return []
    except subprocess.TimeoutExpired as error:
        print(f"{script}: stopped after {limit} s")
        return lines((error.stdout or b"").decode())
    if run.returncode or not run.stdout:
        print(f"{script}: {(run.stderr.strip().splitlines() or ['it printed nothing'])[-1]}")
    return lines(run.stdout)


def lines(text):
    """The dicts of a script's output; a line cut short by a time limit is left out."""
    return [json.loads(x) for x in text.splitlines() if x.startswith("{") and x.endswith("}")]
