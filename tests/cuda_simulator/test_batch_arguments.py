"""What batches on a device get and refuse, in Numba's CUDA simulator."""

from collections import namedtuple

import numpy as np
import pytest
from numba import cuda as numba_cuda

import fastopt

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
pytest.importorskip("fastopt.targets.cuda.cuda_target")
X0, Y = np.array([0.3, 0.4]), np.array([1.0, 2.0, 3.0])


def solve(fun, x0=X0, data=Y, args=(), **given):
    given.setdefault("options", {"maxiter": 1})
    return fastopt.minimize_batch(fun, x0, data, args, device="cuda", **given)


def bowl(p, y):
    return (p[0] - y) ** 2 + p[1] ** 2


@pytest.mark.parametrize("problems", [1, 32, 130, 257])
def test_every_problem_has_a_thread(problems):
    """Numbers that fill no blocks, too."""
    y = np.arange(float(problems))
    res = solve(lambda p, y: (p[0] - y) ** 2, [0.3], y)
    assert res.nit.max() <= 1
    assert set(res.status) <= {0, 1, 2}


Pair = namedtuple("Pair", "a b")
ARGUMENTS = {
    "empty": (np.zeros(0), lambda p, y, a: bowl(p, y) + a.size),
    "empty rows": (np.zeros((3, 0)), lambda p, y, a: bowl(p, y) + 10 * a.shape[0] + a.shape[1]),
    "one number": (np.array(2.0), lambda p, y, a: bowl(p, y) + y * a),
    "a named tuple": (Pair(2.0, 3.0), lambda p, y, a: bowl(p, y) + a.a * a.b),
    "nested": ((1.0, (T := np.arange(3.0), 2)), lambda p, y, a: bowl(p, y) + a[1][0][a[1][1]]),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_arrive_as_they_are(name):
    value, fun = ARGUMENTS[name]
    res = solve(fun, args=(value,))
    wanted = [fun(x, y, value) for x, y in zip(res.x, Y, strict=True)]
    np.testing.assert_allclose(res.fun, wanted, rtol=1e-12)


def test_a_rate_may_be_large_in_float32():
    """Only counts end at 2^24."""
    options = {"learning_rate": 2.5e8, "maxiter": 3}
    x0, y = X0.astype(np.float32), Y.astype(np.float32)
    res = solve(lambda p, y: np.float32(1e-9) * bowl(p, y), x0, y, method="sgd", options=options)
    np.testing.assert_allclose(res.x_last[:, 0] - Y, (X0[0] - Y) * 0.5**3, rtol=1e-4)


@pytest.mark.parametrize("jac", [lambda p, y: (1.0,), lambda p, y: (1.0, 2.0, 3.0)])
def test_a_gradient_of_another_length_is_refused(jac):
    with pytest.raises(ValueError, match="as many numbers as x0 has components"):
        solve(bowl, jac=jac)


def test_what_does_not_run_on_a_device():
    with pytest.raises(ValueError, match="jac='cs' does not run on a GPU"):
        solve(bowl, jac="cs")
    with pytest.raises(ValueError, match="x has 2 axes"):
        solve(lambda p, y: p[0, 0], np.zeros((3, 1, 2)), jac=lambda p, y: (1.0, 0.0))
    with pytest.raises(TypeError, match="a list of arrays on a device"):
        solve(bowl, data=([numba_cuda.to_device(Y)] * 3,))
    with pytest.raises(ValueError, match="device='cpu' was given an array that lives on a GPU"):
        fastopt.minimize_batch(bowl, X0, numba_cuda.to_device(Y), device="cpu")


def test_starts_on_the_device_with_bounds():
    x0 = numba_cuda.to_device(np.tile(X0, (3, 1)))
    res = solve(bowl, x0, numba_cuda.to_device(Y), bounds=[(0.0, 1.5), (0.1, 1.0)], tol=1e-3)
    assert (res.x[:, 0] <= 1.5).all()
    assert (res.x[:, 1] >= 0.1).all()


def test_what_fun_raises_for_shapes_is_said_before_anything_runs():
    """On a device nothing can be raised: the one example on the CPU finds it."""
    with pytest.raises(ValueError, match=r"shape|broadcast"):
        solve(lambda p, y, t: np.sum((p[0] * t - y) ** 2), data=np.ones((3, 4)), args=(np.ones(5),))


def test_arrays_of_a_device_inside_of_tuples():
    there = numba_cuda.to_device(np.array([2.0, 5.0]))
    res = fastopt.minimize_batch(
        lambda p, y, a: bowl(p, y) + a[0] * a[1][1], X0, Y, ((2.0, there),), options={"maxiter": 1}
    )
    assert res.device == "cuda"
    np.testing.assert_allclose(res.fun, [bowl(x, y) + 10.0 for x, y in zip(res.x, Y, strict=True)])


def test_who_asked_for_the_cpu_is_said(monkeypatch):
    monkeypatch.setenv("FASTOPT_DEVICE", "cpu")
    with pytest.raises(
        ValueError, match="FASTOPT_DEVICE=cpu was given an array that lives on a GPU"
    ):
        fastopt.minimize_batch(bowl, X0, numba_cuda.to_device(Y))
