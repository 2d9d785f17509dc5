"""Rules as methods of `scipy.optimize.minimize`, and what SciPy's users expect of a minimiser."""

import functools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import rosenbrock, rosenbrock_jac
from scipy.optimize import Bounds, OptimizeResult
from scipy.optimize import minimize as scipy_minimize

import fastopt

START = [-1.2, 1.0]
RULES = pytest.mark.parametrize("name", fastopt.methods())


def shifted(x, a, b):
    """Minimum 1 at (a, b)."""
    return (x[0] - a) ** 2 + 3.0 * (x[1] - b) ** 2 + 1.0


def shifted_jac(x, a, b):
    return np.array([2.0 * (x[0] - a), 6.0 * (x[1] - b)])


def shifted_both(x, a, b):
    return shifted(x, a, b), shifted_jac(x, a, b)


@pytest.mark.parametrize(
    ("name", "fun", "jac"),
    [
        *((name, shifted, shifted_jac) for name in fastopt.methods()),
        ("rmsprop", shifted_both, True),
        ("rmsprop", shifted, None),
    ],
)
def test_every_rule_is_a_method(name, fun, jac):
    steps, options = [], {"maxiter": 500, "disp": False}
    res = scipy_minimize(
        fun,
        [0.0, 9.0],
        (2.0, -1.0),
        getattr(fastopt, name),
        jac,
        callback=steps.append,
        tol=1e-4,
        options=options,
    )
    assert isinstance(res, OptimizeResult)
    assert res.success, res.message
    assert_allclose(res.x, [2.0, -1.0], atol=1e-4)
    assert np.abs(shifted_jac(res.x, 2.0, -1.0)).max() <= 1.1e-4
    assert len(steps) == res.nit > 0
    assert options == {"maxiter": 500, "disp": False}
    direct = fastopt.minimize(fun, [0.0, 9.0], (2.0, -1.0), name, jac, tol=1e-4, options=options)
    assert_array_equal(res.x, direct.x)
    assert res.nit == direct.nit


@pytest.mark.parametrize("bounds", [[(0, 1), (None, 3)], Bounds([0, -np.inf], [1, 3])])
def test_bounds_arrive(bounds):
    res = scipy_minimize(
        shifted, [0.5, 0.0], (2.0, -1.0), fastopt.rmsprop, shifted_jac, bounds=bounds
    )
    assert res.success
    assert_allclose(res.x, [1.0, -1.0], atol=1e-6)
    assert res.x[0] == 1.0


def test_options_arrive():
    options = {"learning_rate": 0.01, "maxiter": 12, "rho": 0.5}
    res = scipy_minimize(rosenbrock, START, method=fastopt.rmsprop, options=options)
    assert (res.nit, res.status) == (12, 1)
    assert_array_equal(res.x_last, fastopt.minimize(rosenbrock, START, options=options).x_last)
    with pytest.raises(ValueError, match="rho"):
        scipy_minimize(rosenbrock, START, method=fastopt.rmsprop, options={"gamma": 0.5})


@pytest.mark.parametrize("word", ["hess", "hessp"])
def test_hessians_warn(word):
    with pytest.warns(RuntimeWarning, match=f"rmsprop does not use {word}$"):
        res = scipy_minimize(
            rosenbrock,
            START,
            method=fastopt.rmsprop,
            jac=rosenbrock_jac,
            **{word: lambda x, *p: np.eye(2)},
        )
    assert res.success


def test_constraints_are_refused():
    constraint = {"type": "eq", "fun": lambda x: x[0]}
    with pytest.raises(ValueError, match="adam takes bounds, not constraints"):
        scipy_minimize(rosenbrock, START, method=fastopt.adam, constraints=constraint)


@RULES
def test_names(name):
    method = getattr(fastopt, name)
    assert callable(method)
    assert method.__name__ == name
    assert method is getattr(fastopt, name)


@pytest.mark.parametrize("name", ["bfgs", "RMSProp2", "_parts", "sgdd"])
def test_other_names(name):
    with pytest.raises(AttributeError, match=f"module 'fastopt' has no attribute '{name}'"):
        getattr(fastopt, name)


