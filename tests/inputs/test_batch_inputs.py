"""What is wrong with the arguments of a batch is said at the door, by name."""

import concurrent.futures
import re

import numba
import numpy as np
import pytest
from batch_problems import X0, T, decays, misfit
from scipy.optimize import Bounds

import fastopt
from fastopt.inputs import batch_inputs

Y, _ = decays(5)
ONES = np.ones((5, 3))

BAD = [
    ({"data": ([np.ma.masked_equal([1.0, 2.0], 2.0)],)}, TypeError, r"data\[0\]\[0\] is masked"),
    ({"data": ([[[1, 2], [3]], [[1], [2]]],)}, ValueError, r"data\[0\]\[0\] has rows"),
    ({"bounds": np.ones((5, 3, 3))}, ValueError, r"bounds have shape \(5, 3, 3\)"),
    ({"bounds": np.ones((5, 3, 2)) * 1j}, ValueError, "bounds must be arrays of real numbers"),
    ({"bounds": np.full((5, 3, 2), "a")}, ValueError, "bounds must be arrays of real numbers"),
    ({"bounds": [(np.zeros(3), np.ones(3))]}, ValueError, "3 pairs"),
    ({"options": {"gtol": [1, [2], 3]}}, TypeError, "gtol must be one real number"),
    ({"options": {"momentum": np.arange(5) * 0.1}}, ValueError, "momentum is zero for some"),
    ({"workers": concurrent.futures.ThreadPoolExecutor}, ValueError, "workers = <class"),
    ({"args": ()}, TypeError, r"fun is misfit\(p, y, t\), and is called with 2 arguments"),
    ({"args": (T, T)}, TypeError, r"fun is misfit\(p, y, t\), and is called with 4 arguments"),
    ({"args": (T.astype("f2"),)}, TypeError, r"args\[0\] has dtype float16.*astype\(float\)"),
    ({"data": list(Y)}, TypeError, "data is a list"),
    ({"data": (Y, np.ones(4))}, ValueError, r"data\[0\] has 5, data\[1\] has 4"),
    ({"x0": np.ones((4, 3))}, ValueError, r"x0 has 4, data\[0\] has 5"),
    ({"options": {"gtol": np.ones(6)}}, ValueError, r"data\[0\] has 5, options\['gtol'\] has 6"),
    ({"bounds": Bounds(np.zeros((6, 3)), 2.0)}, ValueError, r"data\[0\] has 5, bounds has 6"),
    (
        {"x0": ONES, "bounds": Bounds(np.zeros((6, 3)), 2.0)},
        ValueError,
        "x0 has 5, bounds has 6",
    ),
    ({"fun": lambda p, y, t: p[0] * y}, TypeError, "it returns an array"),
    ({"data": ()}, ValueError, "number of problems is not known"),
    ({"data": 3.0}, ValueError, r"data\[0\] is 3.0"),
    ({"data": np.array(["a"] * 5)}, TypeError, r"data\[0\] has dtype <U1"),
    ({"data": Y.astype(np.float16)}, TypeError, r"data\[0\] has dtype float16"),
    ({"data": np.ma.masked_greater(Y, 1.0)}, TypeError, r"data\[0\] is masked"),
    ({"data": ([np.ones(3), np.ones((2, 2))],)}, ValueError, "one number of axes"),
    ({"data": ([[1.0, 2.0], [1.0, [2.0]]],)}, ValueError, r"data\[0\]\[1\] has rows"),
    ({"x0": []}, ValueError, r"x0 has shape \(0,\)"),
    ({"x0": np.ones((5, 0))}, ValueError, r"x0 has shape \(5, 0\)"),
    ({"x0": [1.0, np.nan, 1.0]}, ValueError, "not finite"),
    ({"x0": ONES.astype(complex)}, TypeError, "x0 has dtype complex128"),
    ({"x0": [[1.0, 1.0], [1.0]]}, ValueError, "rows of unequal lengths"),
    ({"bounds": [(0, 1)]}, ValueError, "3 pairs"),
    ({"bounds": Bounds(np.zeros((5, 2)), 1.0)}, ValueError, "do not fit"),
    (
        {"x0": ONES, "bounds": [(0, 2), (0, 0.5), (0, 2)]},
        ValueError,
        r"x0\[0, 1\] = 1 lies outside",
    ),
    ({"bounds": np.ones((5, 3, 2)) * [2.0, 0.0]}, ValueError, "low above"),
    ({"options": {"rho": [0.5, 0.5, 0.5, 0.5, 1.5]}}, ValueError, "rho = "),
    ({"options": {"gtol": [1.0, 1.0, np.nan, 1.0, 1.0]}}, ValueError, "gtol = "),
    ({"options": {"learning_rate": [0.1, 0.1, 0.0, 0.1, 0.1]}}, ValueError, "learning_rate = "),
    ({"options": {"maxtime": np.ones(5)}}, TypeError, "maxtime cannot differ"),
    ({"options": {"centered": [True] * 5}}, TypeError, "centered"),
    ({"options": {"rho": ["a"] * 5}}, TypeError, "rho must be one real number"),
    ({"options": {"lr": np.ones(5)}}, ValueError, "did you mean 'learning_rate'"),
    ({"options": 3}, TypeError, "options must be a dict"),
    ({"workers": 0}, ValueError, "workers = 0"),
    ({"workers": True}, ValueError, "workers = True"),
    ({"workers": "2"}, ValueError, "workers = '2'"),
    ({"callback": 3}, TypeError, "callback must be a function"),
    ({"fun": np.sum}, TypeError, "fun"),
    ({"fun": None}, TypeError, "fun"),
    ({"jac": "exact"}, ValueError, "jac = 'exact'"),
    ({"method": "bfgs"}, ValueError, "unknown method 'bfgs'"),
    ({"device": "gpu"}, ValueError, "device = 'gpu'"),
]


