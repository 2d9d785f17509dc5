"""Mini-batches in parts: NumPy's path, and the same bits whatever the threads do."""

import functools
import signal
import threading

import numpy as np
import pytest
from test_minimize_stochastic import adding, adding_batch, logistic, loop

import fastopt
from fastopt.concurrency import time_slices
from fastopt.drivers.training import parts
from fastopt.inputs import stochastic_inputs
from fastopt.storage import checkpoint_file
from fastopt.targets.cpu.training import minibatch_loops

RNG = np.random.default_rng(4)
N, ROWS, BATCH = 11, 1_000, 389  # parts of 130, 130 and 129 rows; of the last mini-batch 130 and 92
A = RNG.normal(size=(ROWS, N))
B = np.where(RNG.random(ROWS) < 0.5, 1.0, -1.0)
X0 = RNG.normal(size=N) / 4
RATE = 0.02


def limited(x, g, a, b, most):
    if b > most:
        raise ValueError("a label beyond the limit")
    return adding(x, g, a, b)


def solve(fun=limited, data=(A, B), args=(9.0,), **how):
    options = {"learning_rate": RATE, **how.pop("options", {})}
    how = {"jac": "add", "method": "sgd", "seed": 3, "batch_size": BATCH, "epochs": 3, **how}
    return fastopt.minimize_stochastic(fun, X0, data, args, options=options, **how)


vectorized = functools.partial(solve, adding_batch, args=(), vectorized=True)


@functools.cache
def path():
    return loop("sgd", A, B, X0, BATCH, 3, 3)


