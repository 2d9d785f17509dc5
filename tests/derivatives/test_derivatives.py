"""Exact derivatives of whole objectives, and what cannot have them."""

import functools
import math
import subprocess
import sys
import warnings

import numba
import numpy as np
import pytest
from derivative_cases import CASES, complex_step
from numba import njit

import fastopt
from fastopt.derivatives.forward import python_dual

START = {"maxiter": 0, "learning_rate": 1.0}  # whose loop takes a third of the other to compile
each_case = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)


def error(g, wanted):
    return np.max(np.abs(g - wanted)) / max(1.0, np.max(np.abs(wanted)))


def test_there_are_many_cases():
    assert len({case.name for case in CASES}) == len(CASES) >= 40


@each_case
def test_compiled_gradients(case):
    function = fastopt.value_and_grad(case.fun, size=case.points[0].size)
    for x in case.points:
        f, g = function(x, *case.args)
        wanted = case.oracle(case.fun, x, case.args)
        assert g.shape == x.shape
        assert error(g, wanted) <= 1e-13
        assert f == pytest.approx(case.fun(x.copy(), *case.args), rel=1e-12, abs=1e-300)


@each_case
def test_interpreted_gradients(case):
    function = python_dual.function(case.fun)
    for x in case.points:
        dual = function(python_dual.seeded(x.size, x, None, 0, 0), *case.args)
        g = np.empty(x.size)
        python_dual.write_partials(dual, g, 0, 0)
        assert error(g, case.oracle(case.fun, x, case.args).reshape(-1)) <= 1e-13


FLOAT32 = "rosenbrock angles piecewise decay statistics scratch softmax mixture kalman".split()


@pytest.mark.parametrize("case", [c for c in CASES if c.name in FLOAT32], ids=lambda c: c.name)
def test_float32_gradients(case):
    args = tuple(
        a.astype(np.float32) if getattr(a, "dtype", None) == np.float64 else a for a in case.args
    )
    x = case.points[0].astype(np.float32)
    f, g = fastopt.value_and_grad(case.fun)(x, *args)
    assert g.dtype == np.float32
    assert error(g, case.oracle(case.fun, x.astype(float), case.args)) <= 2e-4
    assert f == pytest.approx(case.fun(x.astype(float), *case.args), rel=2e-4, abs=1e-5)


def chain(x):
    s = 0
    for i in range(len(x) - 1):
        s += 100 * (x[i + 1] - x[i] ** 2) ** 2 + math.sin(1 - x[i]) ** 2
    return s


@functools.cache
def slope_of_chain():
    """Four partials at a time, for any number of parameters."""
    return fastopt.value_and_grad(chain)


@pytest.mark.parametrize("n", [8, 9, 17])
def test_any_number_of_parameters(n):
    """Separate partials up to 8, one pass of vectors up to 16, then passes, the last not full."""
    x = np.linspace(-1.0, 1.5, n)
    wanted = complex_step(chain, x, ())
    result = fastopt.minimize(njit(chain), x, jac="forward", options=START)
    assert result.jac_method == "forward"
    assert (result.nfev, result.njev) == (1, 1)
    assert error(result.jac, wanted) <= 1e-14
    assert error(fastopt.value_and_grad(chain, size=n)(x)[1], wanted) <= 1e-14
    assert error(slope_of_chain()(x)[1], wanted) <= 1e-14


def test_matrices_and_integers():
    f, g = fastopt.value_and_grad(lambda x: np.sum(x[0] * x[1]))(np.arange(6).reshape(2, 3))
    assert f == 14.0
    assert g.tolist() == [[3.0, 4.0, 5.0], [0.0, 1.0, 2.0]]


def test_strided_points():
    x = np.arange(8.0)[::2]
    assert fastopt.value_and_grad(lambda x: np.sum(x**2))(x)[1].tolist() == [0.0, 4.0, 8.0, 12.0]


def test_inside_other_compiled_code():
    slope = fastopt.value_and_grad(lambda x, a: a * x[0] ** 2, size=1)

    @njit
    def newton(x, a):
        for _ in range(3):
            x = x - slope(x, a)[1] / (2.0 * a)
        return x

    assert newton(np.array([3.0]), 5.0).tolist() == [0.0]


def test_results_do_not_depend_on_how_sums_are_vectorised():
    """A sum in a loop is added up in its order, as plain Python does."""
    rng = np.random.default_rng(1)
    y = rng.normal(size=1001) * 10.0 ** rng.integers(-8, 8, 1001)

    def total(x, y):
        s = 0.0
        for v in y:
            s += x[0] * v
        return s

    result = fastopt.minimize(njit(total), [1.0], args=(y,), options={"maxiter": 0})
    assert result.fun == total([1.0], y)


