"""Where the work is done, what is said where CUDA cannot be used, and forks."""

import os
import subprocess
import sys

import numpy as np
import pytest
from processes import WITHOUT_NUMBA_CUDA
from replay import replay

import fastopt
from fastopt import rules
from fastopt.targets import dispatch
from fastopt.targets.cpu import cpu_target as cpu


class OnDevice:
    """Whatever lives on a GPU says so like this."""

    __cuda_array_interface__ = {"version": 3}  # noqa: RUF012


def square(x):
    return float(x @ x)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_host_arrays_stay_on_the_cpu(device):
    assert dispatch.target(device, np.zeros(2)) is cpu
    assert fastopt.minimize(square, [1.0], device=device).device == "cpu"


@pytest.mark.parametrize("device", ["gpu", "CPU", "cuda:0", None, 0])
def test_unknown_devices_are_refused(device):
    with pytest.raises(ValueError, match=r"device.*'auto', 'cpu' or 'cuda'"):
        fastopt.minimize(square, [1.0], device=device)


def test_device_arrays_are_not_dragged_to_the_cpu():
    with pytest.raises(ValueError, match="device='cpu' was given an array that lives on a GPU"):
        dispatch.target("cpu", np.zeros(2), OnDevice())


@pytest.mark.parametrize("device", ["gpu", "CPU", "cuda:0"])
def test_the_environment_is_checked_too(device, monkeypatch):
    monkeypatch.setenv("FASTOPT_DEVICE", device)
    with pytest.raises(ValueError, match=r"FASTOPT_DEVICE is .* auto, cpu or cuda"):
        fastopt.minimize_batch(square, np.ones((2, 1)))
    assert fastopt.minimize(square, [1.0]).device == "cpu"  # one problem of the host's stays here


def test_the_environment_is_the_default_for_batches(monkeypatch):
    for said, wanted in [("", "auto"), ("auto", "auto"), ("cpu", "cpu"), ("cuda", "cuda")]:
        monkeypatch.setenv("FASTOPT_DEVICE", said)
        assert dispatch.requested("auto", variable=True) == wanted
        assert dispatch.requested("auto") == "auto"
        assert dispatch.requested("cpu", variable=True) == "cpu"


class Gpu:
    """As much of the target as is asked."""

    def __init__(self, capability):
        self.capability = lambda: capability

    def device(self):
        return self


def test_which_batches_go_to_a_gpu(monkeypatch):
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    from fastopt.targets.cuda import cuda_target as cuda

    monkeypatch.setattr(dispatch, "why_not_cuda", lambda: None)
    many, numbers = dispatch.PROBLEMS, dispatch.NUMBERS
    for capability, fast in [((9, 0), True), ((8, 9), False)]:
        monkeypatch.setattr(cuda, "device", Gpu(capability).device)
        assert dispatch.gpu_for(many - 1, numbers, 8) is None
        assert dispatch.gpu_for(many, numbers - 1, 8) is None
        assert (dispatch.gpu_for(many, numbers, 8) is cuda) == fast
        assert dispatch.gpu_for(many, numbers, 4) is cuda
    monkeypatch.setattr(dispatch, "why_not_cuda", lambda: "no driver")
    assert dispatch.gpu_for(many, numbers, 4) is None


def test_what_a_gpu_cannot_do_is_done_here(monkeypatch):
    """By itself a batch goes to a GPU only where that works."""
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    from fastopt.targets.cuda import cuda_target as cuda

    def refuse(*args):
        raise TypeError("fun cannot run on a GPU")

    monkeypatch.setattr(dispatch, "gpu_for", lambda *_: cuda)
    monkeypatch.setattr(cuda, "scheduler", refuse)
    res = fastopt.minimize_batch(lambda x, d: (x[0] - d) ** 2, [0.0], np.arange(3.0))
    assert (res.device, res.message) == ("cpu", "3 of 3 problems converged.")


SAY = """
import fastopt, numpy as np
from fastopt.targets import dispatch

class OnDevice:
    __cuda_array_interface__ = {"version": 3}

for ask in (
    lambda: dispatch.target("cuda"),
    lambda: dispatch.target("auto", OnDevice()),
    lambda: fastopt.minimize(lambda x: float(x @ x), [1.0], device="cuda"),
):
    try:
        ask()
    except RuntimeError as error:
        print(error)
print(fastopt.minimize(lambda x: float(x @ x), [1.0]).device)
"""


