"""Reverse mode of plain Python: right derivatives, or a refusal; the same as forward mode."""

import copy
import math
import threading

import numpy as np
import pytest
from derivative_cases import CASES

import fastopt
from fastopt.derivatives.forward import python_dual
from fastopt.derivatives.reverse.python_tape.tape_objective import Evaluated, Objective

A = np.array([[1.0, 2.0], [3.0, 4.0]])
X = np.array([0.1, 0.2])
BIG = np.linspace(-1.0, 1.5, 6)


def gradient(fun, x=X, args=()):
    return Objective(fun, falls_back=False)(Evaluated(x), *args).gradient


def forward(fun, x, args=()):
    g = np.zeros(x.size, x.dtype)
    duals = python_dual.seeded(x.size, x, None, 0, 0)
    python_dual.write_partials(python_dual.function(fun)(duals, *args), g, 0, 0)
    return g


def by_step(fun, x):
    """The complex step of NumPy's own complex numbers."""
    g = np.zeros(x.size)
    for i in range(x.size):
        z = x.astype(complex)
        z.reshape(-1)[i] += 1e-200j
        g[i] = fun(z).imag / 1e-200
    return g


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_reverse_mode_is_forward_mode(case):
    for point in case.points:
        x = np.array(point, float)
        wanted = forward(case.fun, x, case.args)
        scale = max(1.0, np.max(np.abs(wanted)))
        found = gradient(case.fun, x, case.args)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-13 * scale)


def views(x):
    a = np.zeros(6) + 0.0 * x[0]
    b = a[1:]
    a[:] = x * x
    b[0] = b[1] * x[3]
    c = a.reshape(2, 3)
    c[1] *= c[0]
    d = c.T[::-1]
    d[0, 0] = 2.0 * x[5]
    b -= a[:-1] * 0.5
    c[...] = c[::-1]
    return (a**2 * x).sum() + d[1, 1] * c[0, 0]


def scatters(x):
    a = x * 1.0
    at = np.array([0, 3, 3, -1])
    a[at] = x[:4] * x[1:5]
    a[at[:2]] += x[2]
    at[:] = 0
    a[np.array([True, False] * 3)] *= 2.0
    a[[1, 1]] = np.array([5.0, 7.0]) * x[0]
    m = np.outer(a, x)
    m[[0, 1], :] = m[[2, 3], :] * 2.0
    m[:, 0] = 0.0
    m[1, [4, 4]] -= x[0]
    return (m * m[::-1]).sum() + m[(2, 5)]


def of_matrices(x):
    m = x.reshape(2, 3)
    square = m @ m.T + np.eye(2)
    solved = np.linalg.solve(square, m)
    stacked = np.stack((m, m * 2.0)) @ np.broadcast_to(square[0, 0] * m.T, (2, 3, 2))
    joined = np.vstack((m, x[:3], solved))
    rest = np.kron(x[:2], m) * np.tril(square)[1, 0] + np.cumsum(m)
    total = joined.sum() * np.trace(square) + rest.sum() + stacked.sum()
    return np.linalg.inv(square)[0, 1] + total


def of_lists(x):
    rows = [[x[0], 2.0], [x[1] * x[2], x[3]]]
    m = np.array(rows)
    total = np.sum([x[4], x[5] ** 2, 1.0]) + sum(v * 2.0 for v in x)
    ends = np.hstack((x[0], m[0], [x[5], 3.0])) + np.concatenate(([x[1]], np.ones(4)))
    return np.dot(m, m).sum() * total + (ends**2).sum() + np.stack([x[0], x[1]]).prod()


def of_shapes(x):
    m = np.expand_dims(x, 0).T.squeeze()[::-1].copy().reshape((3, 2))
    total = np.sum(m, axis=1, keepdims=True) * np.mean(m, 0)
    return (np.moveaxis(m, 0, 1) @ total + np.swapaxes(m, 0, 1).ravel()[2]).sum() * m.flat[3]


def functions_of_arrays(x):
    a = np.sin(x)
    total = np.prod(x) + np.cumprod(a)[3] + np.diff(a**2).sum() + np.convolve(a, x[:3])[4]
    total += np.repeat(a, 2)[3] * np.roll(x, 2)[0] + np.append(a, x[0])[-1] + np.flip(x)[0] * a[1]
    total += (
        np.trapezoid(a, x) + np.polyval([x[0], 2.0, x[1]], a).sum() + np.linspace(x[0], 2, 4)[1]
    )
    total += np.full(3, x[2]).sum() * np.full_like(a, x[3])[0] + np.take(x, [0, 0, 1])[1]
    return total + np.inner(a, x) + np.cross(x[:3], a[3:])[0] + np.diag(x)[1].sum()


@pytest.mark.parametrize(
    "fun", [views, scatters, of_matrices, of_lists, of_shapes, functions_of_arrays]
)
def test_programs_agree_with_the_complex_step(fun):
    wanted = by_step(fun, BIG)
    np.testing.assert_allclose(gradient(fun, BIG), wanted, rtol=1e-12, atol=1e-12)


