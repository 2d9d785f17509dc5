"""How a program takes part in a contest (`contests/contest.py`): it prepares a job, then waits.

It is started as ``python PROGRAM JOB DATA ANSWER``: the job's name, an .npz file of its data, and
the .npy file where the job's answer goes, to be compared with the others'. Once the job is compiled
and warm the program prints a line of JSON; then, for each line with a number of seconds that it
reads, it runs the job for about that long, and prints the seconds of each call.
"""

import json
import sys
import time

import numpy as np


def take_part(jobs):
    """Run the job that argv names: `jobs` has, by name, functions of the data.

    Each returns the job, a function without arguments; what it comes to, an array; and what a
    reader should know: the version, settings, and ``part``, the share of the work that a call does
    where the whole would take too long.
    """
    name, data, answer = sys.argv[1:4]
    job, found, about = jobs[name](np.load(data))
    np.save(answer, found)
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        print(json.dumps(times(job, float(line))), flush=True)


def times(job, least):
    """Seconds of each call, after one that brings everything back into the caches."""
    job()
    found, total = [], 0.0
    while not found or total < least:
        begin = time.perf_counter()
        job()
        found.append(time.perf_counter() - begin)
        total += found[-1]
    return found


def quickest(job, repeats=3):
    """The least seconds of a few calls, to choose between ways."""
    return min(times(job, 0.0)[0] for _ in range(repeats))
