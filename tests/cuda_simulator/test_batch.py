"""Batches in Numba's CUDA simulator, thread by thread, against the loop in the interpreter."""

import numpy as np
import pytest
from derivative_cases import complex_step
from numba import cuda as numba_cuda

import fastopt

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
cuda = pytest.importorskip("fastopt.targets.cuda.cuda_target")
from fastopt.targets.cuda import batch_scheduler, device_memory  # noqa: E402

T = np.array([0.0, 1.0, 2.0, 4.0])
Y = np.array(
    [[1.0, 2.0, 3.0, 5.0], [0.5, 0.2, 0.0, -1.0], [3.0, 3.1, 3.0, 2.9], [0.1, 4.0, 8.0, 16.0]]
)
X0 = np.array([0.3, 0.4])


def line(p, y, t):
    total = 0.0
    for i in range(y.size):
        r = p[0] + p[1] * t[i] - y[i]
        total += r * r
    return total


def line_jac(p, y, t):
    a, b = 0.0, 0.0
    for i in range(y.size):
        r = p[0] + p[1] * t[i] - y[i]
        a += 2.0 * r
        b += 2.0 * r * t[i]
    return a, b


def line_both(p, y, t):
    return line(p, y, t), line_jac(p, y, t)


def matrix(p, y, t):
    total = 0.0
    for i in range(y.size):
        r = p[0, 0] + p[0, 1] * t[i] + 0.1 * p[1, 0] * p[1, 1] - y[i]
        total += r * r
    return total + 0.1 * (p[1, 0] - p[1, 1]) ** 2


def agree(fun, x0, data, args=(T,), tolerance=1e-12, **given):
    """The simulator runs the loop's text in Python, and so does `minimize` for a plain function.

    Both round after every operation: the same to a few ulp. No code is compiled.
    """
    ours = fastopt.minimize_batch(fun, x0, data, args, device="cuda", **given)
    assert ours.device == "cuda"
    if "jac" not in given:
        given, value = {**given, "jac": True}, fun
        fun = lambda x, *row: (value(x, *row), complex_step(value, x, row))  # noqa: E731
    fields, options = data if isinstance(data, tuple) else (data,), given.pop("options", {})
    for b in range(len(ours.x)):
        own = {k: v[b].item() if isinstance(v, np.ndarray) else v for k, v in options.items()}
        rows = *(field[b] for field in fields), *args
        start = x0 if x0.ndim == ours.x.ndim - 1 else x0[b]
        if np.isfinite(start).all():
            theirs = fastopt.minimize(fun, start, rows, options=own, **given)
            same(ours.problem(b), theirs, tolerance)
    return ours


def same(ours, theirs, tolerance):
    for name in ("x", "fun", "jac", "x_last", "fun_last"):
        assert np.asarray(ours[name]).dtype == np.asarray(theirs[name]).dtype
        np.testing.assert_allclose(ours[name], theirs[name], rtol=tolerance, atol=tolerance)
    for name in ("status", "nit", "nfev", "njev", "success"):
        assert ours[name] == theirs[name], name


def test_fields_and_message_are_the_cpu_s():
    given = {"jac": True, "options": {"learning_rate": 0.05, "maxiter": 4}}
    ours = fastopt.minimize_batch(line_both, X0, Y, (T,), device="cuda", **given)
    theirs = fastopt.minimize_batch(line_both, X0, Y, (T,), device="cpu", **given)
    assert (ours.device, theirs.device) == ("cuda", "cpu")
    assert (ours.jac_method, ours.message) == (theirs.jac_method, theirs.message)
    assert ours.keys() == theirs.keys()
    for name in ("x", "fun", "jac", "x_last", "fun_last", "status", "nit", "nfev", "njev"):
        assert (ours[name].dtype, ours[name].shape) == (theirs[name].dtype, theirs[name].shape)
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-12, atol=1e-12)


def solution(y):
    return np.linalg.lstsq(np.stack([np.ones(4), T], 1), y.T, rcond=None)[0].T