def ties(x):
    y = x - x[0]
    total = np.maximum(y, y[::-1]).sum() + np.max(y) + np.clip(y, 0.0, 0.0).sum() + max(y[0], y[1])
    return total + np.abs(y).sum() + np.sort(y)[0] + np.median(y) + np.linalg.norm(y) + np.std(y)


def infinite_slopes(x):
    y = x * 0.0
    total = np.sqrt(y[0] * y[0]) + math.sqrt(y[1] ** 4) + np.sqrt(np.sum(y * y)) + np.hypot(y, y)[2]
    return total + np.where(x > 0.0, x, np.log(-x)).sum() + 1.0 / (1.0 + np.exp(-1e4 * x[5]))


@pytest.mark.parametrize("fun", [ties, infinite_slopes])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_at_ties_and_infinite_slopes_it_is_forward_mode(fun):
    x = np.array([1.0, 1.0, 2.0, 0.5, 1.0, 1.0])
    np.testing.assert_allclose(gradient(fun, x), forward(fun, x), atol=1e-14)


def test_single_precision():
    x = BIG.astype(np.float32)
    found = gradient(lambda x: np.sum(np.exp(x) * 2.0) + x[0] ** 2, x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 2.0 * np.exp(x) + [2 * x[0], 0, 0, 0, 0, 0], rtol=1e-6)


def test_data_may_be_overwritten_after_their_use():
    def fun(x, data):
        total = np.sum(x * data)
        data[:] = 100.0
        return total

    np.testing.assert_allclose(gradient(fun, X, (np.array([3.0, 5.0]),)), [3.0, 5.0])


def test_writes_to_x_change_the_objective_s_copy():
    def fun(x):
        y = x[0] * x[1]
        x[0] = 5.0
        return y + x[0] * x[1]

    x = X.copy()
    np.testing.assert_allclose(gradient(fun, x), [0.2, 5.1])
    assert x.tolist() == X.tolist()


def test_copies_keep_the_derivative():
    def fun(x):
        return (
            copy.copy(x)[0] * copy.deepcopy(x)[1] + copy.deepcopy(x[0]) + isinstance(x, np.ndarray)
        )

    np.testing.assert_allclose(gradient(fun), [1.2, 0.1])


KEPT = []


def remembers(x):
    KEPT.append(x[0] * 2.0)
    return KEPT[0] * x[1]


def test_a_number_of_another_evaluation_is_refused():
    KEPT.clear()
    np.testing.assert_allclose(gradient(remembers), [0.4, 0.2])
    with pytest.raises(TypeError, match="kept from another evaluation"):
        gradient(remembers)


def write_plain(x):
    data = A[0].copy()
    data[0] = x[0]
    return data.sum()


def add_plain(x):
    data = A[0].copy()
    data += x
    return data.sum()


REFUSED = {
    "write": (write_plain, "lose its derivative"),
    "in place": (add_plain, "written to an array of plain numbers"),
    "reduce": (lambda x: np.add.reduce(x), "add.reduce"),
    "unknown": (lambda x: np.fft.fft(x).real[0], "fft"),
    "asarray": (lambda x: np.linalg.lstsq(A, x)[0][0], "lstsq"),
    "single": (lambda x: x.astype(np.float32).sum(), "would lose the derivative"),
    "method": (lambda x: x.byteswap().sum(), "Unknown attribute 'byteswap'"),
    "fsum": (math.fsum, "lose its derivative"),
    "wide": (lambda x: np.sum(x.reshape(1, 1, 2), axis=(0, 1))[0], "one axis"),
    "qr": (lambda x: np.linalg.qr(x.reshape(1, 2))[1][0, 1], "as many rows as columns"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_reverse_is_refused(name):
    fun, words = REFUSED[name]
    with pytest.raises(TypeError, match="fun cannot be differentiated") as info:
        gradient(fun)
    assert words in str(info.value)


def uncompiled(fun):
    """The function as an object, which no compiler takes."""

    class Model:
        def __call__(self, x):
            return fun(x)

    return Model()


def test_forward_mode_takes_over_where_the_tape_ends():
    model = uncompiled(lambda x: np.interp(x[0] + 5.0, A[0], A[1], right=x[1] ** 2))
    for jac, mode in (("autodiff", "forward"), ("forward", "forward")):
        found = fastopt.minimize(model, X, jac=jac, options={"maxiter": 0})
        assert found.jac_method == mode
        np.testing.assert_allclose(found.jac, [0.0, 0.4])
    with pytest.raises(TypeError, match="fun cannot be differentiated"):
        fastopt.minimize(model, X, jac="reverse", options={"maxiter": 0})


def test_the_result_names_the_mode():
    for jac in ("autodiff", "reverse"):
        found = fastopt.minimize(uncompiled(lambda x: np.sum(x**2)), X, jac=jac)
        assert (found.jac_method, found.success) == ("reverse", True)


def test_threads_have_tapes_of_their_own():
    found = {}

    def work(k):
        for _ in range(20):
            found[k] = gradient(lambda x: np.sum(np.zeros(2) + k * x) ** 2)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(4):
        np.testing.assert_allclose(found[k], 2 * k * k * X.sum())
