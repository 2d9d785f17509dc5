"""What makes no sense raises at the door, in a sentence that names it and says what is accepted."""

import math
import re

import numba
import numpy as np
import pytest
from problems import rosenbrock, rosenbrock_jac
from scipy.optimize import Bounds

from fastopt import minimize, schedules
from fastopt.targets import dispatch

njit = numba.njit
nan, inf = math.nan, math.inf
START = [-1.2, 1.0]
WRONG = (TypeError, ValueError)


def give(value):
    return lambda x: value


def check(call, error, words):
    """The call raises `error` with these words in its message."""
    call = {"fun": rosenbrock, "x0": START, **call}
    if hasattr(call["fun"], "py_func"):
        call.setdefault("options", {"learning_rate": 0.1})  # the loop that compiles faster
    with pytest.raises(error) as caught:
        minimize(**call)
    text = str(caught.value)
    assert type(caught.value) in (TypeError, ValueError, RuntimeError)  # none of Numba's
    for word in words:
        assert word in text


X0 = [
    ("ab", TypeError, ["x0", "<U2", "float64"]),
    (["1", "2"], TypeError, ["x0", "<U1", "float64"]),
    (None, TypeError, ["x0", "object", "float64"]),
    ([None, 1.0], TypeError, ["x0", "object", "float64"]),
    (np.array([1.0, 2.0], object), TypeError, ["x0", "object", "float64"]),
    ([1j, 0.0], TypeError, ["x0", "complex128", "real and imaginary parts"]),
    ([True, False], TypeError, ["x0", "bool"]),
    (np.ones(2, np.float16), TypeError, ["x0", "float16", "float32"]),
    ([], ValueError, ["x0 is empty"]),
    (np.ones((0, 3)), ValueError, ["x0 is empty"]),
    ([1.0, nan], ValueError, ["x0 is not finite at component 1"]),
    ([-inf, nan], ValueError, ["x0 is not finite at component 0"]),
    ([[1.0, 2.0], [3.0]], WRONG, ["x0"]),
]
BOUNDS = [
    ([(0, 1)], ValueError, ["bounds", "2 pairs", "given are 1"]),
    ([], ValueError, ["bounds", "2 pairs", "given are 0"]),
    ([(-9, 9, 0), (-9, 9)], ValueError, ["bounds", "pairs (low, high)"]),
    ([(2, 3), (0, 9)], ValueError, ["x0[0] = -1.2", "outside its bounds (2, 3)", "clip"]),
    (Bounds(-9, 0.5), ValueError, ["x0[1] = 1", "outside its bounds (-9, 0.5)"]),
    ([(-9, 9), (3, 1)], ValueError, ["bounds of component 1", "(3, 1)", "low above high"]),
    (Bounds([9, -9], [-9, 9]), ValueError, ["bounds of component 0", "low above high"]),
    ([(nan, 9), (-9, 9)], ValueError, ["bounds of component 0", "nan"]),
    (Bounds([-9, -9], [9, nan]), ValueError, ["bounds of component 1", "nan"]),
    (Bounds([-9] * 3, [9] * 3), ValueError, ["bounds", "3", "2"]),
    ([("a", 9), (-9, 9)], WRONG, ["bounds", "'a'"]),
    ([(-9j, 9), (-9, 9)], WRONG, ["bounds", "9j"]),
    ((-9, 9), WRONG, ["bounds", "pairs (low, high)"]),
    (5, WRONG, ["bounds", "pairs (low, high)"]),
    ("ab", WRONG, ["bounds", "pairs (low, high)"]),
]
OPTIONS = [
    (3, TypeError, ["options must be a dict", "int"]),
    ([("gtol", 1)], TypeError, ["options must be a dict", "list"]),
    *(({name: -1}, ValueError, [name, "-1", "at least 0"]) for name in ("gtol", "ftol", "xtol")),
    *(({name: -1}, ValueError, [name, "-1"]) for name in ("maxiter", "maxfev", "maxtime", "eps")),
    ({"maxcor": -1}, ValueError, ["maxcor", "-1"]),
    ({"maxcor": 2.5}, ValueError, ["maxcor", "2.5", "whole"]),
    ({"maxcor": [5]}, TypeError, ["maxcor"]),
    *(({name: nan}, ValueError, [name, "nan"]) for name in ("gtol", "maxiter", "rho", "maxtime")),
    *(({name: "a"}, TypeError, [name, "'a'"]) for name in ("ftol", "maxfev", "eps", "momentum")),
    ({"gtol": [1e-6]}, TypeError, ["gtol must be", "number", "[1e-06]"]),
    ({"gtol": np.ones(2)}, TypeError, ["gtol must be one real number"]),
    ({"maxiter": 10**400}, ValueError, ["maxiter", "largest float"]),
    ({"gtol": True}, TypeError, ["gtol must be", "number", "True"]),
    ({"xtol": 1j}, TypeError, ["xtol must be", "number", "1j"]),
    ({"rho": 1.5}, ValueError, ["rho = 1.5", "between 0 and 1"]),
    ({"rho": -0.1}, ValueError, ["rho = -0.1", "between 0 and 1"]),
    ({"rho": 1}, ValueError, ["rho = 1", "below 1"]),
    ({"momentum": 1.0}, ValueError, ["momentum = 1", "below 1"]),
    ({"eps": inf}, ValueError, ["eps", "finite"]),
    ({"initial_accumulator": -1.0}, ValueError, ["initial_accumulator = -1"]),
    ({"centered": 1}, TypeError, ["centered must be True or False", "1"]),
    ({"nesterov": 0.9}, TypeError, ["nesterov must be True or False", "0.9"]),
    ({"learning_rate": 0}, ValueError, ["learning_rate = 0", "above zero"]),
    ({"learning_rate": -0.1}, ValueError, ["learning_rate = -0.1", "above zero"]),
    ({"learning_rate": nan}, ValueError, ["learning_rate = nan", "above zero"]),
    ({"learning_rate": inf}, ValueError, ["learning_rate = inf", "finite"]),
    ({"learning_rate": "fast"}, ValueError, ["learning_rate = 'fast'", '"auto"', "schedule"]),
    ({"learning_rate": [0.1, 0.1]}, TypeError, ["learning_rate must be", "[0.1, 0.1]"]),
    ({"learning_rate": schedules.cosine}, WRONG, ["learning_rate"]),
    ({"learning_rate": lambda t: None}, WRONG, ["learning_rate"]),
    ({"learning_rate": schedules.cosine("a", 9)}, WRONG, ["cosine"]),
    ({"learning_rate": schedules.cosine(-0.1, 9)}, ValueError, ["cosine"]),
    ({"learning_rate": schedules.polynomial(0.1, 0)}, ValueError, ["polynomial"]),
    *(
        ({"finite_diff_rel_step": step}, ValueError, ["finite_diff_rel_step", word])
        for step, word in [(-1, "positive"), ([1e-3, 0], "positive"), (nan, "positive"),
                           ("a", "positive"), (1j, "positive"), ([1e-3] * 3, "(3,)")]
    ),
    ({"zzz": 1}, ValueError, ["unknown option 'zzz'", "rmsprop", "Options are", "learning_rate"]),
    ({3: 1}, ValueError, ["unknown option 3"]),
]  # fmt: skip
MEANT = [
    *(("rmsprop", name, "rho") for name in ("gamma", "alpha", "decay", "Rho")),
    ("adadelta", "decay", "rho"),
    *(("sgd", name, "learning_rate") for name in ("lr", "rate", "LR", "learningrate")),
    *(("adam", name, "eps") for name in ("epsilon", "esp")),
    ("adam", "beta_2", "beta2"),
    ("adagrad", "initial_accumulator_value", "initial_accumulator"),
    ("nadam", "maxfun", "maxfev"),
    ("rmsprop", "maxitr", "maxiter"),
    ("rmsprop", "centred", "centered"),
]
METHODS = [
    ("rmsprob", ValueError, ["unknown method 'rmsprob'", "'rmsprop'", "Methods are", "adagrad"]),
    ("Adma", ValueError, ["unknown method 'Adma'", "'adam'"]),
    ("ada-grd", ValueError, ["unknown method 'ada-grd'", "'adagrad'"]),
    ("BFGS", ValueError, ["unknown method 'BFGS'", "Methods are", "rmsprop"]),
    ("", ValueError, ["unknown method ''", "Methods are"]),
    (3, TypeError, ["method must be a string", "int", "rmsprop"]),
    (None, TypeError, ["method must be a string", "NoneType", "rmsprop"]),
]
FUN = [
    (5, TypeError, ["fun must be a function", "int"]),
    (give(np.ones(2)), TypeError, ["fun must return one real number", "array of shape (2,)"]),
    (give(None), TypeError, ["fun must return one real number", "None"]),
    (give(1j), TypeError, ["fun must return one real number", "1j"]),
    (give("1"), TypeError, ["fun must return one real number", "'1'"]),
    (give((1.0, np.ones(2))), TypeError, ["fun must return one real number", "jac=True"]),
    (njit(give((1.0, 2.0))), TypeError, ["fun must return one real number"]),
    (njit(give("1")), TypeError, ["fun must return one real number", "unicode_type"]),
    (njit(lambda x: x), TypeError, ["fun must return one real number", "array(float64, 1d"]),
    (njit(give(None)), TypeError, ["fun must return one real number", "none"]),
    (njit(give(1j)), TypeError, ["fun must return one real number", "complex128"]),
]
PLAIN_JAC = [
    (np.ones(1), ValueError, ["jac returned an array of shape (1,)", "x has shape (2,)"]),
    (np.ones((2, 2)), ValueError, ["jac returned an array of shape (2, 2)", "(2,)"]),
    (np.ones((2, 1)), ValueError, ["jac returned an array of shape (2, 1)", "(2,)"]),
    (1.0, ValueError, ["jac returned 1.0", "x has shape (2,)"]),
    (np.ones(2) * 1j, TypeError, ["jac must return real numbers", "complex128"]),
    (None, TypeError, ["jac must return real numbers", "None"]),
    (["a", "b"], TypeError, ["jac must return real numbers", "<U1"]),
    ([[1.0], [1.0, 2.0]], WRONG, ["jac"]),
]
JAC = [
    *((rosenbrock, give(d), error, words) for d, error, words in PLAIN_JAC),
    *((lambda x, d=d: (1.0, d), True, error, words) for d, error, words in PLAIN_JAC),
    *((rosenbrock, j, WRONG, [f"jac = {j!r}", "'2-point'"]) for j in ("4-point", "CS", 3, [1])),
    (rosenbrock, True, TypeError, ["jac=True", "(value, gradient)", "float"]),
    (give((1, 2, 3)), True, TypeError, ["jac=True", "(value, gradient)", "tuple of 3"]),
    (lambda x: abs(x[0]) + abs(x[1]), "cs", TypeError, ["jac='cs'", "abs", "'3-point'"]),
    (njit(lambda x: abs(x[0]) + abs(x[1])), "cs", TypeError, ["jac='cs'", "abs", "'3-point'"]),
    (njit(lambda x: math.sin(x[0])), "cs", TypeError, ["jac='cs'", "complex", "line"]),
    (njit(rosenbrock), True, TypeError, ["jac=True", "(value, gradient)", "float64"]),
    (njit(lambda x: (1.0, x[:1])), True, ValueError, ["gradient", "as many components as x0"]),
    (njit(lambda x: (1.0, x * 1j)), True, TypeError, ["jac must return", "real", "complex128"]),
    (njit(rosenbrock), njit(lambda x: 1.0), TypeError, ["jac must return an array", "float64"]),
    (njit(rosenbrock), njit(lambda x: np.ones((2, 1))), WRONG, ["jac must return", "2d"]),
]
OTHER = [
    *({"tol": t} for t in (-1.0, nan, "tight", [1.0], True)),
    *({"callback": c} for c in (5, "print", [print])),
    *({"device": d} for d in ("gpu", None, 0)),
]


