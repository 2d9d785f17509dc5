"""Sweeps in place over arrays as they come, on a real device, against the CPU's."""

import numpy as np
import pytest

from fastopt import rules
from fastopt.targets import dispatch
from fastopt.targets.cpu import cpu_target as cpu

pytestmark = pytest.mark.gpu
ULPS = 8  # of max(1, |value|) after a step: both contract multiply-adds, not alike
RULE = rules.get("rmsprop")
OPTIONS = RULE.RMSProp(momentum=0.9)
USES = rules.uses(RULE, OPTIONS)
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])


@pytest.fixture(scope="module")
def target(cuda):
    return dispatch.target("cuda")


def coefficients(dtype):
    return np.array(RULE.coefficients(OPTIONS, 0.1, 1.0, 1.0)[0], dtype)


def on_host(n, dtype, seed=0):
    """x, g and the state's v and buffer."""
    rng = np.random.default_rng(seed)
    return [rng.uniform(0.1, 1.0, n).astype(dtype) for _ in range(4)]


def item(arrays):
    x, g, v, buffer = arrays
    return x, g, (v, x, buffer)


def stepped(arrays, steps=1):
    """What the CPU makes of copies."""
    arrays = [a.copy() for a in arrays]
    for _ in range(steps):
        x, g, state = item(arrays)
        cpu.sweep(RULE, USES, x, g, coefficients(x.dtype), state)
    return arrays


