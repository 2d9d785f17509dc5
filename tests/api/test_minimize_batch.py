"""`minimize_batch`: every problem as `minimize` solves it alone, to the last bit."""

import _thread
import copy
import math
import os
import pickle
import threading
import time

import numba
import numpy as np
import pytest
from batch_problems import ARRAYS, X0, T, decays, misfit, same
from scipy.optimize import Bounds, OptimizeResult

import fastopt
from fastopt.algorithms import batch_worker, problem_arrays
from fastopt.algorithms.run_state import FRESH
from fastopt.compiling import compiler
from fastopt.targets.cpu import cpu_target as cpu

Y, TRUE = decays(60)
ALONE = numba.njit(misfit)
LENGTHS = np.random.default_rng(1).integers(12, 40, len(Y))
QUICK = {"maxfev": 300}


def check(fun, x0, data, args=(), options=None, each=None, problems=range(0, 60, 13), **others):
    """The batch, and some of its problems compared with `minimize`; `each(b)` their own options."""
    batch = fastopt.minimize_batch(fun, x0, data, args, options=options, **others)
    fields = data if isinstance(data, tuple) else (data,)
    for b in problems:
        start = x0 if np.ndim(x0) == 1 else x0[b]
        rows = tuple(np.array(f[b])[()] if np.ndim(f[b]) else f[b] for f in fields)
        own = {**(options or {}), **(each(b) if each else {})}
        alone = fastopt.minimize(numba.njit(fun), start, (*rows, *args), options=own, **others)
        problem = batch.problem(b)
        assert set(problem) == set(alone)
        for name, value in alone.items():
            np.testing.assert_array_equal(problem[name], value, err_msg=f"{name} of problem {b}")
            assert type(problem[name]) is type(value)
    return batch


def test_equals_minimize():
    res = check(misfit, X0, Y, (T,), QUICK, method="adagrad")
    assert res.success.all()
    assert res.message == "60 of 60 problems converged."
    assert np.max(np.abs(res.x - TRUE)) < 0.5
    gradient = fastopt.value_and_grad(misfit, size=3)
    for b in range(60):
        f, g = gradient(res.x[b], Y[b], T)
        assert np.max(np.abs(g)) <= 3e-7
        assert f == pytest.approx(res.fun[b], rel=1e-12)


def test_equals_minimize_with_a_given_rate():
    rates, rho = np.linspace(1e-3, 1e-2, 60), np.linspace(0.5, 0.95, 60)
    options = {"learning_rate": rates, "rho": rho, "maxiter": np.arange(60)}
    batch = fastopt.minimize_batch(misfit, X0, Y, (T,), options=options)
    np.testing.assert_array_equal(batch.nit, np.arange(60))
    assert batch.message == "0 of 60 problems converged; 60 reached maxiter."
    for b in (0, 1, 31, 59):
        own = {"learning_rate": rates[b], "rho": rho[b], "maxiter": b}
        alone = fastopt.minimize(ALONE, X0, (Y[b], T), options=own)
        assert all(np.array_equal(batch.problem(b)[name], alone[name]) for name in alone)


def test_equals_the_textbook():
    """Against RMSProp written in NumPy over the whole batch."""
    rates = np.linspace(1e-3, 1e-2, 60)[:, None]
    x, v = np.ones((60, 3)), np.zeros((60, 3))
    for _ in range(25):
        e = np.exp(-x[:, 1:2] * T)
        r = x[:, :1] * e + x[:, 2:] - Y
        g = 2 * np.stack([(r * e).sum(1), -(r * x[:, :1] * T * e).sum(1), r.sum(1)], axis=1)
        v = 0.9 * v + 0.1 * g * g
        x -= rates * g / np.sqrt(v + 1e-8)
    options = {"learning_rate": rates[:, 0], "maxiter": 25}
    res = fastopt.minimize_batch(misfit, X0, Y, (T,), options=options)
    np.testing.assert_allclose(res.x_last, x, rtol=1e-10, atol=1e-12)