@pytest.mark.parametrize("method", fastopt.methods())
def test_every_rule(method):
    """Against the solution of the normal equations: nothing has to be compiled for the CPU."""
    res = fastopt.minimize_batch(line, X0, Y[:2], (T,), method=method, device="cuda", tol=1e-4)
    assert res.success.all()
    np.testing.assert_allclose(res.x, solution(Y[:2]), atol=1e-4)


@pytest.mark.parametrize("method", ["rmsprop", "nadam"])
def test_the_textbook(method):
    agree(line, X0, Y[:2], method=method, options={"learning_rate": 0.05, "maxiter": 4})


def test_float32():
    """Against the solution of the normal equations, as every rule."""
    y, t = Y.astype(np.float32), T.astype(np.float32)
    ours = fastopt.minimize_batch(line, X0.astype(np.float32), y, (t,), device="cuda")
    assert ours.x.dtype == np.float32
    assert ours.success.all()
    np.testing.assert_allclose(ours.x, solution(Y), rtol=1e-4, atol=1e-4)


GIVEN = {
    "2-point": (line, {"jac": "2-point", "tol": 1e-3, "tolerance": 1e-6}),
    "fun": (line_both, {"jac": True, "tol": 1e-3}),
    "bounds": (line, {"bounds": [(0.0, 2.0), (-0.2, 0.5)], "tol": 1e-3}),
    "options": (
        line,
        {"options": {"maxiter": np.array([1, 2, 3, 50]), "gtol": np.array([0, 0, 0.5, 1e-3])}},
    ),
    "rates": (line, {"options": {"learning_rate": np.array([0.1, 0.2, 0.3, 0.4]), "maxiter": 3}}),
    "schedule": (
        line,
        {"options": {"learning_rate": fastopt.schedules.cosine(0.1, 4), "maxiter": 4}},
    ),
    "maxcor": (line, {"options": {"maxcor": 0, "gtol": 1e-3}, "tolerance": 1e-9}),
    "evaluations": (line, {"options": {"maxfev": 3}}),
}


@pytest.mark.parametrize("name", GIVEN)
def test_what_may_be_given(name):
    fun, given = GIVEN[name]
    agree(fun, X0, Y, **given)


def test_x_of_two_axes_and_starts_of_their_own():
    x0 = np.arange(16.0).reshape(4, 2, 2) / 10.0
    res = agree(matrix, x0, Y, tol=1e-2, tolerance=1e-8)
    assert res.x.shape == (4, 2, 2)


def test_rows_of_unequal_lengths_and_numbers():
    def fun(p, y, t, shift):
        return line(p, y, t) + (p[0] - shift) ** 2

    rows = [Y[0], Y[1, :3], Y[2, :2]], [T, T[:3], T[:2]], np.array([0.1, 0.2, 0.3])
    agree(fun, X0, rows, (), tol=1e-3, tolerance=1e-9)


def test_a_start_that_is_not_finite_fails_alone():
    x0 = np.array([X0, [np.nan, 0.0], X0])
    res = agree(line, x0, Y[:3], tol=1e-3)
    assert res.status[1] == -1


@pytest.mark.parametrize("rows", [2, 3])
def test_a_window_that_moves_on(rows, monkeypatch):
    """Memory for some of the problems only: the same bits, and every row copied once."""
    y = np.concatenate([Y + 0.1 * k for k in range(3)])[:11]
    whole = fastopt.minimize_batch(line, X0, y, (T,), device="cuda", tol=1e-3)
    device = cuda.device()
    monkeypatch.setattr(batch_scheduler, "CHUNK_BYTES", 1.0)
    monkeypatch.setattr(batch_scheduler, "chunking", lambda *_: (rows, 2))
    device.copied.update({"to": 0})
    res = fastopt.minimize_batch(line, X0, y, (T,), device="cuda", tol=1e-3)
    for name in ("x", "fun", "nfev", "status"):
        np.testing.assert_array_equal(res[name], whole[name])
    assert device.copied["to"] >= y.nbytes


