"""Runs that are killed at random moments, and called again until they end.

    python tests/helpers/kill_and_resume.py [KILLS [CASE...]]

For each case KILLS processes (100) are killed with SIGKILL, each within a quarter of a second after
it began to solve, many of them while they write; one more ends the run (where it ends before,
another is begun). The result must be, to the last bit, that of a run that nobody disturbed.
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
from fastopt.concurrency import time_slices
from fastopt.storage import checkpoint_file

HERE = pathlib.Path(__file__).parent
VICTIM = "import sys, kill_and_resume as k; k.victim(*sys.argv[1:])"  # its functions' module: ours
SOON = 0.25  # seconds


@njit
def rosenbrock(x):
    f = 0.0
    for i in range(x.size - 1):
        f += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return f


@njit
def slow_decay(t, a, b, c):
    late = 0.0
    for _ in range(200):
        late = np.sin(late + 0.1)
    return a * np.exp(-b * t) + c + 1e-9 * late


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


def batch(workers=2, **more):
    """Short and long problems on two threads."""
    maxiter = np.where(np.arange(3000) % 500 == 7, 200_000, 2000)
    options = {"learning_rate": 1e-3, "maxiter": maxiter, **more}
    given = misfit, X0, decays(3000)[0], (T,)
    return fastopt.minimize_batch(*given, options=options, workers=workers)


def batch_alone(**more):
    """On one thread."""
    return batch(1, **more)


def peaks(**more):
    """Fits of a slow curve on two threads."""
    y = 5.0 * np.exp(-np.linspace(0.5, 2.0, 2000)[:, None] * T) + 0.01 * np.sin(9 * T)
    given = slow_decay, T, y, [1.0, 1.0, 0.0]
    return fastopt.curve_fit_batch(*given, options=more, workers=2)


def loop(checkpoint=None, maxtime=np.inf):
    """A user's own, over an optimizer object."""
    x = {"w": np.ones((20, 50)), "b": np.ones(20, np.float32)}
    opt = fastopt.Nadam(fastopt.schedules.cosine(1e-2, 20_000), weight_decay=1e-3)
    if checkpoint and pathlib.Path(checkpoint).exists():
        state = fastopt.load(checkpoint)
        x = state["x"]
        opt.load_state_dict(state["optimizer"])
    while opt.t < (20_000 if maxtime else 1):
        opt.step(x, {name: np.sin(array) for name, array in x.items()})
        if checkpoint and opt.t % 100 == 0:
            fastopt.save(checkpoint, x=x, optimizer=opt.state_dict())
    return {**x, "t": opt.t}


CASES = {case.__name__: case for case in (textbook, search, plain, batch, batch_alone, peaks, loop)}


def victim(case, path):
    """Solve, and save what came of it; it may be killed at any moment."""
    CASES[case](maxtime=0.0)  # compiled
    checkpoint_file.MIN_INTERVAL, checkpoint_file.MAX_TIME_FRACTION = (
        0.0,
        1.0,
    )  # so that writing is often hit
    time_slices.CHECK_INTERVAL = 0.003
    print("begun", flush=True)
    fastopt.save(f"{path}.result", **CASES[case](checkpoint=path))


def killed(case, kills):
    """Kill a case so many times; [results of the runs that ended], how many ran on, and wrote."""
    results, resumed, writing = [], 0, 0
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
                time.sleep(random.uniform(0.0, SOON))
                process.kill()
            code = process.wait()
            process.stdout.close()
            assert code in (0, -9), code
            if code == 0:
                results.append(fastopt.load(f"{path}.result"))
                for file in pathlib.Path(folder).iterdir():
                    file.unlink()
            else:
                kills -= 1
                writing += any(path.parent.glob(f"*.{process.pid}-*.part"))
    return results, resumed, writing


def check(case, kills):
    """How many runs ended, how many processes went on, and how many were hit while they wrote."""
    results, resumed, writing = killed(case, kills)
    undisturbed = CASES[case]()
    for result in results:
        assert set(result) == set(undisturbed)
        for name, value in result.items():
            np.testing.assert_array_equal(value, undisturbed[name], err_msg=name)
    return len(results), resumed, writing


if __name__ == "__main__":
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    for case in sys.argv[2:] or CASES:
        runs, resumed, writing = check(case, kills)
        print(
            f"{case}: {kills} kills ({writing} during a write), {resumed} went on, {runs} ended "
            "with the same bits",
            flush=True,
        )