@pytest.mark.parametrize(("given", "error", "says"), BAD, ids=[" ".join(row[0]) for row in BAD])
def test_bad_arguments(given, error, says):
    given = {"fun": misfit, "x0": X0, "data": Y, "args": (T,), **given}
    with pytest.raises(error, match=says):
        fastopt.minimize_batch(**given)


def unknown(x, y):
    return np.linalg.svd(x.reshape(1, 3))[1][0] - y


def broken(x, y):
    return x.no_such_thing + y


@pytest.mark.parametrize("fun", [unknown, numba.njit(unknown), broken])
def test_what_cannot_be_differentiated_is_an_error_that_names_the_line(fun):
    plain = getattr(fun, "py_func", fun)
    line = plain.__code__.co_firstlineno + 1
    with pytest.raises(TypeError, match=f"line {line} of test_batch_inputs.py"):
        fastopt.minimize_batch(fun, X0, np.ones(3))


def test_what_numba_cannot_compile_is_an_error_that_names_the_line():
    with pytest.raises(TypeError, match=r"(?s)Numba could not compile fun.*no_such_thing"):
        fastopt.minimize_batch(broken, X0, np.ones(3), jac="2-point")


def test_args_that_cannot_be_compiled():
    with pytest.raises(TypeError, match=re.escape("args[0] is an object")):
        fastopt.minimize_batch(misfit, X0, Y, (object(),))


def test_a_batch_too_large_for_memory_is_refused_before_anything_is_done():
    x0 = np.broadcast_to(X0, (10**13, 3))
    with pytest.raises(MemoryError, match=r"10,000,000,000,000 problems of 3 parameters take"):
        fastopt.minimize_batch(misfit, x0, args=(T, T))
    assert 1e7 < batch_inputs.available() < 1e15


def test_what_lies_outside_x_or_the_data_is_not_read():
    def loop(p, y, t):
        s = 0.0
        for i in range(len(t)):
            s += (p[0] * np.exp(-p[1] * t[i]) + p[2] - y[i]) ** 2
        return s

    says = (
        r"fun indexes outside x, of shape \(2,\), or outside its other arguments, of shapes \(40,\)"
    )
    with pytest.raises(IndexError, match=says):
        fastopt.minimize_batch(loop, [1.0, 1.0], Y, (T,))
    with pytest.raises(IndexError, match="outside"):
        fastopt.minimize_batch(loop, X0, Y[:, :-1], (T,))


def test_the_complex_step_is_checked():
    def folded(x, d):
        return (x[0].real - d) ** 2 + 0.0 * x[0]

    with pytest.raises(ValueError, match="not complex-safe"):
        fastopt.minimize_batch(folded, [0.5], np.arange(3.0), jac="cs")


def test_no_data_and_objects():
    x0 = np.array([[1.0], [2.0]])
    res = fastopt.minimize_batch(lambda x: (x[0] - 3.0) ** 2, x0, None)
    np.testing.assert_allclose(res.x, 3.0, atol=1e-6)


def test_without_the_compiler(monkeypatch):
    monkeypatch.setattr(numba.core.config, "DISABLE_JIT", 1)
    with pytest.raises(RuntimeError, match="NUMBA_DISABLE_JIT turns off; to debug one problem"):
        fastopt.minimize_batch(misfit, X0, Y, (T,))


def test_unaligned_data():
    raw = np.zeros(Y.nbytes + 1, np.uint8)
    raw[1:] = np.frombuffer(Y.tobytes(), np.uint8)
    y = raw[1:].view(np.float64).reshape(Y.shape)
    assert not y.flags.aligned
    options = {"maxfev": 300}
    found = [
        fastopt.minimize_batch(misfit, X0, data, (T,), method="adagrad", options=options).x
        for data in (y, Y)
    ]
    np.testing.assert_array_equal(*found)
