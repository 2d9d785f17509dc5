"""The benchmarks say what they measure, and what they rest on is right; asv runs them, not this."""

import importlib
import inspect
import itertools
import pathlib
import subprocess

import numpy as np
import pytest

import fastopt
from benchmarks import derivatives, gpu, memory, quality
from benchmarks.helpers import limits, shared
from fastopt.targets import dispatch

MODULES = "batch derivatives gpu memory minimize quality startup stochastic sweeps".split()
c_compiler = pytest.mark.skipif(limits.program() is None, reason="no C compiler with OpenMP")


def benchmarks():
    """Classes that have functions to track, with these."""
    for module in MODULES:
        loaded = importlib.import_module(f"benchmarks.{module}")
        for name, kind in inspect.getmembers(loaded, inspect.isclass):
            tracked = [f for n, f in inspect.getmembers(kind) if n.startswith(("track_", "time_"))]
            if kind.__module__ == loaded.__name__ and tracked:
                yield pytest.param(kind, tracked, id=f"{module}.{name}")


@pytest.mark.parametrize(("kind", "tracked"), list(benchmarks()))
def test_each_says_what_it_measures_and_in_which_unit(kind, tracked):
    assert kind.__doc__
    for function in tracked:
        assert getattr(function, "unit", getattr(kind, "unit", ""))
    params = getattr(kind, "params", ())
    several = bool(params) and isinstance(params[0], tuple)
    assert len(getattr(kind, "param_names", ())) == (len(params) if several else bool(params))


def test_methods_are_those_of_this_checkout():
    assert list(shared.METHODS) == sorted(fastopt.methods())


@pytest.mark.parametrize("method", shared.METHODS)
def test_a_step_reads_and_writes_what_the_stream_does(method):
    """The parameters and every array of state; the gradient is read alone."""
    step = shared.Sweep(method, 100, "float32")
    arrays = [step.x, *{id(s): s for s in step.state if s is not step.x}.values()]
    assert len(arrays) == 1 + step.slots
    before = [a.copy() for a in arrays]
    step.g.fill(0.5)
    step()
    assert all(np.all(a != b) for a, b in zip(arrays, before, strict=True))
    assert np.all(step.g == np.float32(0.5))


def test_arrays_begin_at_different_places_of_a_page():
    arrays = list(shared.staggered(5, 1_000, "float64"))
    begins = [a.ctypes.data % 4096 for a in arrays]
    assert begins == [832 * k for k in range(5)]
    for k, array in enumerate(arrays):
        array.fill(k)
    assert [a.min() for a in arrays] == [a.max() for a in arrays] == list(range(5))


def test_medians_are_taken_in_turn():
    order, ours, theirs = [], iter([4.0, 100.0, 6.0]), iter([2.0, 3.0, 1.0])

    def said(name, values):
        order.append(name)
        return next(values)

    ratio = shared.over(lambda: said("ours", ours), lambda: said("theirs", theirs), 3)
    assert ratio == 6.0 / 2.0
    assert order == ["ours", "theirs"] * 3


@c_compiler
def test_the_limits_are_finite():
    cases = itertools.product(("float32", "float64"), range(4))
    seconds = [limits.stream(dtype, slots, 1_000, 1) for dtype, slots in cases]
    seconds.append(limits.stream("float32", 1, 1_000, 2))
    seconds.append(limits.rmsprop("float32", 1_000, 2))
    seconds.append(limits.rosenbrock())
    assert np.all((np.array(seconds) > 1e-9) & (np.array(seconds) < 1.0))


@c_compiler
@pytest.mark.parametrize("words", ["", "stream float16 1 10 1", "stream float32 4 10 1"])
def test_the_limits_program_refuses_what_it_does_not_know(words):
    done = subprocess.run([limits.program(), *words.split()], capture_output=True, check=False)
    assert done.returncode == 2
    assert b"SLOTS" in done.stderr


@pytest.mark.parametrize(
    ("found", "digits"), [([1.0, 2.0], 11), ([1.0, 2.0002], 4), ([1.0, 5.0], 0), ([1.0, np.nan], 0)]
)
def test_digits(found, digits):
    assert quality.digits(np.array(found), np.array([1.0, 2.0])) == pytest.approx(digits)


def test_peaks_of_memory(monkeypatch):
    """Two temporary arrays beside the one that is returned."""
    try:
        pathlib.Path("/proc/self/clear_refs").write_text("5")
    except OSError as error:
        pytest.skip(f"the peak cannot be reset: {error}")

    def job(n):
        a, b = np.ones(n), np.ones(n)
        return [a + b]

    monkeypatch.setitem(memory.JOBS, "a sum", (job, 5_000_000))
    found = memory.here("a sum")
    assert found["own"] == 40_000_000
    assert found["peak"] == pytest.approx(3 * found["own"], rel=0.1)


@pytest.mark.skipif(dispatch.why_not_cuda() is None, reason="there is a GPU")
def test_not_available_without_a_gpu():
    with pytest.raises(NotImplementedError, match=r"NVIDIA|numba-cuda"):
        gpu.TrackSweep().setup("sgd", "float32")


def test_the_benchmark_of_derivatives_finds_its_way_inside():
    """It was n/a, since a function that it calls had lost an argument."""
    fits = derivatives.Fits()
    fits.run(derivatives.compiled(derivatives.by_loop, True))
    f, g = derivatives.by_hand(fits.x[0], fits.t, fits.y[0])
    np.testing.assert_allclose(fits.f[0], f, rtol=1e-12)
    np.testing.assert_allclose(fits.g[0], g, rtol=1e-9)