def test_bounds():
    low, high = [0.0, 0.6, 0.1], np.linspace(1.0, 1.6, 60)[:, None] * np.ones(3)
    options = {**QUICK, "gtol": np.geomspace(1e-6, 1e-2, 60)}
    batch = fastopt.minimize_batch(misfit, X0, Y, (T,), bounds=Bounds(low, high), options=options)
    assert np.all((batch.x >= low) & (batch.x <= high))
    pairs = np.stack([np.broadcast_to(low, high.shape), high], axis=-1)
    same(batch, fastopt.minimize_batch(misfit, X0, Y, (T,), bounds=pairs, options=options))
    shared = fastopt.minimize_batch(
        misfit, X0, Y, (T,), bounds=Bounds(low, high[20]), options={**QUICK, "gtol": 1e-4}
    )
    for b, found, gtol in ((20, shared, 1e-4), (59, batch, 1e-2)):
        alone = fastopt.minimize(
            ALONE, X0, (Y[b], T), bounds=Bounds(low, high[b]), options={**QUICK, "gtol": gtol}
        )
        assert all(np.array_equal(found.problem(b)[name], alone[name]) for name in alone)


def test_ragged_and_strided_fields_and_starts_of_each():
    x0 = np.ones((60, 3)) + 0.01 * np.arange(60)[:, None]
    ys, ts = [y[:n] for y, n in zip(Y, LENGTHS, strict=True)], [T[:n] for n in LENGTHS]
    ragged = check(misfit, x0, (ys, ts), (), QUICK, method="adagrad")
    objects = np.empty(60, object)
    objects[:] = ys
    same(ragged, fastopt.minimize_batch(misfit, x0, (objects, ts), method="adagrad", options=QUICK))
    whole = fastopt.minimize_batch(misfit, x0, Y, (T,), method="adagrad", options=QUICK)
    for data in (np.asfortranarray(Y), np.repeat(Y, 2, axis=1)[:, ::2], (list(Y),)):
        same(whole, fastopt.minimize_batch(misfit, x0, data, (T,), method="adagrad", options=QUICK))
    big = Y.astype(Y.dtype.newbyteorder(">"))
    same(whole, fastopt.minimize_batch(misfit, x0, big, (T,), method="adagrad", options=QUICK))


def table(x, a, w, k, flag):
    """Fields of several kinds: two axes, numbers, integers, booleans; x in a shape of its own."""
    s = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            s += w * (x[i % 2, j % 2] - a[i, j]) ** 2
    return s * k if flag else s + (x[0, 0] - 3.0) ** 2


def test_fields_of_all_kinds():
    rng = np.random.default_rng(2)
    a = [rng.normal(size=(n % 4 + 2, 3)) for n in range(20)]
    data = a, rng.uniform(1, 2, 20), np.arange(1, 21), np.arange(20) % 3 > 0
    res = check(table, np.zeros((20, 2, 2)), data, problems=(0, 1, 7, 19))
    assert res.x.shape == res.jac.shape == res.x_last.shape == (20, 2, 2)
    assert res.success.all()


def test_single_precision():
    y = Y.astype(np.float32)
    res = check(misfit, X0.astype(np.float32), y, (T.astype(np.float32),))
    assert res.x.dtype == res.jac.dtype == np.float32
    assert res.success.all()


def square(x, d):
    return (x[0] - d) ** 2 + (x[1] + d) ** 2, (2.0 * (x[0] - d), 2.0 * (x[1] + d))


def value(x, d):
    return (x[0] - d) ** 2 + (x[1] + d) ** 2


def slope(x, d):
    return np.array([2.0 * (x[0] - d), 2.0 * (x[1] + d)])


@pytest.mark.parametrize(
    ("fun", "jac"), [(square, True), (value, slope), (value, "3-point"), (value, "cs")]
)
def test_gradients_of_all_kinds(fun, jac):
    d = np.linspace(-3, 3, 50)
    res = fastopt.minimize_batch(fun, [0.5, 0.5], d, jac=jac)
    np.testing.assert_allclose(res.x, np.stack([d, -d], axis=1), atol=1e-6)
    assert res.jac_method == {True: "fun", slope: "jac"}.get(jac, jac)


def valley(x, d):
    """More parameters than duals have partials: several passes, scratch of each thread's own."""
    s = 0.0
    for i in range(len(x) - 1):
        s += 10.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return s + (x[0] - d) ** 2


def test_many_parameters():
    check(valley, np.zeros(20), np.linspace(0, 1, 30), options={"maxfev": 60}, problems=(0, 29))


def test_lists_in_args():
    def picked(x, d, places):
        s = 0.0
        for i in places:
            s += (x[i] - d) ** 2
        return s

    for kind in (tuple, numba.typed.List):
        res = fastopt.minimize_batch(picked, np.zeros(3), np.arange(40.0), (kind([0, 2]),))
        np.testing.assert_allclose(res.x[:, 2], np.arange(40.0), atol=1e-6)


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_any_number_of_threads_and_any_order_give_the_same_bits(workers):
    y, _ = decays(500)
    one = fastopt.minimize_batch(misfit, X0, y, (T,), method="adagrad", options=QUICK, workers=1)
    order = np.random.default_rng(0).permutation(500)
    many = fastopt.minimize_batch(
        misfit, X0, y[order], (T,), method="adagrad", options=QUICK, workers=workers
    )
    same(many, one, order)


