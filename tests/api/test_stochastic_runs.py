"""Runs of `minimize_stochastic`: what is kept, what stops them, and what is refused."""

import functools
import signal
import threading

import numpy as np
import pytest
from test_minimize_stochastic import RATE, ROWS, X0, A, B, N, adding, loop, shuffled, solve

import fastopt
from fastopt import schedules
from fastopt.concurrency import time_slices

add = functools.partial(solve, adding, jac="add", method="sgd")


def losses_at(x, a=A, b=B):
    return np.mean(np.log1p(np.exp(-b * (a @ x))))


def test_slices_leave_the_bits(monkeypatch):
    whole = add(epochs=4, average=2)
    monkeypatch.setattr(time_slices, "CHECK_INTERVAL", 0.0)  # one step a slice
    cut = add(epochs=4, average=2)
    for name in ("x", "x_last", "x_average", "loss"):
        np.testing.assert_array_equal(whole[name], cut[name])


def test_seeds():
    first, again, other = add(seed=1), add(seed=np.random.default_rng(1)), add(seed=2)
    np.testing.assert_array_equal(first.x_last, again.x_last)
    assert (first.x_last != other.x_last).any()
    assert (add(seed=None).x_last != add(seed=None).x_last).any()


def test_average():
    points, _ = loop("sgd", A, B, X0, 8, 4, 3)
    res = add(epochs=4, average=3)
    np.testing.assert_allclose(res.x_average, points[13:].mean(axis=0), rtol=1e-10)
    np.testing.assert_array_equal(res.x, res.x_average)
    np.testing.assert_allclose(add(epochs=4, average=True).x, points[1:].mean(axis=0), rtol=1e-10)


def test_schedule_and_weight_decay():
    rate = schedules.inverse_time(0.1, decay=0.5)
    points, _ = loop("sgd", A, B, X0, 8, 2, 3, rate)
    res = add(epochs=2, options={"learning_rate": rate})
    np.testing.assert_allclose(res.x_last, points[-1], rtol=1e-10)
    decayed = add(epochs=1, options={"weight_decay": 0.1, "maxiter": 1}).x_last
    plain = add(epochs=1, options={"maxiter": 1}).x_last
    np.testing.assert_allclose(decayed, plain - 0.1 * RATE * X0, rtol=1e-12)


def test_held_out_rows():
    res = add(validation=0.25, shuffle=False, epochs=2)
    points, _ = loop("sgd", A[:32], B[:32], X0, 8, 2, 3, shuffle=False)
    np.testing.assert_allclose(res.x_last, points[-1], rtol=1e-10)
    wanted = [losses_at(points[k], A[32:], B[32:]) for k in (4, 8)]
    np.testing.assert_allclose(res.validation_loss, wanted, rtol=1e-10)
    assert res.fun == min(res.validation_loss)
    random = add(validation=0.25, epochs=2)
    assert random.nfev == 2 * ROWS
    assert (random.validation_loss != res.validation_loss).all()
    np.testing.assert_array_equal(random.x, add(validation=0.25, epochs=2).x)


def test_early_stopping():
    rng = np.random.default_rng(0)
    other = rng.normal(size=(50, N)), rng.choice([-1.0, 1.0], 50)  # nothing to be learnt of
    res = add(validation=other, patience=3, epochs=100)
    assert res.status == 9
    assert res.success
    assert res.epochs == res.best_epoch + 3 < 100
    assert res.fun == res.validation_loss.min() == res.validation_loss[res.best_epoch - 1]
    np.testing.assert_allclose(losses_at(res.x, *other), res.fun, rtol=1e-12)


def test_callback():
    seen = []

    def see(intermediate_result):
        seen.append(intermediate_result)
        if intermediate_result.epoch == 2:
            raise StopIteration

    res = add(callback=see, validation=(A, B))
    assert (res.status, res.success, res.epochs) == (99, False, 2)
    assert [s.nit for s in seen] == [6, 12]
    np.testing.assert_array_equal([s.fun for s in seen], res.loss)
    np.testing.assert_array_equal([s.validation_loss for s in seen], res.validation_loss)
    np.testing.assert_array_equal(seen[-1].x, res.x_last)
    points = []
    add(callback=lambda xk: points.append(xk))
    assert len(points) == 3