@pytest.mark.parametrize(
    ("fun", "jac", "together", "tolerance"),
    [
        (limited, "add", False, 1e-12),
        (adding_batch, "add", True, 1e-12),
        (logistic, None, False, 1e-12),  # in reverse mode: each thread has its own store
        (logistic, "2-point", False, 1e-5),  # it changes x
    ],
)
def test_any_number_of_threads_takes_numpy_s_path_to_the_same_bits(fun, jac, together, tolerance):
    points, losses = path()
    how = {"jac": jac, "vectorized": together, "args": (9.0,) if fun is limited else ()}
    one, *others = (solve(fun, workers=k, **how) for k in (1, 2, 3, 2, 3))
    np.testing.assert_allclose(one.x_last, points[-1], rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(one.loss, losses, rtol=tolerance)
    for other in others:
        np.testing.assert_array_equal(one.x_last, other.x_last)
        np.testing.assert_array_equal(one.loss, other.loss)
    assert one.nit == 9
    assert one.nfev == (9 if together else 3 * ROWS * (N + 1 if jac == "2-point" else 1))


@pytest.mark.parametrize("helpers", ["never come", "come first"])
def test_threads_may_come_at_any_time(helpers, monkeypatch):
    """One that comes first waits for work; where none comes, the caller's thread does it all."""
    helped = []

    def threads(function, calls):
        others = [threading.Thread(target=function, args=call) for call in calls[1:]]
        if helpers == "come first":
            for other in others:
                other.start()
        function(*calls[0])
        helped.extend(call[-1][3].any() for call in calls[1:])  # whether x was copied to its own
        for other in others:
            if other.ident:
                other.join()

    how = {"fun": logistic, "args": (), "jac": "2-point", "epochs": 100}
    wanted = solve(workers=1, **how).x_last
    monkeypatch.setattr(minibatch_loops, "map_threads", threads)
    np.testing.assert_array_equal(solve(workers=3, **how).x_last, wanted)
    assert helpers == "come first" or not any(helped)  # on a busy machine they may come too late


def test_an_objective_that_raises_in_any_thread():
    for place in range(0, BATCH, 40):
        b = B.copy()
        b[place] = 9.0
        with pytest.raises(ValueError, match="a label beyond the limit"):
            solve(data=(A, b), args=(5.0,), shuffle=False, workers=2)
    np.testing.assert_array_equal(solve(workers=2).x_last, solve(workers=1).x_last)


def test_a_row_that_is_not_finite():
    b = B.copy()
    b[BATCH + 150] = np.nan  # in the second part of the second mini-batch
    res = solve(data=(A, b), shuffle=False, workers=2)
    assert (res.status, res.success, res.nit) == (-1, False, 1)
    np.testing.assert_array_equal(res.x, X0)


def test_callback_and_interrupt_stop():
    def stop(intermediate_result):
        if intermediate_result.epoch == 2:
            raise StopIteration

    res = solve(callback=stop, workers=2)
    assert (res.status, res.epochs) == (99, 2)
    threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
    res = solve(epochs=10**9, workers=2)
    assert res.status == 6
    assert res.epochs > 10


def test_runs_beside_each_other():
    """They share the threads of the pool, of which there are no more than processors."""
    found: dict = {}

    def run(seed):
        found[seed] = solve(seed=seed, epochs=100, workers=3).x_last

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(4):
        np.testing.assert_array_equal(found[seed], solve(seed=seed, epochs=100, workers=1).x_last)


def test_a_checkpoint_continues_with_another_number_of_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(time_slices, "CHECK_INTERVAL", 0.0)  # one step a slice
    monkeypatch.setattr(checkpoint_file.Checkpoint, "is_due", lambda self: True)
    file = str(tmp_path / "run.npz")
    part = vectorized(workers=2, options={"maxiter": 4, "checkpoint": file})
    assert part.nit == 4
    res = vectorized(workers=3, options={"checkpoint": file})
    np.testing.assert_array_equal(res.x_last, vectorized(workers=1).x_last)
    with pytest.raises(ValueError, match="another problem; these differ: parts of a mini-batch"):
        vectorized(options={"checkpoint": file})  # of whole mini-batches


def test_a_checkpoint_after_an_exception_continues_to_the_same_bits(tmp_path, monkeypatch):
    """The rows of the mini-batch in which fun raised have been shuffled already."""
    monkeypatch.setattr(time_slices, "CHECK_INTERVAL", 0.0)  # one step a slice
    monkeypatch.setattr(checkpoint_file.Checkpoint, "is_due", lambda self: True)
    monkeypatch.setattr(checkpoint_file, "differences", lambda *_: "")  # the limit differs
    for row in range(0, ROWS, 150):
        b, options = B.copy(), {"checkpoint": str(tmp_path / f"{row}.npz")}
        b[row] = 9.0
        with pytest.raises(ValueError, match="a label beyond the limit"):
            solve(data=(A, b), args=(5.0,), workers=2, options=options)
        res = solve(data=(A, b), workers=2, options=options)
        np.testing.assert_array_equal(res.x_last, solve(data=(A, b), workers=1).x_last)


@pytest.mark.parametrize(
    ("rows", "row", "parameters", "workers", "together", "expected"),
    [
        (32, 1_000, 1_000, 2, False, 0),
        (1_024, 1_000, 1_000, None, False, 8),
        (1_024, 1_000, 1_000, None, True, 0),  # fun might normalise over the mini-batch
        (1_024, 1_000, 1_000, 1, True, 8),
        (512, 100, 100, None, False, 0),
        (512, 100, 100, 3, False, 4),
        (512, 1_000, 10**6, None, False, 0),  # gradients of parts would be most of the work
        (10_000, 10, 10, None, False, 16),
    ],
)
def test_the_parts_of_mini_batches(rows, row, parameters, workers, together, expected):
    data = np.broadcast_to(0.0, (200_000, row))
    given = data, rows, 1, True, 0, None, None, None, 0.0, together
    work = stochastic_inputs.rows_and_numbers(*given)
    found = parts.split(work, workers, logistic, parameters, together)
    assert found.parts == expected
    assert found.threads <= max(workers or 99, 1)
    if expected:
        assert found.rows * (expected - 1) < rows <= found.rows * expected


@pytest.mark.parametrize(("workers", "says"), [(0, "workers = 0"), (1.5, "workers = 1.5")])
def test_other_workers_are_refused(workers, says):
    with pytest.raises(ValueError, match=says):
        solve(workers=workers)
