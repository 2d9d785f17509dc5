"""Whole batches by the code for the device, run on the CPU, thread after thread (`emulate`).

All else is what runs on a GPU: the front door, the ring of chunks, the launches and what is read
off them. Against the loop in the interpreter. What has run is assembled for sm_90 too, since most
of the time goes into the types of a kernel, which are then known: `test_batch` has the others.
"""

import contextlib

import numpy as np
import pytest

import fastopt
from fastopt.concurrency import time_slices
from fastopt.targets import dispatch

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
import emulate
import numba
import numba.cuda
from assembler import compile_ptx, hopper  # noqa: F401
from test_batch import BUDGET, check

from benchmarks.gpu_parts.jobs import decay as loop
from benchmarks.gpu_parts.jobs import peaks
from fastopt.targets.cuda import batch_scheduler, kernel_builder
from fastopt.targets.cuda import cuda_target as cuda

THREADS = 32
KERNELS: dict = {}  # compiled once for all tests
T = np.linspace(0.0, 4.0, 12)


class Host:
    """What `device_memory.Device` does, with memory of the host's."""

    copies = compute = None

    def __init__(self):
        self.launches, self.kernel = 0, None

    def empty(self, shape, dtype):
        """What lay there before: NaN, which spreads where it is read."""
        return np.full(shape, np.nan if np.dtype(dtype).kind == "f" else 77, dtype)

    def upload(self, host):
        return np.array(host)

    def copy_to(self, there, host):
        there[...] = host

    def copy_from(self, there, host, stream=None):
        host[...] = there

    def settle(self):
        pass

    def busy(self):
        return self.launches % 2 == 0  # so that copies go on beside, or not

    def launch(self, kernel, threads, *arguments):
        self.launches, self.kernel = self.launches + 1, kernel
        for t in range(threads):
            emulate.PLACE.take(t, threads)
            kernel.run(*arguments)

    def threads(self, registers, problems):
        return THREADS

    def reserved(self, each):
        return 0

    def free(self):
        return 1e12

    def allocating(self, *said):
        return contextlib.nullcontext()


class Emulated:
    """A kernel that is compiled for the device, and runs here."""

    def __init__(self, text, digest=None):
        self.text, self.run, self.runs = text, None, {}

    def registers(self, *arguments):
        kinds = tuple(map(numba.typeof, arguments))
        if kinds not in self.runs:
            self.runs[kinds] = emulate.compiled(self.text, *kinds)
        self.run = self.runs[kinds]
        return 128

    def ptx(self):
        """As NVIDIA's compiler makes it of what has run."""
        (kinds,) = self.runs
        return compile_ptx(self.text, numba.types.void(*kinds))


@pytest.fixture(autouse=True)
def host(monkeypatch):
    host = Host()
    monkeypatch.setattr(cuda, "device", lambda: host)
    monkeypatch.setattr(cuda, "Kernel", Emulated)
    monkeypatch.setattr(dispatch, "why_not_cuda", lambda: None)
    monkeypatch.setattr(kernel_builder, "_kernels", KERNELS)
    monkeypatch.setattr(batch_scheduler, "CHUNK_BYTES", 3000.0)
    return host


def whole(p, y, t):
    return np.sum((p[0] * np.exp(-p[1] * t) + p[2] - y) ** 2)


def bowl(p, centre):
    """Seventy parameters: more than are unrolled."""
    total = 0.0
    for i in range(p.size):
        d = (p[i] - centre) * (1.0 + 0.01 * i)
        total += d * d
    return total


def table(p, y, t):
    """A matrix of parameters."""
    total = 0.1 * (p[1, 0] - p[1, 1]) ** 2
    for i in range(y.size):
        r = p[0, 0] + p[0, 1] * t[i] + 0.1 * p[1, 0] * p[1, 1] - y[i]
        total += r * r
    return total


def decays(problems, dtype=np.float64):
    rng = np.random.default_rng(3)
    true = rng.uniform([1.0, 0.5, 0.0], [3.0, 2.0, 1.0], (problems, 3))
    y = true[:, :1] * np.exp(-true[:, 1:2] * T) + true[:, 2:]
    return (y + 0.03 * rng.normal(size=y.shape)).astype(dtype)


def misfit_of_peaks(p, y, t):
    """Equal `peaks` in NumPy's words, as `whole` equals `loop`."""
    heights, places, widths = p[:18].reshape(6, 3, 1).swapaxes(0, 1)
    model = np.sum(heights * np.exp(-(((t - places) / widths) ** 2)), axis=0)
    return np.sum((model + p[18] + p[19] * t - y) ** 2)


def with_slope(fun):
    """Value and gradient by the complex step, for the loop in the interpreter."""

    def both(x, *args):
        probes = x + 1e-30j * np.eye(x.size)
        return fun(x, *args), np.array([fun(probe, *args).imag for probe in probes]) * 1e30

    return both


