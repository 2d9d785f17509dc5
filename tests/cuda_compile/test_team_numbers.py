"""One problem on the whole device, by the code for the device, run on the CPU (`emulate`).

Threads of a block are threads of Python's that meet at barriers; every block has a copy of the
code, and with it shared memory of its own. Against the same problem on the CPU. What has run is
assembled for sm_90 too: its types are known then, and `test_team` has the other kernels.
"""

import contextlib
import threading

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

import fastopt
from fastopt.drivers import device_problem
from fastopt.targets import dispatch

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
import emulate
import numba
import numba.cuda
from assembler import compile_ptx, hopper  # noqa: F401
from test_batch_numbers import Host
from test_team import check

from fastopt.targets.cuda import cuda_target as cuda
from fastopt.targets.cuda import kernel_builder

BLOCKS, THREADS = 2, 2
KERNELS: dict = {}  # compiled once for all tests


class There:
    """An array of the host's that is said to live on a device."""

    def __init__(self, array):
        self.array = np.asarray(array)

    def __getattr__(self, name):
        if name in ("size", "shape", "dtype", "ndim"):
            return getattr(self.array, name)
        raise AttributeError(name)

    def __getitem__(self, at):
        return There(self.array[at])

    def reshape(self, *shape):
        return There(self.array.reshape(*shape))

    def copy_to_host(self):
        return self.array.copy()

    def copy_to_device(self, source, stream=None):
        self.array[...] = plain(source)


def plain(value):
    """The arrays themselves, in nested tuples too."""
    if isinstance(value, tuple):
        items = map(plain, value)
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value.array if isinstance(value, There) else value


class Team(Host):
    """A device with a few multiprocessors, each for one block."""

    def empty(self, shape, dtype):
        return There(super().empty(shape, dtype))

    def upload(self, host, stream=None):
        return There(np.array(host))

    def copy_from(self, there, host, stream=None):
        host[...] = plain(there)

    def adopt(self, name, array, wait):
        return array if isinstance(array, There) else There(array)

    def multiprocessors(self):
        return BLOCKS

    def stream_of(self, array):
        return None

    def like(self, array, shape):
        return lambda ours: ours.reshape(shape)


class Emulated:
    """A kernel, launched with a thread of Python's for each of its own."""

    latest = None

    def __init__(self, text, digest=None):
        self.text, self.copies = text, {}

    def __getitem__(self, how):
        blocks, threads, _, _ = how

        def launch(*arguments):
            Emulated.latest = self
            arguments = plain(arguments)
            kinds = tuple(map(numba.typeof, arguments))
            if kinds not in self.copies:
                self.copies[kinds] = emulate.copies(self.text, kinds, BLOCKS)
            run(self.copies[kinds][:blocks], threads, arguments)

        return launch

    def ptx(self):
        """As NVIDIA's compiler makes it of what has run."""
        (kinds,) = self.copies
        return compile_ptx(self.text, numba.types.void(*kinds))


def run(copies, threads, arguments):
    failures = []

    def thread(block, t, barrier):
        emulate.PLACE.take(t, threads, block, len(copies), barrier)
        try:
            copies[block](*arguments)
        except BaseException as error:
            failures.append(error)
            barrier.abort()

    scheduler = []
    for block in range(len(copies)):
        barrier = threading.Barrier(threads, timeout=60)
        scheduler += [
            threading.Thread(target=thread, args=(block, t, barrier)) for t in range(threads)
        ]
    for one in scheduler:
        one.start()
    for one in scheduler:
        one.join()
    assert not failures, failures


@pytest.fixture(autouse=True)
def team(monkeypatch):
    device = Team()
    monkeypatch.setattr(cuda, "device", lambda: device)
    monkeypatch.setattr(cuda, "Kernel", Emulated)
    monkeypatch.setattr(dispatch, "why_not_cuda", lambda: None)
    monkeypatch.setattr(kernel_builder, "_kernels", KERNELS)
    monkeypatch.setattr(device_problem, "BLOCK", THREADS)
    alone = contextlib.nullcontext  # launches here are over when they return
    monkeypatch.setattr(device_problem.DeviceProblem, "exclusive_launch", lambda self: alone())
    return device


def there(function):
    return lambda x: There(function(plain(x)))


START = np.array([-0.2, 0.5, 0.5, 0.3, 0.7])  # more than there are threads
# The first ones have one kernel. Far bounds are no bounds; without any, the same text runs in
# `cuda_simulator`.
GIVEN = {
    "auto": {"bounds": [(-9.0, 9.0)] * 5, "method": "adagrad", "tol": 1e-2},
    "bounds": {"bounds": [(-2.0, 0.6)] * 5, "method": "adagrad", "tol": 1e-2},
    "textbook": {"options": {"learning_rate": 0.01, "maxiter": 30, "gtol": 1e-9}},
}


@pytest.mark.parametrize(
    ("name", "blocks"), [("auto", BLOCKS), ("bounds", 1), ("textbook", 1), ("textbook", BLOCKS)]
)
def test_one_problem(name, blocks, monkeypatch, tmp_path, record_property):
    """Sums are added up in another order; the textbook has none that matters."""
    monkeypatch.setattr(device_problem, "SINGLE_BLOCK_MAX", 100 if blocks == 1 else 0)
    given = GIVEN[name]
    start = np.clip(START, -2.0, 0.6) if name == "bounds" else START
    ours = fastopt.minimize(there(rosen), There(start), jac=there(rosen_der), **given)
    theirs = fastopt.minimize(rosen, start, jac=rosen_der, **given)
    assert ours.device == "cuda"
    assert ours.status == theirs.status
    assert abs(ours.nfev - theirs.nfev) <= 0.2 * theirs.nfev
    tolerance = 1e-12 if name == "textbook" else 1e-3
    for field in ("x", "x_last"):
        np.testing.assert_allclose(plain(ours[field]), theirs[field], atol=tolerance)
    np.testing.assert_allclose(ours.fun, theirs.fun, atol=tolerance)
    if blocks == BLOCKS:
        check(Emulated.latest.ptx(), tmp_path, record_property)