@numba.njit(parallel=True)
def spread(x, y):
    """An objective that uses all cores by itself."""
    s = 0.0
    for i in numba.prange(y.size):
        s += (x[0] - y[i]) ** 2
    return s


def test_parallel_objectives_run_one_at_a_time():
    y = np.arange(12.0).reshape(4, 3)
    res = fastopt.minimize_batch(spread, [0.5], y, jac="2-point", workers=4)
    np.testing.assert_allclose(res.x[:, 0], y.mean(axis=1), atol=1e-6)


def test_numba_set_num_threads_is_honoured(monkeypatch):
    crews = []

    class ThreadScheduler(cpu.ThreadScheduler):
        def __init__(self, problems, *others):
            crews.append(len(problems))
            super().__init__(problems, *others)

    monkeypatch.setattr(cpu, "ThreadScheduler", ThreadScheduler)
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        fastopt.minimize_batch(misfit, X0, Y, (T,), method="adagrad", options=QUICK)
    finally:
        numba.set_num_threads(before)
    fastopt.minimize_batch(misfit, X0, Y, (T,), method="adagrad", options=QUICK, workers=2)
    assert crews == [1, 2]


def test_results():
    res = fastopt.minimize_batch(misfit, X0, Y, (T,), method="adagrad", options=QUICK)
    assert isinstance(res, OptimizeResult)
    assert res.success.dtype == bool
    assert all(len(res[name]) == 60 for name in (*ARRAYS, "success"))
    last = res.problem(-1)
    assert last.fun == res.fun[59]
    last.x[:] = 0.0
    assert res.x[59].all()
    with pytest.raises(IndexError):
        res.problem(60)
    assert "60 of 60" in repr(res)


def test_one_bad_problem_leaves_the_others_alone():
    y, x0 = Y.copy(), np.ones((60, 3))
    y[7, 3], x0[9, 1] = math.nan, math.inf
    res = fastopt.minimize_batch(misfit, x0, y, (T,), method="adagrad", options=QUICK)
    box = fastopt.minimize_batch(misfit, x0, y, (T,), bounds=[(0, 9)] * 3, options=QUICK)
    assert box.status[9] == -1
    good = fastopt.minimize_batch(misfit, X0, Y, (T,), method="adagrad", options=QUICK)
    others = np.delete(np.arange(60), [7, 9])
    for name in ARRAYS:
        np.testing.assert_array_equal(res[name][others], good[name][others])
    assert res.status[7] == res.status[9] == -1
    assert res.message == "58 of 60 problems converged; 2 not finite."
    assert "not finite" in res.problem(7).message
    assert np.isnan([res.fun[9], res.fun_last[9], *res.jac[9]]).all()
    assert res.nfev[9] == 0
    np.testing.assert_array_equal(res.x[7], 1.0)


def test_a_bad_start_is_not_looked_up():
    """An index made from NaN lies outside, which must not end the others."""

    def table(x, values):
        return (x[0] - values[int(x[0]) % 3]) ** 2

    options = {"learning_rate": 0.01, "maxiter": 3}
    x0 = np.array([[np.nan], [1.2], [0.3]])
    res = fastopt.minimize_batch(table, x0, args=(np.arange(3.0),), options=options)
    assert res.status.tolist() == [-1, 1, 1]


def test_no_problems():
    for x0, data in ((X0, np.empty((0, 40))), (np.empty((0, 3)), ([],))):
        res = fastopt.minimize_batch(misfit, x0, data, (T,))
        assert res.x.shape == (0, 3)
        assert res.fun.shape == res.status.shape == (0,)
        assert res.message == "0 of 0 problems converged."


def test_memory_maps_are_read_in_place(tmp_path):
    y = np.memmap(tmp_path / "y", np.float64, "w+", shape=Y.shape)
    y[:] = Y
    y.flush()
    good = fastopt.minimize_batch(misfit, X0, Y, (T,), method="adagrad", options=QUICK)
    for mode in ("r", "c"):
        y = np.memmap(tmp_path / "y", np.float64, mode, shape=Y.shape)
        res = fastopt.minimize_batch(misfit, X0, y, (T,), method="adagrad", options=QUICK)
        same(res, good)


