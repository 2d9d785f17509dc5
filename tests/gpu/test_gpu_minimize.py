"""`minimize` on device arrays, on a real device, against the CPU's."""

import _thread
import threading

import device_cases as cases
import numpy as np
import pytest

import fastopt

pytestmark = pytest.mark.gpu
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
LIBRARIES = pytest.mark.parametrize("library", ["numba", "cupy", "torch"], indirect=True)


@pytest.fixture
def library(request, cuda):
    """How arrays get to the device and back."""
    if request.param == "numba":
        return cuda.to_device, lambda a: a.copy_to_host()
    module = pytest.importorskip(request.param)
    if request.param == "cupy":
        return module.asarray, module.asnumpy
    return lambda a: module.as_tensor(a, device="cuda"), lambda a: a.cpu().numpy()


@LIBRARIES
@DTYPES
@pytest.mark.parametrize("n", [1, 30, 5_000, 100_000])
def test_agrees(library, dtype, n):
    """Up to 16,384 elements one block does all; more take one a multiprocessor."""
    cases.one_agrees(cases.One(*library, n, dtype))


@LIBRARIES
@DTYPES
def test_bounds(library, dtype):
    box = [(-0.3, 0.4)] * 20_000
    one = cases.One(*library, 20_000, dtype)
    ours, _ = cases.one_agrees(one, bounds=box)
    x = one.back(ours.x)
    assert ((x >= dtype(-0.3)) & (x <= dtype(0.4))).all()


@LIBRARIES
@pytest.mark.parametrize("method", fastopt.methods())
@pytest.mark.parametrize("rate", ["auto", 0.05])
def test_every_rule(library, method, rate):
    options = {"learning_rate": rate, **({} if rate == "auto" else {"maxiter": 5})}
    one = cases.One(*library, 60, np.float64, (3, 4, 5))
    cases.one_agrees(one, method=method, options=options)


@LIBRARIES
def test_callbacks(library):
    cases.one_with_a_callback(cases.One(*library, 30))


@LIBRARIES
def test_a_value_on_the_device(library):
    """It may stay there: an array of one element, or of none of the axes."""
    one = cases.One(*library, 50)

    def both(x):
        f, g = one.both(x)
        return one.there(np.array([f])), g

    result = fastopt.minimize(both, one.start(), jac=True)
    assert result.success
    np.testing.assert_allclose(one.back(result.x), one.c, atol=1e-5)


@pytest.mark.parametrize("library", ["numba"], indirect=True)
def test_ctrl_c(library):
    """The last point that has a value is kept."""
    one = cases.One(*library, 1_000)
    timer = threading.Timer(1.0, _thread.interrupt_main)
    timer.start()
    options = {"learning_rate": 1e-9, "maxiter": 10**9}
    result = fastopt.minimize(one.both, one.start(), jac=True, options=options)
    timer.join()
    assert result.status == 6
    assert np.isfinite(result.fun)
    assert result.nfev > 1


@pytest.mark.parametrize("library", ["cupy", "torch"], indirect=True)
def test_in_the_callers_own_stream(library, request):
    """Work in a stream that waits for no other: the steps are taken in it too."""
    name = request.node.callspec.params["library"]
    module = pytest.importorskip(name)
    streams = {
        "cupy": lambda: module.cuda.Stream(non_blocking=True),
        "torch": lambda: module.cuda.stream(module.cuda.Stream()),
    }
    with streams[name]():
        cases.one_agrees(cases.One(*library, 50_000))


@pytest.mark.parametrize("library", ["numba"], indirect=True)
def test_what_is_refused(library):
    one = cases.One(*library, 4)
    with pytest.raises(ValueError, match="jac = None; with x0 on the GPU"):
        fastopt.minimize(one.value, one.start())
    with pytest.raises(TypeError, match="what jac returns is a list"):
        fastopt.minimize(one.value, one.start(), jac=lambda x: [0.0])
    with pytest.raises(ValueError, match="device='cpu' was given an array that lives on a GPU"):
        fastopt.minimize(one.value, one.start(), jac=one.slope, device="cpu")