def test_plain_functions_are_compiled_on_demand():
    def helper(a):
        return (a - 2.0) ** 2

    result = fastopt.minimize(lambda x: helper(x[0]) + x[1] ** 2, [0.0, 1.0], jac="autodiff")
    assert result.jac_method == "forward"
    assert result.nfev == result.njev or result.nfev > 1
    np.testing.assert_allclose(result.x, [2.0, 0.0], atol=1e-6)


def test_plain_functions_that_numba_cannot_compile_run_on_python_duals():
    weights = {"first": 2.0, 3: "not a number"}  # no dict of Numba's

    def fun(x):
        return (math.exp(x[0]) - weights["first"]) ** 2 + np.linalg.norm(x) ** 2

    class Callable:
        def __call__(self, x):
            return np.sum((x - 1.0) ** 2)

    result = fastopt.minimize(fun, [1.2, 2.0], jac="autodiff")
    assert (result.jac_method, result.success) == ("reverse", True)
    result = fastopt.minimize(Callable(), [1.2, 2.0], jac="autodiff")
    np.testing.assert_allclose(result.x, [1.0, 1.0], atol=1e-6)


def test_without_numba():
    """With NUMBA_DISABLE_JIT nothing is compiled, and derivatives are exact all the same."""
    code = (
        "import fastopt, numba\n"
        "fun = numba.njit(lambda x: (x[0] - 3.0) ** 4 + x[1] ** 2)\n"
        "res = fastopt.minimize(fun, [0.0, 1.0], jac='autodiff', options={'maxiter': 0})\n"
        "print(res.jac_method, res.jac.tolist())"
    )
    environment = {"NUMBA_DISABLE_JIT": "1", "FASTOPT_CACHE": "0"}
    import os

    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert run.stdout.strip() == "reverse [-108.0, 2.0]", run.stderr[-2000:]


MATRIX = np.array([[2.0, 1.0], [1.0, 3.0]])


@njit
def solved(x):
    return np.sum(np.linalg.lstsq(MATRIX, x)[0])


@njit
def largest(v):
    return np.linalg.svd(v.reshape(1, 1))[1][0]


@njit
def nested(x):
    return largest(x[:1]) + x[1] ** 2


@njit
def stored(x):
    box = np.array([0, 0])
    box[0] = x[0]
    return np.sum(box * box)


@njit
def bits(x):
    return x.view(np.float64)[0] ** 2 + x[1]


@njit
def raw(x):
    return np.frombuffer(x)[0] ** 2 + x[1]


@njit
def kept(x):
    items = numba.typed.List.empty_list(numba.float64)
    items.append(x[0])
    return items[0] ** 2


@njit
def phase(x):
    return abs(complex(x[0], x[1]))


@njit
def steps(x):
    return float(round(x[0]) + int(x[1]))


REFUSED = {
    solved: ("np.linalg.lstsq(MATRIX, x)", "the derivative of lstsq is not known"),
    nested: ("np.linalg.svd(v.reshape(1, 1))", "the derivative of svd is not known"),
    stored: ("box[0] = x[0]", "an array of plain numbers cannot take numbers that depend on x"),
    bits: ("x.view(np.float64)", "have no 'view'"),
    raw: ("np.frombuffer(x)", "numpy.frombuffer"),
    kept: ("items.append(x[0])", "append"),
    phase: ("complex(x[0], x[1])", "the derivative of complex is not known"),
    steps: ("", "its result does not depend on x, or only in steps"),
}
each_refused = pytest.mark.parametrize("fun", REFUSED, ids=lambda f: f.py_func.__name__)


@each_refused
def test_what_cannot_be_differentiated_is_an_error(fun):
    with pytest.raises(TypeError) as info:
        fastopt.minimize(fun, [1.2, 2.0], jac="autodiff")
    message = str(info.value)
    for words in REFUSED[fun]:
        assert words in message
    if REFUSED[fun][0]:
        assert "line " in message
        assert "test_derivatives.py" in message
        assert "give jac a function" in message


@pytest.mark.parametrize("fun", [nested, stored, steps], ids=lambda f: f.py_func.__name__)
def test_by_default_differences_stand_in_with_a_warning(fun):
    with pytest.warns(UserWarning, match="Differences are used instead") as caught:
        result = fastopt.minimize(fun, [1.2, 2.0], options={"maxiter": 2, "learning_rate": 0.1})
    assert result.jac_method == "2-point"
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert REFUSED[fun][1] in str(caught[0].message)