def agree(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        error = abs(a.astype(float) - b) / np.maximum(1.0, abs(b))
        assert error.max(initial=0.0) <= ULPS * np.finfo(b.dtype).eps


def numba_arrays(cuda):
    return cuda.to_device, lambda a: a.copy_to_host()


def cupy_arrays(cuda):
    cupy = pytest.importorskip("cupy")
    return cupy.asarray, cupy.asnumpy


def torch_arrays(cuda):
    torch = pytest.importorskip("torch")
    return lambda a: torch.as_tensor(a, device="cuda"), lambda a: a.cpu().numpy()


def dlpack_arrays(cuda):
    cupy = pytest.importorskip("cupy")

    class Only:
        def __init__(self, array):
            self.array = array

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

        def __dlpack__(self, **how):
            return self.array.__dlpack__(**how)

    return lambda a: Only(cupy.asarray(a)), lambda a: cupy.asnumpy(a.array)


@DTYPES
@pytest.mark.parametrize("library", [numba_arrays, cupy_arrays, torch_arrays, dlpack_arrays])
def test_arrays_of_other_libraries_in_place(cuda, target, library, dtype):
    there, back = library(cuda)
    host = on_host(1003, dtype)
    device = [there(a) for a in host]
    for _ in range(3):
        x, g, state = item(device)
        target.sweep(RULE, USES, x, g, coefficients(dtype), state)
    agree(map(back, device), stepped(host, 3))


def test_what_jax_owns_is_read(cuda, target):
    jax = pytest.importorskip("jax")
    host = on_host(1003, np.float32)
    device = [cuda.to_device(a) for a in host]
    device[1] = jax.device_put(host[1], jax.devices("gpu")[0])
    x, g, state = item(device)
    target.sweep(RULE, USES, x, g, coefficients(np.float32), state)
    agree([device[0].copy_to_host()], stepped(host)[:1])


CUTS = {
    "shifted": np.s_[1:],
    "every second": np.s_[::2],
    "a column": np.s_[:, 3],
    "a block": np.s_[2:9, 1:5],
}


@DTYPES
@pytest.mark.parametrize("cut", CUTS)
def test_views(cuda, target, dtype, cut):
    at = CUTS[cut]
    shape = (1003,) if cut in ("shifted", "every second") else (11, 7)
    host = [a.reshape(shape) for a in on_host(int(np.prod(shape)), dtype)]
    device = [cuda.to_device(a) for a in host]
    x, g, state = item([a[at] for a in device])
    target.sweep(RULE, USES, x, g, coefficients(dtype), state)
    expected = [a.copy() for a in host]
    for whole, part in zip(expected, stepped([a[at] for a in host]), strict=True):
        whole[at] = part
    agree([a.copy_to_host() for a in device], expected)


@DTYPES
def test_places_that_share_no_boundary(cuda, target, dtype):
    host = on_host(1003, dtype)
    device = [cuda.to_device(np.append(np.zeros(k, dtype), a))[k:] for k, a in enumerate(host)]
    x, g, state = item(device)
    target.sweep(RULE, USES, x, g, coefficients(dtype), state)
    agree([a.copy_to_host() for a in device], stepped(host))


@DTYPES
def test_orders_of_memory(cuda, target, dtype):
    host = [np.asfortranarray(a.reshape(7, 9)) for a in on_host(63, dtype)]
    device = [cuda.to_device(a) for a in host]
    x, g, state = item(device)
    target.sweep(RULE, USES, x, g, coefficients(dtype), state)
    agree([a.copy_to_host() for a in device], stepped(host))


def test_several_arrays_of_both_dtypes(cuda, target):
    sizes = [1, 3, 1000, 70_001, 5, 300_000]
    host = [on_host(n, d, n) for n in sizes for d in (np.float32, np.float64)]
    device = [[cuda.to_device(a) for a in arrays] for arrays in host]
    for _ in range(3):
        target.sweep_all(RULE, USES, map(item, device), coefficients(float))
    for ours, arrays in zip(device, host, strict=True):
        agree([a.copy_to_host() for a in ours], stepped(arrays, 3))


def test_addresses_that_change_every_step(cuda, target):
    """More of them than tables are kept, and nobody waits in between."""
    host = [on_host(500, np.float32, n) for n in range(3)]
    device = [[cuda.to_device(a) for a in arrays] for arrays in host]
    gradients = [[cuda.to_device(arrays[1]) for arrays in host] for _ in range(12)]
    stream = cuda.stream()
    for step in range(30):
        now = [
            item([x, g, v, b]) for (x, _, v, b), g in zip(device, gradients[step % 12], strict=True)
        ]
        target.sweep_all(RULE, USES, now, coefficients(np.float32), stream)
    stream.synchronize()
    for ours, arrays in zip(device, host, strict=True):
        x, *_ = stepped(arrays, 30)
        np.testing.assert_allclose(ours[0].copy_to_host(), x, rtol=1e-4, atol=1e-5)


def busy(out, turns):
    for _ in range(turns):
        out[0] = out[0] + 1.0


@pytest.mark.filterwarnings("ignore:Grid size")  # of the long kernel
@pytest.mark.parametrize("many", [False, True], ids=["one array", "several"])
def test_in_the_callers_stream_and_nobody_waits(cuda, target, many):
    """Behind a long kernel in its stream, the call returns while that is still running."""
    host = on_host(1003, np.float32)
    device = [cuda.to_device(a) for a in host]
    other = [cuda.to_device(a) for a in host]
    items = [item(device), item(other)] if many else [item(device)]
    c, stream, done = coefficients(np.float32), cuda.stream(), cuda.event(timing=False)
    kernel = cuda.jit(busy)
    out = cuda.to_device(np.zeros(1))

    def both(turns):
        kernel.forall(1, stream=stream)(out, turns)
        target.sweep_all(RULE, USES, items, c, stream)
        done.record(stream)

    both(1)
    stream.synchronize()  # all is compiled, and the table is there
    both(20_000_000)
    assert not done.query()
    stream.synchronize()
    agree([a.copy_to_host() for a in device], stepped(host, 2))


def test_the_stream_that_an_array_names(cuda, target):
    host, stream = on_host(1003, np.float32), cuda.stream()
    device = [cuda.to_device(a).bind(stream) for a in host]
    x, g, state = item(device)
    target.sweep(RULE, USES, x, g, coefficients(np.float32), state)
    stream.synchronize()
    agree([a.copy_to_host() for a in device], stepped(host))
    with pytest.raises(ValueError, match="different streams"):
        target.sweep(RULE, USES, x, g.bind(cuda.stream()), coefficients(np.float32), state)


def test_torchs_own_stream(cuda, target):
    torch = pytest.importorskip("torch")
    host, stream = on_host(1003, np.float32), torch.cuda.Stream()
    with torch.cuda.stream(stream):
        device = [torch.as_tensor(a, device="cuda") for a in host]
        x, g, state = item(device)
        target.sweep(RULE, USES, x, g, coefficients(np.float32), state)
        ours = [a.cpu().numpy() for a in device]
    agree(ours, stepped(host))
    with pytest.raises(TypeError, match=r"pass x.detach\(\)"):
        target.sweep(RULE, USES, x.requires_grad_(), g, coefficients(np.float32), state)


def test_cupys_own_stream(cuda, target):
    cupy = pytest.importorskip("cupy")
    host = on_host(1003, np.float32)
    with cupy.cuda.Stream(non_blocking=True):
        device = [cupy.asarray(a) for a in host]
        x, g, state = item(device)
        target.sweep(RULE, USES, x, g, coefficients(np.float32), state)
        ours = [cupy.asnumpy(a) for a in device]
    agree(ours, stepped(host))


def test_small_arrays_raise_no_warnings(cuda, target, recwarn):
    """Numba's launcher calls a small grid a waste; it is not told of ours."""
    device = [cuda.to_device(a) for a in on_host(10, np.float64)]
    x, g, state = item(device)
    target.sweep(RULE, USES, x, g, coefficients(float), state)
    assert not recwarn.list