class Recorder:
    """A callback in every form that Python knows."""

    def __init__(self):
        self.seen = []

    def method(self, xk):
        self.seen.append((xk.copy(), None))
        xk[:] = np.nan  # it is ours

    def keyword(self, *, intermediate_result):
        x = intermediate_result.x
        self.seen.append((x.copy(), intermediate_result.fun))
        x[:] = np.nan

    def positional(self, intermediate_result):
        self.keyword(intermediate_result=intermediate_result)

    def __call__(self, x):
        self.method(x)


@pytest.mark.parametrize("rate", ["auto", 1e-3])
@pytest.mark.parametrize(
    ("form", "with_fun"),
    [
        (lambda r: r.method, False),
        (lambda r: r, False),
        (lambda r: lambda x: r(x), False),
        (lambda r: functools.partial(r.method), False),
        (lambda r: r.keyword, True),
        (lambda r: r.positional, True),
    ],
)
def test_callback_gets_copies_and_changes_nothing(form, with_fun, rate):
    recorder, options = Recorder(), {"learning_rate": rate, "maxiter": 60}
    run = functools.partial(fastopt.minimize, rosenbrock, START, jac=rosenbrock_jac)
    res = run(callback=form(recorder), options=options)
    silent, timed = run(options=options), run(options={**options, "maxtime": 100.0})
    for other in (silent, timed):
        assert res.keys() == other.keys()
        for key in res:
            assert_array_equal(res[key], other[key], err_msg=key)
    assert len(recorder.seen) == res.nit
    assert_array_equal(recorder.seen[-1][0], res.x_last)
    values = [rosenbrock(x) for x, _ in recorder.seen]
    assert res.fun == min([*values, rosenbrock(START)])
    if with_fun:
        assert_allclose([f for _, f in recorder.seen], values, rtol=1e-15)


@pytest.mark.parametrize("rate", ["auto", 1e-3])
@pytest.mark.parametrize("last", [1, 4])
def test_stop_iteration(last, rate):
    count = iter(range(1, 100))

    def callback(xk):
        if next(count) == last:
            raise StopIteration

    res = fastopt.minimize(
        rosenbrock, START, jac=rosenbrock_jac, callback=callback, options={"learning_rate": rate}
    )
    assert (res.status, res.success, res.nit) == (99, False, last)
    assert "callback" in res.message


def test_tolerance_has_an_effect():
    run = functools.partial(fastopt.minimize, rosenbrock, START, jac=rosenbrock_jac)
    loose, tight = run(tol=1.0), run(tol=1e-9)
    assert np.abs(loose.x - 1).max() > 1e-3 > 1e-8 > np.abs(tight.x - 1).max()
    assert (loose.status, tight.status) == (0, 0)
    assert tight.nfev > loose.nfev
    for same in (run(options={"gtol": 1.0}), run(tol=1e-9, options={"gtol": 1.0})):
        assert_array_equal(loose.x, same.x)


@pytest.mark.parametrize("rate", ["auto", 1e-3])
@pytest.mark.parametrize("most", [0, 1, 5, 2.5])
def test_nit_stays_within_maxiter(rate, most):
    options = {"maxiter": most, "learning_rate": rate}
    res = fastopt.minimize(rosenbrock, START, options=options)
    assert (res.nit, res.status) == (int(most), 1)


@pytest.mark.parametrize("jac", ["callable", True, "2-point", "3-point"])
def test_fun_and_jac_get_copies(jac):
    def spoil(x, result):
        x[:] = np.nan
        return result

    gradient = lambda x: spoil(x, rosenbrock_jac(x))  # noqa: E731
    careful = {"jac": rosenbrock_jac if jac in ("callable", True) else jac}
    wanted = fastopt.minimize(rosenbrock, START, **careful)
    if jac is True:
        fun = lambda x: spoil(x, (rosenbrock(x), rosenbrock_jac(x)))  # noqa: E731
    else:
        fun = lambda x: spoil(x, rosenbrock(x))  # noqa: E731
    res = fastopt.minimize(fun, START, jac=gradient if jac == "callable" else jac)
    assert_array_equal(res.x, wanted.x)
    assert res.nfev == wanted.nfev