def test_wrong_results_are_named():
    for jac in (None, "autodiff"):
        with warnings.catch_warnings(), pytest.raises(TypeError, match="one real number"):
            fastopt.minimize(njit(lambda x: 2.0 * x), [1.0, 2.0], jac=jac)


def test_second_derivatives_are_refused():
    slope = fastopt.value_and_grad(lambda x: x[0] ** 3, size=1)
    with pytest.raises(TypeError):
        fastopt.minimize(njit(lambda x: slope(x)[1][0]), [1.0], jac="autodiff")


def test_value_and_grad_names_what_it_takes():
    function = fastopt.value_and_grad(lambda x: x[0])
    with pytest.raises(numba.TypingError, match="x must be an array of float64 or float32"):
        function(np.array([1j]))


def test_points_are_not_changed():
    @njit
    def writes(x):
        x[0] = 2.0
        return x[0] * x[1]

    x = np.array([5.0, 3.0])
    f, g = fastopt.value_and_grad(writes)(x)
    assert (f, g.tolist(), x.tolist()) == (6.0, [0.0, 2.0], [5.0, 3.0])


def test_elementary_functions_can_be_switched():
    fun = njit(lambda x: np.sum(np.exp(np.sin(x)) * np.tanh(x)))
    x = np.linspace(-3.0, 3.0, 7)
    fast, exact = (
        fastopt.minimize(fun, x, options={**START, "fast_math_functions": switch})
        for switch in (True, False)
    )
    np.testing.assert_allclose(fast.jac, exact.jac, rtol=1e-14, atol=1e-15)
    assert exact.fun == pytest.approx(fun(x), rel=1e-15)
    with pytest.raises(TypeError, match="fast_math_functions must be True or False"):
        fastopt.minimize(fun, x, options={"fast_math_functions": "yes"})


def test_compare_grad_finds_the_worst_component():
    def fun(x, a):
        return a * x[0] ** 2 * x[1] + math.sin(x[2])

    x = [1.0, -2.0, 0.5]
    good = fastopt.compare_grad(fun, x, args=(3.0,))
    assert good.success
    assert good.error < 1e-9
    np.testing.assert_allclose(good.jac, [-12.0, 3.0, math.cos(0.5)], rtol=1e-14)

    bad = fastopt.compare_grad(fun, x, (3.0,), jac=lambda x, a: np.array([-12.0, 3.1, 0.8775826]))
    assert not bad.success
    assert bad.worst == (1,)
    assert "3.1 at x[1], where central differences give 3." in bad.message

    both = fastopt.compare_grad(
        lambda x: (x[0, 1] ** 2, [[0.0, 2.0 * x[0, 1]]]), [[1, 4]], jac=True
    )
    assert both.success
    assert both.jac.tolist() == [[0.0, 8.0]]
    assert fastopt.compare_grad(njit(fun), np.array(x, np.float32), 3.0).success
    with pytest.raises(ValueError, match="jac = '2-point'"):
        fastopt.compare_grad(fun, x, (3.0,), jac="2-point")
    with pytest.raises(ValueError, match="the gradient has shape"):
        fastopt.compare_grad(fun, x, (3.0,), jac=lambda x, a: [1.0])


def test_compare_grad_shows_gradients_that_are_not_numbers():
    result = fastopt.compare_grad(lambda x: x[0], [1.0], jac=lambda x: [math.nan])
    assert (result.success, result.worst) == (False, (0,))


def test_plain_functions_that_nothing_can_differentiate_are_named():
    def fun(x):
        return {"value": np.linalg.lstsq(MATRIX, x)[0][0], 3: "no dict of Numba's"}["value"] ** 2

    with pytest.raises(TypeError, match="fun cannot be differentiated: line"):
        fastopt.minimize(fun, [1.0, 2.0], jac="autodiff")


@numba.njit
def softplus(x):
    """Two kinks at zero cancel each other."""
    return np.sum(np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0.0) - np.fmin(0.0, 2.0 * x))


@pytest.mark.parametrize("jac", ["forward", "reverse", "autodiff"])
def test_equal_arguments_of_maximum_share_the_derivative(jac):
    fun, jac = (softplus.py_func, jac) if jac == "autodiff" else (softplus, jac)
    for n in (1, 5):
        _, g = fastopt.value_and_grad(fun, jac=jac)(np.zeros(n))
        np.testing.assert_array_equal(g, np.full(n, -0.5))
