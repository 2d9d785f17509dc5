"""The protocol of a program in a contest (`contests/contest.py`): it prepares a job, then waits.

It is started as ``python PROGRAM JOB DATA ANSWER``: the job's name, an .npz file of its data, and
an .npy file for the job's answer. The answers of all contestants are compared. When the job is
compiled and warm, the program prints a line of JSON. Then it reads lines, each with a number of
seconds. For each it runs the job for about that long, and prints the seconds of each call. If
FASTOPT_CLOCK is "processor", these are the seconds of all threads together.
"""

import json
import os
import sys
import time

import numpy as np

clock = time.process_time if os.environ.get("FASTOPT_CLOCK") == "processor" else time.perf_counter


def take_part(jobs):
    """Run the job that argv names: `jobs` has, by name, functions of the data.

    Each returns the job (a function without arguments), its answer (an array), and a dict for the
    reader. The dict has the version and settings. If the whole work would take too long, it also
    has ``part``, the share of the work that a call does.
    """
    name, data, answer = sys.argv[1:4]
    job, found, about = jobs[name](np.load(data))
    np.save(answer, found)
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        print(json.dumps(times(job, float(line))), flush=True)


def times(job, least):
    """Return the seconds of each call, after one that fills the processor's caches."""
    job()
    found, total = [], 0.0
    while not found or total < least:
        begin = clock()
        job()
        found.append(clock() - begin)
        total += found[-1]
    return found


def quickest(job, repeats=3):
    """Return the least seconds of a few calls, to choose between variants."""
    return min(times(job, 0.0)[0] for _ in range(repeats))