def cheap_or_dear(x, points):
    s = 0.0
    for i in range(points):
        s += np.sin(x[0] + i * 1e-9) * 1e-9
    return (x[0] - 1.0) ** 2 + s


def test_maxtime_holds_where_a_dear_problem_follows_a_cheap_one():
    options = {"learning_rate": 1e-9, "maxiter": [3e6, 2e5], "maxtime": 0.0}
    data = np.array([1, 30_000])
    fastopt.minimize_batch(cheap_or_dear, [3.0], data, options=options)  # compiled
    began = time.perf_counter()
    res = fastopt.minimize_batch(
        cheap_or_dear, [3.0], data, options={**options, "maxtime": 1.0}, workers=1
    )
    assert time.perf_counter() - began < 5.0  # all of it would take more than a minute
    assert list(res.status) in ([1, 5], [5, 7])


ENDLESS = {"learning_rate": 1e-9}


def endless(work=1e15):
    """Options for sixty problems, all short but the third, which has no end."""
    steps = np.full(60, 10.0)
    steps[3] = work
    return {**ENDLESS, "maxiter": steps}


def check_cut(res, status):
    assert res.status[3] == status
    assert res.nit[3] > 1000
    assert np.isfinite(res.fun[3])
    assert set(np.delete(res.status, 3)) <= {1, 7}
    left = res.status == 7
    assert np.isnan(res.fun[left]).all()
    np.testing.assert_array_equal(res.x[left], 1.0)
    assert (res.nit[res.status == 1] == 10).all()


@pytest.mark.parametrize("workers", [1, 2])
def test_maxtime_holds_inside_one_long_problem(workers):
    options = {**endless(), "maxtime": 0.0}
    fastopt.minimize_batch(misfit, X0, Y, (T,), options=options)  # compiled
    began = time.perf_counter()
    options["maxtime"] = 0.3
    res = fastopt.minimize_batch(misfit, X0, Y, (T,), options=options, workers=workers)
    assert time.perf_counter() - began < 3.0
    check_cut(res, 5)
    assert "1 stopped at maxtime" in res.message


def test_a_slow_callback_does_not_stop_the_clock(monkeypatch):
    """While Python sits in a callback, the threads still look up twenty times a second."""
    crews = []

    class ThreadScheduler(cpu.ThreadScheduler):
        def __init__(self, *given):
            super().__init__(*given)
            crews.append(self)

    def slow(done, total):
        time.sleep(2.0)
        ticks.append(int(crews[-1].control[batch_worker.TICK]))
        raise StopIteration

    ticks = []
    fastopt.minimize_batch(misfit, X0, Y, (T,), options={**endless(), "maxtime": 0.0})
    monkeypatch.setattr(cpu, "ThreadScheduler", ThreadScheduler)
    began = time.perf_counter()
    fastopt.minimize_batch(misfit, X0, Y, (T,), options=endless(), callback=slow, workers=1)
    assert time.perf_counter() - began < 5.0
    assert ticks[0] > 10


def test_nothing_of_the_problem_before_remains():
    """Infinite numbers in the loop's arrays would make NaN of the next problem's zeros."""
    names = problem_arrays.vectors(True, False, ())
    at = {name: np.full(3, math.inf) for name in names} | {"best_f": np.full(1, 7.0)}
    x, iterates, workspace, _ = problem_arrays.assembled(at, ())
    record = np.full(len(FRESH), 7.0)
    work = batch_worker.WorkerBuffers(
        record, x, iterates, workspace, (), None, None, np.zeros(1, int)
    )
    given = batch_worker.ProblemData(np.arange(6.0).reshape(2, 3), *[None] * 7)
    prepare = compiler.link(batch_worker.load_problem, {"BOUNDED": False}, compiler.undecorated)
    assert prepare(1, work, given)
    np.testing.assert_array_equal(iterates, [[3.0, 4.0, 5.0]] + [[0.0] * 3] * 5)
    np.testing.assert_array_equal(record, FRESH)
    np.testing.assert_array_equal(workspace.best_x, [3.0, 4.0, 5.0])
    assert np.isnan([*workspace.best_g, *workspace.best_f]).all()


def test_interrupt_keeps_what_is_finished():
    fastopt.minimize_batch(misfit, X0, Y, (T,), options={**endless(), "maxtime": 0.0})
    timer = threading.Timer(0.3, _thread.interrupt_main)
    timer.start()
    res = fastopt.minimize_batch(misfit, X0, Y, (T,), options=endless(), workers=2)
    check_cut(res, 6)
    assert res.message.endswith(" Interrupted.")