def test_limits():
    res = add(options={"maxiter": 9})
    assert (res.status, res.nit, res.epochs, res.success) == (1, 9, 1, False)
    res = add(options={"maxiter": 2})
    points, _ = loop("sgd", A, B, X0, 8, 1, 3)
    np.testing.assert_allclose(res.x, points[2], rtol=1e-12)
    assert 0.0 < res.fun < 2.0
    res = add(epochs=10**9, options={"maxtime": 0.2})
    assert res.status == 5
    assert res.epochs > 10
    assert add(options={"maxtime": 0.0}).nit == 0


def test_interrupt_keeps_the_best():
    threading.Timer(0.5, signal.raise_signal, [signal.SIGINT]).start()
    res = add(epochs=10**9)
    assert res.status == 6
    assert res.epochs > 10
    assert 0.0 < res.fun < 1.0


def test_nan_is_a_status():
    b = B.copy()
    b[17] = np.nan
    res = add((A, b), shuffle=False)
    assert (res.status, res.success, res.nit) == (-1, False, 2)
    np.testing.assert_array_equal(res.x, X0)
    assert np.isnan(res.fun)
    fine = add((A[:16], B[:16]), validation=(A, b))  # a validation loss that is not a number
    assert fine.status == 8
    assert np.isnan(fine.validation_loss).all()
    np.testing.assert_array_equal(fine.x, fine.x_last)


def test_the_best_epoch_is_kept_where_numbers_end():
    rates = np.array(8 * [0.02] + 5 * [9.0] + 7 * [1e200])  # four steps an epoch

    def rate(t):
        return rates[int(t) - 1]

    res = add((A[:32], B[:32]), epochs=9, options={"learning_rate": rate})
    assert res.status == -1
    assert res.epochs == 3 > res.best_epoch == 2
    assert res.fun == res.loss.min()
    best = add((A[:32], B[:32]), epochs=2, options={"learning_rate": rate})
    np.testing.assert_array_equal(res.x, best.x)


