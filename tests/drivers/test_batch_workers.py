"""Batches sent to executors: the same bits, whatever happens to the workers."""

import _thread
import concurrent.futures
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import warm
from batch_problems import X0, T, decays, misfit, same

import fastopt

Y, _ = decays(400)
LIMITED = {"options": {"maxfev": 300}}  # of the default rule, whose loops other tests compile too


def solve(workers=None, **others):
    return fastopt.minimize_batch(misfit, X0, Y, (T,), workers=workers, **{**LIMITED, **others})


@pytest.fixture(scope="module")
def good():
    res = solve()
    assert res.success.all()
    return res


@pytest.fixture(scope="module")
def processes(good):
    context = multiprocessing.get_context("spawn")  # nothing inherited: all that counts travels
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        yield executor


def test_processes(good, processes):
    counts = []
    res = solve(processes, callback=lambda done, total: counts.append((done, total)))
    same(res, good)
    assert res.message == good.message
    assert counts[-1] == (400, 400)
    assert len(counts) > 2


COMPILED = """
import concurrent.futures, multiprocessing, pathlib, sys
import numpy as np
import fastopt
from batch_problems import X0, T, decays

SHIFT = 0.25
def shifted(p, y, t):
    return np.sum((p[0] * np.exp(-p[1] * t) + p[2] - y - SHIFT) ** 2)

if __name__ == "__main__":
    folder, (y, _) = pathlib.Path(sys.argv[1]), decays(400)
    alone = fastopt.minimize_batch(shifted, X0, y, (T,), options={"maxfev": 300})
    before = {file: file.stat().st_mtime_ns for file in folder.glob("*.nbc")}
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        options = {"workers": executor, "options": {"maxfev": 300}}
        apart = fastopt.minimize_batch(shifted, X0, y, (T,), **options)
    after = {file: file.stat().st_mtime_ns for file in folder.glob("*.nbc")}
    assert before and after == before, set(after) - set(before)
    np.testing.assert_array_equal(apart.x, alone.x)
"""


def test_what_travels_is_compiled_once(tmp_path):
    """A second process finds on disk what the first has compiled (a cache that nobody shares)."""
    script, cache = tmp_path / "compiled.py", tmp_path / "cache"
    script.write_text(COMPILED)
    before = warm.fill(cache)
    paths = os.pathsep.join([str(pathlib.Path(__file__).parent), *sys.path])
    env = {**os.environ, "FASTOPT_CACHE_DIR": str(cache), "PYTHONPATH": paths}
    subprocess.run([sys.executable, script, cache], env=env, check=True, timeout=300)
    assert {file.name for file in cache.iterdir()} > before


def test_ragged_data_options_and_bounds_are_cut_with_the_problems(good):
    lengths = np.random.default_rng(0).integers(12, 40, 400)
    data = [y[:n] for y, n in zip(Y, lengths, strict=True)], [T[:n] for n in lengths]
    given = {
        "x0": np.ones((400, 3)) + 1e-3 * np.arange(400)[:, None],
        "data": data,
        "bounds": np.stack([np.zeros((400, 3)), np.linspace(2, 3, 1200).reshape(400, 3)], -1),
        "options": {"maxiter": np.arange(400) % 30, "gtol": 1e-4},
    }
    with concurrent.futures.ThreadPoolExecutor(3) as executor:
        parts = fastopt.minimize_batch(misfit, workers=executor, **given)
    same(parts, fastopt.minimize_batch(misfit, **given))


def raising(x, d):
    if d > 300.5:
        raise ValueError("d is too large")
    return (x[0] - d) ** 2


def test_a_problem_that_raises_keeps_the_others(processes):
    res = fastopt.minimize_batch(raising, [0.0], np.arange(302.0), workers=processes)
    assert list(res.errors) == [301]
    assert str(res.errors[301]) == "d is too large"
    assert res.status[301] == -5
    assert res.success[:301].all()


def test_maxtime(processes):
    options = {"learning_rate": 1e-9, "maxiter": np.where(np.arange(400) == 3, 1e15, 10)}
    solve(processes, options={**options, "maxiter": 10})  # compiled in all
    began = time.perf_counter()
    res = solve(processes, options={**options, "maxtime": 1.0})
    assert time.perf_counter() - began < 5.0
    assert res.status[3] in (5, 7)
    assert set(np.delete(res.status, 3)) <= {1, 7}


def test_an_interrupt_ends_what_has_begun(good):
    """The workers stop too, and the executor is free for others."""
    options = {"learning_rate": 1e-9, "maxiter": np.where(np.arange(400) == 3, 1e15, 10)}
    solve(options={**options, "maxiter": 10})
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        timer = threading.Timer(0.5, _thread.interrupt_main)
        timer.start()
        res = solve(executor, options=options)
        assert res.message.endswith(" Interrupted.")
        assert res.status[3] == 6  # as far as it came
        assert res.nit[3] > 1000
    # Leaving the block waits for the threads.


def test_futures_of_another_kind(good):
    class Client:
        def submit(self, *call):
            return object()

    with pytest.raises(TypeError, match=r"workers gives a object.*get_executor"):
        solve(Client())


class Failing(concurrent.futures.ThreadPoolExecutor):
    """Takes two parts; then it is broken."""

    taken = 0

    def submit(self, *call):
        self.taken += 1
        if self.taken > 2:
            raise concurrent.futures.BrokenExecutor("no more of that")
        return super().submit(*call)


def check_broken(res, good, says):
    done = res.status != 7
    assert 0 < done.sum() < 400
    for name in ("x", "fun", "nit", "status"):
        np.testing.assert_array_equal(res[name][done], good[name][done])
    assert np.isnan(res.fun[~done]).all()
    np.testing.assert_array_equal(res.x[~done], 1.0)
    assert f"{400 - done.sum()} not run" in res.message
    assert says in res.message


def test_an_executor_that_fails_keeps_what_is_finished(good):
    with Failing(1) as executor, pytest.warns(RuntimeWarning, match="The executor failed"):
        res = solve(executor)
    check_broken(res, good, "The executor failed: BrokenExecutor: no more of that.")


def test_a_pool_that_breaks_keeps_what_is_finished(good):
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
        solve(executor, callback=None)

        def kill(done, total):
            for pid in list(executor._processes or ()):
                os.kill(pid, signal.SIGKILL)

        with pytest.warns(RuntimeWarning, match="The executor failed: BrokenProcessPool"):
            res = solve(executor, callback=kill)
    check_broken(res, good, "BrokenProcessPool")


def test_a_closed_executor_runs_nothing(good):
    executor = concurrent.futures.ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.warns(RuntimeWarning, match="cannot schedule new futures"):
        res = solve(executor)
    assert (res.status == 7).all()


def test_what_cannot_travel_is_said(processes):
    lock = threading.Lock()

    def locked(x, d):
        return (x[0] - d) ** 2 + (0.0 if lock is None else 1.0)

    with pytest.raises(TypeError, match=r"fun cannot be|cannot be sent to other processes"):
        fastopt.minimize_batch(locked, [0.0], np.arange(3.0), workers=processes)


@pytest.mark.filterwarnings("ignore")
def test_dask_finishes_with_a_worker_killed(good):
    distributed = pytest.importorskip("distributed")
    killed = []
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = client.get_executor()
        same(solve(executor), good)
        first, _ = client.run(os.getpid).values()

        def kill(done, total):
            if not killed:
                killed.append(done)
                os.kill(first, signal.SIGKILL)

        same(solve(executor, callback=kill), good)
    assert killed
    assert killed[0] < 400
