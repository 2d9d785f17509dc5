"""Batches on a real device, against the CPU's."""

import _thread
import contextlib
import threading
import time

import device_cases as cases
import numpy as np
import pytest

import fastopt

pytestmark = pytest.mark.gpu
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
MANY = 1_000


@pytest.fixture(scope="module")
def there(cuda):
    return cuda.to_device


@pytest.fixture(scope="module")
def scheduler(there):
    from fastopt.targets.cuda import batch_scheduler

    return batch_scheduler


@DTYPES
@pytest.mark.parametrize("method", fastopt.methods())
@pytest.mark.parametrize("case", [cases.every_rule, cases.textbook])
def test_rules(there, case, method, dtype):
    case(there, MANY, method, dtype)


@DTYPES
@pytest.mark.parametrize("case", [cases.bounded, cases.functions_of_math])
def test_batches(there, case, dtype):
    case(there, MANY, dtype)


@pytest.mark.parametrize(
    "case", [cases.own_bounds, cases.own_options, cases.ragged, cases.resident_with_bounds]
)
@pytest.mark.parametrize("problems", [1, 2, 33, 100_003])
def test_what_differs(there, case, problems):
    case(there, problems)


@DTYPES
@pytest.mark.parametrize("own_starts", [True, False])
def test_what_lives_on_the_device(there, dtype, own_starts):
    cases.resident(there, MANY, dtype, own_starts)


@pytest.mark.parametrize("library", ["cupy", "torch"])
def test_arrays_of_other_libraries(there, library):
    module = pytest.importorskip(library)
    if library == "torch":
        cases.resident(lambda a: module.as_tensor(a, device="cuda"), MANY, np.float64, True)
    else:
        cases.resident(module.asarray, MANY, np.float64, True)


@pytest.mark.parametrize("ring", [None, (1_500, 3)], ids=["all of it fits", "a window"])
def test_several_chunks(there, scheduler, monkeypatch, ring):
    """The bits are those of one chunk, also where memory suffices for some problems only."""

    @contextlib.contextmanager
    def small():
        with monkeypatch.context() as patch:
            patch.setattr(scheduler, "CHUNK_BYTES", 1e5)
            if ring:
                patch.setattr(scheduler, "chunking", lambda *_: ring)
            yield

    cases.bits_do_not_depend_on_the_window(there, 20_000, small)


ENDLESS = {"learning_rate": 1e-9, "maxiter": 10**9}


def endless(**given):
    batch = cases.Batch(None, 500)
    options = {**ENDLESS, **given.pop("options", {})}
    began = time.perf_counter()
    result = fastopt.minimize_batch(
        cases.bowl, batch.x0, batch.c, (batch.w,), device="cuda", options=options, **given
    )
    assert time.perf_counter() - began < 30.0
    assert np.isfinite(result.fun).all()
    return result


def test_maxtime(there):
    assert set(endless(options={"maxtime": 0.3}).status) == {5}


def test_the_callback_stops_it(there):
    calls = []

    def callback(done, total):
        calls.append((done, total))
        raise StopIteration

    result = endless(callback=callback)
    assert set(result.status) == {99}
    assert calls == [(0, 500)]


def test_ctrl_c(there):
    """While the device works; the device is of use afterwards."""
    endless(options={"maxtime": 0.1})  # all is compiled
    timer = threading.Timer(0.5, _thread.interrupt_main)
    timer.start()
    result = endless()
    timer.join()
    assert set(result.status) == {6}
    assert "Interrupted." in result.message
    cases.bounded(there, 100, np.float64)


def test_too_little_memory(there):
    """A sentence, and the device is of use afterwards."""
    from numba import cuda

    free = cuda.current_context().get_memory_info()[0]
    hold = [cuda.device_array(int(0.97 * free), np.int8)]
    y = cuda.device_array((200_000, 2), np.float64)
    y.copy_to_device(np.ones((200_000, 2)))
    left = cuda.current_context().get_memory_info()[0]
    with contextlib.suppress(Exception):  # little enough for certain
        hold.append(cuda.device_array(left - 2_000_000, np.int8))
    w = np.ones(2)
    with pytest.raises(MemoryError, match=r"GB on the GPU, but .* GB are free; solve it in parts"):
        fastopt.minimize_batch(cases.bowl, np.zeros(2), y, (w,))
    hold.clear()
    cuda.current_context().deallocations.clear()
    result = fastopt.minimize_batch(cases.bowl, np.zeros(2), y, (w,), tol=1e-4)
    assert result.success.all()
    np.testing.assert_allclose(result.x, 1.0, atol=1e-3)


def test_the_first_call_compiles_and_no_other_does(there):
    batch, times = cases.Batch(None, 10), []
    for _ in range(3):
        began = time.perf_counter()
        fastopt.minimize_batch(cases.bowl, batch.x0, batch.c, (batch.w,), device="cuda")
        times.append(time.perf_counter() - began)
    assert max(times[1:]) < 0.2, times