def test_float32_stays():
    a, b = A.astype(np.float32), B.astype(np.float32)
    res = add((a, b), X0.astype(np.float32), average=1)
    assert res.x.dtype == res.x_last.dtype == res.x_average.dtype == np.float32
    points, losses = loop("sgd", A, B, X0, 8, 3, 3)
    np.testing.assert_allclose(res.x_last, points[-1], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(res.loss, losses, rtol=1e-5)


def squares(x, row, weight):
    s = 0.0
    for value in row:
        s += weight * (value - x[0, 0]) ** 2
    return s


def test_shapes_memmap_and_unequal_rows(tmp_path):
    """Rows of unequal lengths, and arrays on disk, one in Fortran's order."""
    rows = [np.arange(1.0, 2.0 + k % 3) for k in range(20)]
    weights = np.memmap(tmp_path / "weights", np.float64, "w+", shape=20)
    weights[:] = np.arange(20.0)
    x0, how = np.zeros((1, 2)), {"method": "sgd", "options": {"learning_rate": 1e-3}}
    res = solve(squares, (rows, weights), x0, **how)
    x, rng, order = x0.copy(), np.random.default_rng(3), list(range(20))
    for _ in range(3):
        shuffled(order, rng.integers(2**64, dtype=np.uint64))
        for first in range(0, 20, 8):
            part = order[first : first + 8]
            x[0, 0] -= 1e-3 * np.mean([2 * weights[k] * np.sum(x[0, 0] - rows[k]) for k in part])
    np.testing.assert_allclose(res.x_last, x, rtol=1e-12)
    kept = np.memmap(tmp_path / "a", np.float64, "w+", shape=A.shape, order="F")
    kept[:] = A
    read_only = np.memmap(tmp_path / "a", np.float64, "r", shape=A.shape, order="F")
    np.testing.assert_array_equal(add((read_only, B)).x, add().x)


def test_progress_is_shown(capsys):
    add(options={"disp": True})
    out, err = capsys.readouterr()
    assert "All epochs are done." in out
    assert "row" in err


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"batch_size": 0}, "batch_size = 0; it must be at least 1"),
        ({"batch_size": 2.5}, "batch_size = 2.5; it must be a whole number"),
        ({"batch_size": "all"}, "batch_size must be one real number"),
        ({"epochs": 0}, "epochs = 0"),
        ({"epochs": True}, "epochs must be one real number"),
        ({"average": 0}, "average = 0"),
        ({"epochs": 4, "average": 5}, "average = 5 begins after the last epoch, 4"),
        ({"jac": "added"}, "'cs', 'add' or None"),
        ({"shuffle": 1}, "shuffle must be True or False"),
        ({"vectorized": None}, "vectorized must be True or False"),
        ({"seed": "a"}, "seed = 'a'"),
        ({"seed": -1}, "seed = -1"),
        ({"patience": 2}, "give validation"),
        ({"patience": 0, "validation": 0.5}, "patience = 0"),
        ({"validation": 0.001}, "holds out 0 of 43 rows"),
        ({"validation": 1.5}, "validation = 1.5; it must be between 0 and 1"),
        ({"validation": (A, B[:-1])}, "validation[0] has 43, validation[1] has 42"),
        ({"validation": (A,)}, "validation has rows of shapes [(11,)]"),
        ({"validation": (A[:0], B[:0])}, "one row or more"),
        ({"data": (A, B[:-1])}, "data[0] has 43, data[1] has 42"),
        ({"data": ()}, "data is empty"),
        ({"data": (A[:0], B[:0])}, "data has no rows"),
        ({"data": [A, B]}, "data is a list"),
        ({"data": 3.0}, "data[0] is 3.0"),
        ({"data": ([A[0], A[1, :3]], B[:2]), "vectorized": True, "jac": None}, "equal lengths"),
        ({"x0": []}, "x0 is empty"),
        ({"x0": [np.nan]}, "x0 is not finite"),
        ({"jac": "4-point"}, "jac = '4-point'"),
        ({"method": "adma"}, "did you mean 'adamax' or 'adan' or 'adam'"),
        ({"callback": 3}, "callback must be a function"),
        ({"options": 3}, "options must be a dict"),
        ({"options": {"learning_rate": "best"}}, "learning_rate = 'best'"),
        ({"options": {"lr": 0.1}}, "did you mean 'learning_rate'"),
        ({"options": {"gtol": 0.1}}, "unknown option 'gtol'"),
        ({"options": {"weight_decay": -1.0}}, "weight_decay = -1.0"),
        ({"options": {"weight_decay": np.inf}}, "weight_decay must be finite"),
        ({"options": {"learning_rate": -1.0}}, "learning_rate = -1.0"),
        ({"fun": 3}, "it must be a plain or an @njit function"),
        ({"fun": lambda x, g, a: 0.0}, "is called with 4 arguments"),
        ({"fun": lambda x, g, a, b: (1.0, x)}, "fun must return one real number"),
        ({"fun": lambda x, a, b: a[0], "jac": None}, "does not depend on x"),
    ],
)
def test_refused_with_a_sentence(how, says):
    how = {"fun": adding, "data": (A, B), "x0": X0, "jac": "add", "method": "sgd", **how}
    with pytest.raises((ValueError, TypeError)) as caught:
        fastopt.minimize_stochastic(how.pop("fun"), how.pop("x0"), how.pop("data"), **how)
    assert says in str(caught.value)


def test_too_few_parameters_are_seen():
    with pytest.raises(IndexError, match="outside x"):
        add((np.ones((4, 12)), np.ones(4)))


def test_an_array_on_a_gpu_is_refused():
    class Elsewhere:
        __cuda_array_interface__ = {"shape": (3,)}  # noqa: RUF012

    with pytest.raises(ValueError, match=r"data\[0\] lives on a GPU"):
        add(Elsewhere())