def say(script, **env):
    """The three refusals, and the device that "auto" takes."""
    command = [sys.executable, "-W", "error", "-c", script]
    out = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **env}
    )
    assert out.returncode == 0, out.stderr
    *refusals, device = out.stdout.splitlines()
    assert len(refusals) == 3
    assert device == "cpu"
    return refusals


def test_without_numba_cuda_the_package_to_install_is_named():
    for sentence in say(WITHOUT_NUMBA_CUDA + SAY):
        assert sentence.startswith("device='cuda' cannot be used: ")
        assert "numba-cuda is not installed" in sentence
        assert "pip install 'fastopt[cuda]'" in sentence


def test_without_a_gpu_the_driver_is_named():
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
    for sentence in say(SAY, CUDA_VISIBLE_DEVICES="-1"):
        assert sentence.startswith("device='cuda' cannot be used: ")
        assert "driver" in sentence
        assert "numba-cuda is installed" in sentence


# Forks: the threads of the parent do not exist in the child.


def three_steps(threads):
    x0, gradients = np.linspace(-1, 1, 100), np.ones((3, 100))
    *_, last = replay("rmsprop", x0, gradients, 3 * [0.1], np.float64, sweep=threaded(threads))
    return last


def threaded(threads):
    return lambda *args: cpu.sweep(*args, threads=threads)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own():
    expected = three_steps(3)  # starts the parent's threads
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, three_steps(3).tobytes())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        received = wait_for(pipe, expected.nbytes, child)
    assert received == expected.tobytes()
    np.testing.assert_array_equal(three_steps(2), expected)  # and the parent goes on


def wait_for(pipe, size, child):
    """What the child wrote; one that hangs is ended after a minute."""
    import signal
    import threading

    timer = threading.Timer(60, os.kill, (child, signal.SIGKILL))
    timer.start()
    try:
        return pipe.read(size)
    finally:
        timer.cancel()
        os.waitpid(child, 0)


def test_threads_are_those_that_numba_was_given(monkeypatch):
    """`numba.set_num_threads` is a ceiling; small arrays stay in the caller's thread."""
    cuts = []
    rule = rules.get("sgd")
    uses = rule.S(False)
    c = np.array(rule.coefficients(rule.SGD(), 1.0, 1.0, 1.0)[0])
    kernel = cpu.kernel(rule, uses, np.dtype(float))

    def recorded(x, *args):
        cuts.append(x.size)
        kernel(x, *args)

    monkeypatch.setattr(cpu, "kernel", lambda *args: recorded)
    monkeypatch.setattr(cpu, "BYTES_PER_THREAD", 64 * 8)  # bytes: 32 elements of 2 arrays
    for size, allowed, expected in [(31, 3, 1), (63, 3, 1), (64, 3, 2), (160, 3, 3), (160, 1, 1)]:
        cuts.clear()
        monkeypatch.setattr(cpu, "thread_limit", lambda allowed=allowed: allowed)
        x = np.ones(size)
        cpu.sweep(rule, uses, x, np.ones(size), c, (x,))
        assert len(cuts) == expected, size
        assert sum(cuts) == size
        assert not x.any()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("the package numba-cuda is not installed"), "Install it with"),
        (ImportError("numba-cuda needs NumPy below 2.5"), "NumPy below 2.5"),
        (DeprecationWarning("the generic unit"), "DeprecationWarning: the generic unit"),
        (AttributeError("np.row_stack"), "AttributeError: np.row_stack"),
        (OSError("libcuda.so.1: cannot open"), "libcuda.so.1"),
    ],
)
def test_whatever_cuda_raises_is_a_sentence(monkeypatch, capsys, error, said):
    """It names what to install, in show_config() too, and the CPU works all the same."""
    monkeypatch.delitem(sys.modules, "fastopt.targets.cuda.cuda_target", raising=False)
    monkeypatch.delattr("fastopt.targets.cuda.cuda_target", raising=False)

    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "fastopt.targets.cuda.cuda_target":
                raise error

    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    assert said in dispatch.why_not_cuda()
    assert "pip install 'fastopt[cuda]'" in dispatch.why_not_cuda()
    fastopt.show_config()
    assert said in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="device='cuda' cannot be used"):
        fastopt.minimize(lambda x: x @ x, [1.0], device="cuda")
    assert fastopt.minimize(lambda x: x @ x, [1.0]).success
