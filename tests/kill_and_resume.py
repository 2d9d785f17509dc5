"""Runs that are killed at random moments, and called again until they end.

    python tests/kill_and_resume.py [KILLS [CASE...]]

For each case KILLS processes (100) are killed with SIGKILL, each within a quarter of a second after
it began to solve; one more ends the run (where it ends before, another is begun). The result must
be, to the last bit, that of a run that nobody disturbed.
"""

import pathlib
import random
import subprocess
import sys
import tempfile
import time

import numpy as np
from batch_problems import X0, T, decays, misfit
from numba import njit

import fastopt
from fastopt import _checkpoint

HERE = pathlib.Path(__file__).parent
VICTIM = "import sys, kill_and_resume as k; k.victim(*sys.argv[1:])"  # its functions' module: ours
SOON = 0.25  # seconds
FIELDS = ("x", "fun", "jac", "x_last", "fun_last", "nit", "nfev", "njev", "status")


@njit
def rosenbrock(x):
    f = 0.0
    for i in range(x.size - 1):
        f += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return f


def in_python(x):
    return rosenbrock.py_func(x)


def textbook(**more):
    """A given learning rate."""
    options = {"learning_rate": 1e-5, "maxiter": 2_000_000, **more}
    return fastopt.minimize(rosenbrock, np.linspace(-1, 1, 30), method="adam", options=options)


def search(**more):
    """The step found, with bounds."""
    options = {"gtol": 0.0, "ftol": 0.0, "maxiter": 2000, "maxfev": 1e9, **more}
    x0, bounds = np.linspace(-1, 1, 1000), [(-2.0, 3.0)] * 1000
    return fastopt.minimize(rosenbrock, x0, bounds=bounds, options=options)


def plain(**more):
    """Called from Python."""
    options = {"learning_rate": 1e-3, "maxiter": 15_000, **more}
    return fastopt.minimize(in_python, np.linspace(-1, 1, 8), method="adagrad", options=options)


def batch(**more):
    """Short and long problems on two threads."""
    maxiter = np.where(np.arange(3000) % 500 == 7, 200_000, 2000)
    options = {"learning_rate": 1e-3, "maxiter": maxiter, **more}
    return fastopt.minimize_batch(misfit, X0, decays(3000)[0], (T,), options=options, workers=2)


CASES = {case.__name__: case for case in (textbook, search, plain, batch)}


def victim(case, path):
    """Solve, and save what came of it; it may be killed at any moment."""
    CASES[case](maxtime=0.0)  # compiled
    _checkpoint.EVERY, _checkpoint.SHARE = 0.02, 1.0  # so that writing is often hit
    print("begun", flush=True)
    save(CASES[case](checkpoint=path), f"{path}.result")


def save(result, path):
    fastopt.save(path, **{name: result[name] for name in FIELDS})


def killed(case, kills, seed=0):
    """Kill a case so many times; [results of the runs that ended], how many ran on."""
    rng, results, resumed = random.Random(seed), [], 0
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "run.npz")
        while kills or not results:
            resumed += path.exists()
            process = subprocess.Popen(
                [sys.executable, "-c", VICTIM, case, path], cwd=HERE, stdout=subprocess.PIPE
            )
            assert process.stdout.readline() == b"begun\n"
            if kills:
                while kills % 2 and not path.exists() and process.poll() is None:
                    time.sleep(0.001)  # every other one has something to lose
                time.sleep(rng.uniform(0.0, SOON))
                process.kill()
            code = process.wait()
            process.stdout.close()
            kills -= code == -9
            assert code in (0, -9), code
            if code == 0:
                results.append(fastopt.load(f"{path}.result"))
                for file in pathlib.Path(folder).iterdir():
                    file.unlink()
    return results, resumed


def check(case, kills):
    """How many runs ended, and how many processes went on from a checkpoint."""
    results, resumed = killed(case, kills)
    undisturbed = CASES[case]()
    for result in results:
        for name in FIELDS:
            np.testing.assert_array_equal(result[name], undisturbed[name], err_msg=name)
    return len(results), resumed


if __name__ == "__main__":
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    for case in sys.argv[2:] or CASES:
        runs, resumed = check(case, kills)
        print(f"{case}: {kills} kills, {resumed} went on, {runs} ended with the same bits")
