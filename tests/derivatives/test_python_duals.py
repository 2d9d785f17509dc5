"""Plain objectives with jac="autodiff" that only Python runs: right derivatives, or a sentence."""

import math

import numpy as np
import pytest
import scipy.special

import fastopt

A = np.array([[1.0, 2.0], [3.0, 4.0]])
X = np.array([0.1, 0.2])
LINE = np.array([0.0, 1.0])


def gradient(fun, x=X):
    class Model:
        """No compiler takes it."""

        def __call__(self, x):
            return fun(x)

    return fastopt.minimize(Model(), x, jac="autodiff", options={"maxiter": 0}).jac


RIGHT = {
    "np.float64": (lambda x: np.float64(x[0]) ** 2 + x[1], [0.2, 1.0]),
    "float": (lambda x: float(x[0]) ** 2 + x[1], [0.2, 1.0]),
    "item": (lambda x: x[0].item() ** 2, [0.2, 0.0]),
    "isinstance": (lambda x: x[0] if isinstance(x[0], float) else 0.0, [1.0, 0.0]),
    "data as floats": (lambda x: x[0] * np.array([1, 2]).astype(float)[1], [2.0, 0.0]),
    "dtype=float": (lambda x: np.sum(np.arange(2, dtype=float) * x), [0.0, 1.0]),
    "dtype=float64": (lambda x: np.sum(np.array([1, 2], np.float64) * x), [1.0, 2.0]),
    "zeros": (lambda x: np.sum(np.zeros(2, dtype=float) + x), [1.0, 1.0]),
    "finfo": (lambda x: 0.0 * np.finfo(float).eps * x[0] + x[1], [0.0, 1.0]),
    "fromhex": (lambda x: float.fromhex("0x1p3") * x[0] + float("3") * x[1], [8.0, 3.0]),
    "median": (lambda x: np.median(np.outer(x, x), axis=0)[0], [0.2, 0.05]),
    "nansum": (lambda x: np.nansum(np.outer(x, x), axis=0)[0], [0.4, 0.1]),
    "nanmean": (lambda x: np.nanmean(np.outer(x, x), axis=1)[1], [0.1, 0.25]),
    "nanmax": (lambda x: np.nanmax(np.outer(x, x), axis=-1)[0], [0.2, 0.1]),
    "nanmin": (lambda x: np.nanmin(np.outer(x, x), axis=1)[0], [0.2, 0.0]),
    "var": (lambda x: np.var(np.outer(x, LINE), axis=1)[0], [0.05, 0.0]),
    "std": (lambda x: np.std(np.outer(x, LINE), axis=1)[1], [0.0, 0.5]),
    "left": (lambda x: np.interp(x[0] - 5.0, LINE, LINE, left=x[1] ** 2), [0.0, 0.4]),
    "right": (lambda x: np.interp(x[0] + 5.0, LINE, LINE, right=x[1] ** 2), [0.0, 0.4]),
    "inside": (lambda x: np.interp(0.25, LINE, x, left=x[0], right=x[1]), [0.75, 0.25]),
    "sinc": (lambda x: np.sinc(0.0 * x[0]) + np.sinc(x[1] + 0.8), [0.0, -1.0]),
    "convolve": (lambda x: np.convolve(x, x)[1], [0.4, 0.2]),
    "astype": (lambda x: np.sum(x.astype(float) ** 2), [0.2, 0.4]),
    "astype float64": (lambda x: np.sum(x.astype(np.float64) ** 2), [0.2, 0.4]),
    "solve": (lambda x: np.linalg.solve(A, x)[0], [-2.0, 1.0]),
    "var method": (lambda x: x.var(), [-0.05, 0.05]),
    "gammaln": (
        lambda x: scipy.special.gammaln(x[0] + 3.0),
        [float(scipy.special.digamma(3.1)), 0.0],
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_derivatives(name):
    fun, wanted = RIGHT[name]
    np.testing.assert_allclose(gradient(fun), wanted, atol=1e-14)


LOST = "a number that depends on x would lose its derivative as a plain float"
REFUSED = {
    "astype": (lambda x: np.sum(x.astype(np.float32) ** 2), LOST),
    "float32": (lambda x: np.float32(x[0]) ** 2, LOST),
    "fsum": (lambda x: math.fsum(x), LOST),
    "gradient": (lambda x: np.gradient(np.append(x, x[0] * x[1]))[1], LOST),
    "lstsq": (lambda x: np.linalg.lstsq(A, x)[0][0], "lstsq"),
    "expit": (lambda x: scipy.special.expit(x[0]), "expit"),
    "reduce": (lambda x: np.maximum.reduce(x), "reduce"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_derivative_is_said_with_its_line(name):
    fun, words = REFUSED[name]
    with pytest.raises(TypeError, match="fun cannot be differentiated: line") as info:
        gradient(fun)
    text = str(info.value)
    assert f"line {fun.__code__.co_firstlineno} of test_python_duals.py" in text
    assert words in text
    assert "without conversions such as astype(float), or give jac" in text


def test_errors_that_are_not_of_derivatives_pass_through():
    with pytest.raises(TypeError, match="ufunc 'add'"):
        gradient(lambda x: x[0] + "a")
    with pytest.raises(AttributeError, match="no_such_thing"):
        gradient(lambda x: np.no_such_thing(x))