def rows(name, table):
    def label(value):
        return f"{name}={re.sub(' at 0x[^>]*', '', repr(value)):.50}"

    return [pytest.param({name: value}, *rest, id=label(value)) for value, *rest in table]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        *rows("x0", X0),
        *rows("bounds", BOUNDS),
        *rows("options", OPTIONS),
        *rows("method", METHODS),
        *rows("fun", FUN),
        *(({"fun": f, "jac": j}, error, words) for f, j, error, words in JAC),
        *((call, WRONG, [*call, str(*call.values())]) for call in OTHER if "callback" not in call),
        *((call, TypeError, ["callback must be"]) for call in OTHER if "callback" in call),
    ],
)
def test_sentence(call, error, words):
    check(call, error, words)


@pytest.mark.parametrize(("method", "given", "meant"), MEANT)
def test_option_that_was_meant(method, given, meant):
    check(
        {"method": method, "options": {given: 0.5}},
        ValueError,
        [f"unknown option '{given}'", f"did you mean '{meant}'?", method],
    )


@pytest.mark.parametrize("jac", ["2-point", njit(rosenbrock_jac)])
def test_what_numba_cannot_compile_is_shown_with_its_line(jac):
    def fun(x):
        y = x[0] + 1.0
        return y.nonsense

    line = fun.__code__.co_firstlineno + 2
    check({"fun": njit(fun), "jac": jac, "options": {}}, TypeError, ["could not compile fun",
          "nonsense", "test_bad_input.py", f"line {line}"])  # fmt: skip