def agree(fun, plain, x0, data, args=(T,), tolerance=1e-6, **given):
    """Both contract multiply-adds, not alike: the same minima, by about the same way.

    Seven problems are solved by the loop in the interpreter, which is the same text.
    """
    ours = fastopt.minimize_batch(fun, x0, data, args, device="cuda", **given)
    assert ours.device == "cuda"
    fields, options = data if isinstance(data, tuple) else (data,), given.pop("options", {})
    given = {"jac": True, **given}
    plain = with_slope(plain) if given["jac"] is True else plain
    few, nfev = range(0, len(ours.x), -(-len(ours.x) // 7)), 0
    for b in few:
        own = {k: v[b].item() if isinstance(v, np.ndarray) else v for k, v in options.items()}
        start = x0 if x0.ndim == ours.x.ndim - 1 else x0[b]
        rows = *(field[b] for field in fields), *args
        one = fastopt.minimize(plain, start, rows, options=own, **given)
        assert ours.success[b] == one.success
        np.testing.assert_allclose(ours.x[b], one.x, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(ours.fun[b], one.fun, rtol=tolerance, atol=tolerance**2)
        nfev += one.nfev
    assert abs(ours.nfev[few].sum() - nfev) <= 0.1 * nfev
    return ours


@pytest.mark.parametrize("fun", [loop, whole])
def test_decays(fun, host, tmp_path, record_property):
    res = agree(fun, whole, np.ones(3), decays(150))
    assert res.success.all()
    assert host.launches > 2
    check(host.kernel.ptx(), tmp_path, "float64", BUDGET["decay", "float64"], record_property)


def test_the_textbook():
    """No decision depends on the last bits here; they grow, some thousandfold in 40 steps."""
    options = {"learning_rate": 0.02, "maxiter": np.arange(1, 41)}
    res = agree(loop, whole, np.ones(3), decays(40), options=options, tolerance=1e-7)
    np.testing.assert_array_equal(res.nit, np.arange(1, 41))


def test_float32(host, tmp_path, record_property):
    start, data = np.ones(3, np.float32), decays(60, np.float32)
    agree(loop, whole, start, data, (T.astype("f4"),), tolerance=2e-3)
    check(host.kernel.ptx(), tmp_path, "float32", BUDGET["decay", "float32"], record_property)


def test_many_parameters(host, tmp_path, record_property):
    """Six peaks on a line: twenty parameters, in three passes of partial derivatives."""
    start = np.array([*np.ravel([(1.0, k, 0.4) for k in range(1, 7)]), 0.0, 0.0])
    t = np.linspace(0.0, 7.0, 42)
    y = [[peaks(start + 0.05 * k, np.zeros(1), at[None]) ** 0.5 for at in t] for k in (1, 2)]
    how = {"options": {"maxfev": 40}, "tolerance": 1e-2}
    agree(peaks, misfit_of_peaks, start, np.array(y), (t,), **how)
    check(host.kernel.ptx(), tmp_path, "float64", BUDGET["peaks", "float64"], record_property)


def test_more_parameters_than_are_unrolled():
    centres = np.arange(1.0, 5.0)
    res = fastopt.minimize_batch(bowl, np.zeros(70), centres, device="cuda")
    assert res.success.all()
    np.testing.assert_allclose(res.x, np.repeat(centres[:, None], 70, axis=1), rtol=1e-6)
    np.testing.assert_allclose(res.fun, 0.0, atol=1e-12)


def test_a_matrix_of_parameters_by_differences():
    given = {"jac": "2-point", "tol": 1e-4, "tolerance": 1e-2}
    agree(table, table, np.full((5, 2, 2), 0.5), decays(5), **given)


def test_unequal_rows_and_bounds(host, tmp_path, record_property):
    """With the rule of most arithmetic."""
    y, bounds = decays(30), [(0.0, 2.5), (0.6, 3.0), (0.1, None)]
    sizes = 6 + np.arange(30) % 7
    data = [row[:n] for row, n in zip(y, sizes, strict=True)], [T[:n] for n in sizes]
    agree(loop, whole, np.ones(3), data, (), method="nadam", bounds=bounds)
    registers = BUDGET["decay", "float64"] + 16
    check(host.kernel.ptx(), tmp_path, "float64", registers, record_property)


@pytest.mark.parametrize("slots", [2, 3])
def test_a_window_that_moves_on(slots, monkeypatch):
    """More problems than fit the memory, some a hundred times as long as others."""
    options = {"learning_rate": 1e-3, "maxiter": np.where(np.arange(157) % 13 == 0, 500, 5)}
    given = {"options": options, "device": "cuda"}
    at_once = fastopt.minimize_batch(loop, np.ones(3), decays(157), (T,), **given)
    monkeypatch.setattr(batch_scheduler, "chunking", lambda *_: (20, slots))
    counts = []
    parts = fastopt.minimize_batch(
        loop, np.ones(3), decays(157), (T,), callback=lambda *c: counts.append(c), **given
    )
    for name in ("x", "fun", "jac", "x_last", "fun_last", "nit", "nfev", "njev", "status"):
        np.testing.assert_array_equal(parts[name], at_once[name], err_msg=name)
    np.testing.assert_array_equal(parts.nit, options["maxiter"])
    assert counts == sorted(counts)
    assert counts[-1] == (157, 157)


def test_a_thread_that_fails_is_noticed(host, monkeypatch):
    """Its problem would never end."""
    launch = Host.launch
    monkeypatch.setattr(
        Host, "launch", lambda self, kernel, threads, *a: launch(self, kernel, 31, *a)
    )
    with pytest.raises(RuntimeError, match="fun has failed on the GPU for one of the problems"):
        fastopt.minimize_batch(loop, np.ones(3), decays(40), (T,), device="cuda")


def test_a_launch_ends_anywhere(monkeypatch):
    """However many evaluations a launch has, the bits are the same."""
    results = []
    for rounds in (1, 3, 1000):
        monkeypatch.setattr(batch_scheduler, "FIRST_ROUNDS", rounds)
        monkeypatch.setattr(time_slices, "CHECK_INTERVAL", 1e-9)
        monkeypatch.setattr(batch_scheduler, "SHORT_LAUNCH", 1e-9)
        results.append(fastopt.minimize_batch(loop, np.ones(3), decays(40), (T,), device="cuda"))
    for other in results[1:]:
        np.testing.assert_array_equal(other.x, results[0].x)
        np.testing.assert_array_equal(other.nfev, results[0].nfev)