def test_callback_counts_and_stops():
    seen = []

    def callback(done, total):
        seen.append((done, total))

    fastopt.minimize_batch(misfit, X0, Y, (T,), method="adagrad", options=QUICK, callback=callback)
    assert seen[-1] == (60, 60)
    assert seen == sorted(seen)

    def stop(done, total):
        raise StopIteration

    res = fastopt.minimize_batch(misfit, X0, Y, (T,), options=endless(), callback=stop, workers=2)
    check_cut(res, 99) if res.nit[3] > 1000 else None
    assert set(res.status) <= {1, 7, 99}

    def fail(done, total):
        raise RuntimeError("the user's")

    with pytest.raises(RuntimeError, match="the user's"):
        fastopt.minimize_batch(misfit, X0, Y, (T,), options=endless(), callback=fail, workers=2)


def test_progress_bar(capsys):
    options = {**QUICK, "disp": True}
    fastopt.minimize_batch(misfit, X0, Y, (T,), method="adagrad", options=options)
    out = capsys.readouterr()
    assert "60 of 60 problems converged." in out.out
    assert "60.0/60.0" in out.err or "60/60" in out.err


def raising(x, d):
    if d > 30.5:
        raise ValueError("d is too large")
    return (x[0] - d) ** 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_problem_that_raises_keeps_the_others(workers, tmp_path):
    """Its exception is in the result; the others have the bits of a batch without it."""
    many = np.r_[np.arange(31.0), np.full(40, 99.0), np.arange(200.0) / 10]
    res = fastopt.minimize_batch(raising, [0.5], many, workers=workers)
    wrong = many > 30.5
    assert set(res.errors) == set(np.flatnonzero(wrong))
    assert (res.status[wrong] == -5).all()
    assert not res.success[wrong].any()
    assert np.isnan(res.fun[wrong]).all()
    assert (res.x[wrong] == 0.5).all()
    assert "40 for which fun raised an exception" in res.message
    own = res.problem(31)
    assert own.message == "fun or jac raised ValueError: d is too large"
    alone = fastopt.minimize_batch(raising, [0.5], many[~wrong], workers=1)
    for name in ("x", "fun", "jac", "nit", "nfev", "status"):
        np.testing.assert_array_equal(res[name][~wrong], alone[name])
    assert "40 for which fun raised" in repr(res)
    for again in (pickle.loads(pickle.dumps(res)), copy.copy(res)):
        assert type(again.errors[31]) is ValueError
    fastopt.save(tmp_path / "result.npz", **res)
    loaded = fastopt.load(tmp_path / "result.npz")
    np.testing.assert_array_equal(loaded["x"], res.x)


def test_what_fun_raises_for_every_problem_passes_through():
    with pytest.raises(ValueError, match="d is too large") as caught:
        fastopt.minimize_batch(raising, [0.0], np.arange(40.0, 45.0), workers=2)
    assert caught.value.__notes__ == ["fun raised for each of the 5 problems of the batch"]


def late(x, d):
    """Raises on the way, when x is near d."""
    if d > 3.5 and abs(x[0] - d) < 0.5:
        raise ValueError("too near")
    return (x[0] - d) ** 2


def test_what_raises_on_the_way_keeps_its_best_point():
    res = fastopt.minimize_batch(late, [0.0], np.array([1.0, 20.0]), options={"learning_rate": 0.1})
    assert list(res.errors) == [1]
    assert res.nit[1] > 0
    assert 0.0 < res.x[1, 0] < 19.6
    assert res.fun[1] == (res.x[1, 0] - 20.0) ** 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_works():
    y, _ = decays(200)
    good = fastopt.minimize_batch(misfit, X0, y, (T,), method="adagrad", options=QUICK, workers=2)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            res = fastopt.minimize_batch(
                misfit, X0, y, (T,), method="adagrad", options=QUICK, workers=2
            )
            same(res, good)
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


def test_a_float32_objective_with_a_given_rate():
    """Its value is float32 where nothing in it widens; the loop's own scalars are float64."""

    def fun(x, c):
        total = 0.0
        for i in range(c.size):
            total += (x[i] - c[i]) * (x[i] - c[i])
        return total

    c, options = np.ones((2, 3), np.float32), {"learning_rate": 0.1, "maxiter": 5}
    res = fastopt.minimize_batch(fun, np.zeros(3, np.float32), c, options=options)
    assert res.x.dtype == np.float32
    assert set(res.status) == {1}