@pytest.mark.parametrize(
    ("args", "words"), [((), ["fun", "argument"]), (({"a": 1.0},), ["args", "dict"])]
)
def test_args_that_a_compiled_function_cannot_take(args, words):
    check({"fun": njit(lambda x, a: x[0] * a["a"]), "args": args}, TypeError, words)


@pytest.mark.skipif(dispatch.why_not_cuda() is None, reason="CUDA can be used here")
def test_what_lies_outside_x_is_not_read():
    """Numba reads on beyond an array: with an x0 too short, a "minimum" of what lies there."""

    @numba.njit
    def valley(x, calls):
        return (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2 + calls[0]

    for jac in (None, "2-point"):
        with pytest.raises(IndexError, match=r"outside x, of shape \(1,\).*of shapes \(1,\)"):
            minimize(valley, [1.0], (np.zeros(1),), jac=jac)
    with pytest.raises(IndexError, match="outside x"):
        minimize(valley.py_func, [1.0], (np.zeros(1),), jac="autodiff")
    assert minimize(valley, [1.0, 2.0], (np.zeros(1),)).success

    @numba.njit
    def pick(x, k):
        return (x[0] - 1.0) ** 2 + x[k] ** 2

    assert minimize(pick, [3.0, 3.0], (1,)).success
    with pytest.raises(IndexError, match="outside x"):
        minimize(pick, [3.0, 3.0], (7,))


def test_the_look_at_indices_leaves_no_trace():
    @numba.njit
    def counted(x, calls):
        calls[0] += 1.0
        return x[0] ** 2

    calls = np.zeros(1)
    res = minimize(counted, [1.0], (calls,), jac="2-point")
    assert res.nfev == calls[0]


def test_cuda_where_there_is_none():
    check({"device": "cuda"}, RuntimeError, ["device='cuda'", "cannot be used", "NVIDIA"])


class Mine(Exception):
    pass


@pytest.mark.parametrize("where", ["fun", "jac", "callback"])
def test_exceptions_of_plain_functions_pass_through(where):
    error = Mine("at", 3)

    def raising(result):
        def call(x):
            calls.append(1)
            if len(calls) == 3:
                raise error
            return result(x)

        return call

    calls, parts = [], {"fun": rosenbrock, "jac": rosenbrock_jac, "callback": lambda x: None}
    parts[where] = raising(parts[where])
    with pytest.raises(Mine) as caught:
        minimize(parts["fun"], START, jac=parts["jac"], callback=parts["callback"])
    assert caught.value is error
    assert error.args == ("at", 3)


@njit
def raising(x):
    if x[0] > -1.1:
        raise KeyError("x[0] is too large", 7)
    return -x[0]


def test_exceptions_of_compiled_functions_pass_through():
    with pytest.raises(KeyError) as caught:
        minimize(raising, START, jac="2-point")
    assert caught.value.args == ("x[0] is too large", 7)