def test_what_lives_on_the_device_is_not_copied():
    """No byte of the data goes anywhere but for the example's row; results come once."""
    y = np.tile(Y, (8, 1))
    there, t = numba_cuda.to_device(y), numba_cuda.to_device(T)
    x0 = numba_cuda.to_device(np.tile(X0, (32, 1)))
    device = cuda.device()
    device.copied.update({"to": 0, "from": 0, "copies": 0})
    res = fastopt.minimize_batch(line, x0, there, (t,), tol=1e-3)
    assert res.device == "cuda"
    assert device.copied["to"] < 2048  # tables, counters, statuses: nothing of the size of y
    assert device.copied["from"] < res.x.nbytes * 4 + 32 * 40
    with_host = fastopt.minimize_batch(line, X0, y, (T,), device="cuda", tol=1e-3)
    np.testing.assert_array_equal(res.x, with_host.x)


def test_maxtime():
    res = fastopt.minimize_batch(line, X0, Y, (T,), device="cuda", options={"maxtime": 0.0})
    assert set(res.status) == {7}
    np.testing.assert_array_equal(res.x, np.tile(X0, (4, 1)))


def test_the_callback_stops_it(monkeypatch):
    def stop(done, total):
        raise StopIteration

    monkeypatch.setattr(batch_scheduler, "FIRST_ROUNDS", 2)
    res = fastopt.minimize_batch(line, X0, Y, (T,), device="cuda", callback=stop)
    assert set(res.status) <= {99, 0, 2}
    assert "Stopped by the callback." in res.message
    assert np.isfinite(res.fun[res.status == 99]).all()


def test_an_interrupt_keeps_the_best_points(monkeypatch):
    """Ctrl-C arrives between two launches, or when one has ended: here, in the callback."""

    def interrupt(done, total):
        raise KeyboardInterrupt

    monkeypatch.setattr(batch_scheduler, "FIRST_ROUNDS", 3)
    options = {"learning_rate": 1e-9, "maxiter": 10**9}
    res = fastopt.minimize_batch(
        line, X0, Y, (T,), device="cuda", options=options, callback=interrupt
    )
    assert res.message.endswith(" Interrupted.")
    assert set(res.status) == {6}
    assert set(res.nfev) == {3}
    assert np.isfinite(res.fun).all()


def test_progress(monkeypatch):
    counts = []
    monkeypatch.setattr(batch_scheduler, "FIRST_ROUNDS", 3)
    fastopt.minimize_batch(
        line, X0, Y, (T,), device="cuda", tol=1e-3, callback=lambda *c: counts.append(c)
    )
    assert counts == sorted(counts)
    assert counts[-1] == (4, 4)
    assert len(counts) > 1


def test_too_little_memory_is_said():
    sentence = r"needs 1,000\.0 GB on the GPU, but .* GB are free; solve it in parts"
    allocating = cuda.device().allocating(10**12, "the batch", "solve it in parts")
    with pytest.raises(MemoryError, match=sentence), allocating:
        raise RuntimeError("[CUDA_ERROR_OUT_OF_MEMORY] Call to cuMemAlloc results in ...")


def test_workers_are_the_cpu_s():
    with pytest.raises(ValueError, match="workers are the CPU's"):
        fastopt.minimize_batch(line, X0, Y, (T,), device="cuda", workers=2)


@pytest.mark.parametrize("registers", [1, 32, 124, 255])
@pytest.mark.parametrize("problems", [1, 33, 5000, 10**7])
def test_threads_fill_the_device(registers, problems, monkeypatch):
    """Whole warps, blocks that fit, no more than there are problems."""
    monkeypatch.setattr(device_memory.Device, "multiprocessors", lambda self: 132)
    device = cuda.device()
    threads = device.threads(registers, problems)
    assert threads % device.block(threads) == 0
    most = 132 * min(2048, 65536 // (-(-registers // 8) * 8)) // 128 * 128
    assert threads % 32 == 0
    assert threads <= max(most, 132 * 128)
    assert threads >= min(problems, most)
