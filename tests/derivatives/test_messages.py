"""What is said of functions that cannot be compiled or differentiated, and of wrong keywords."""

import math
import re
import warnings

import numba
import numpy as np
import pytest
import scipy.special
from numba import njit
from scipy.special import voigt_profile

import fastopt
from fastopt.derivatives import error_reasons

TABLE = {"a": 1.0, "b": np.ones(2)}
LISTED = [1.0, [2.0]]
CHOSEN = {1.0, 2.0}
NOTHING = None
OBJECTS = np.array([1.0, None], dtype=object)
RANDOM = np.random.default_rng(0)
MASKED = np.ma.masked_array([1.0, 2.0], [0, 1])


class Model:
    """What compiled code knows nothing of."""

    k = 2.0

    def __call__(self, x):
        return x[0]


MODEL = Model()


@njit
def helper(x):
    return x[0] * TABLE["a"]


def plain(x):
    return x[0]


@njit
def solved(x):
    return np.sum(np.linalg.lstsq(np.eye(2), x)[0])


def f_dict(x):
    return x[0] * TABLE["a"]


def f_helper(x):
    return helper(x)


def f_list(x):
    return x[0] * LISTED[0]


def f_set(x):
    return x[0] * len(CHOSEN)


def f_none(x):
    return x[0] * NOTHING


def f_objects(x):
    return x[0] * OBJECTS[0]


def f_random(x):
    return x[0] * RANDOM.normal()


def f_masked(x):
    return np.sum((x - MASKED) ** 2)


def f_instance(x):
    return x[0] * MODEL.k


def f_called(x):
    return MODEL(x)


def f_undefined(x):
    return x[0] * no_such_name  # noqa: F821


def f_misspelt(x):
    return np.summ(x)


def f_math(x):
    return math.expp(x[0])


def f_einsum(x):
    return np.einsum("i,i", x, x)


def f_bessel(x):
    return scipy.special.jv(0, x[0])


def f_ufunc(x):
    return voigt_profile(x[0], 1.0, 1.0)


def f_item(x):
    return x.item()


def f_import(x):
    import math

    return math.exp(x[0])


def f_global(x):
    global COUNT
    COUNT = 1
    return x[0]


def f_star(x):
    a, *_b = x
    return a


def f_generator(x):
    return sum(v * v for v in x)


def f_format(x):
    return x[0] + len(f"{x[0]:.3f}")


def f_except(x):
    try:
        return x[0] ** 2
    except ValueError:
        return 0.0


def f_with(x):
    with warnings.catch_warnings():
        return x[0] ** 2


def f_in_place(x):
    u = np.array([0.0, 0.0])
    u += x
    return np.sum(u)


def f_written(x):
    u = np.array([0.0, 0.0])
    u[0] = x[0]
    return np.sum(u)


def f_solve(x):
    return np.sum(np.linalg.lstsq(np.eye(2), x)[0])


def f_solve_below(x):
    return solved(x)


def f_complex(x):
    return abs(x[0] + 1j * x[1])


def f_whole(x):
    return np.int64(x[0]) * x[1]


def f_mixed(x):
    s = x[0]
    for v in (x[1], 2.0):
        s = s * v
    return s


def f_none_of_axes(x):
    return np.sum(x[0])


def f_where(x):
    return np.sum(np.where(x > 0)[0]) * x[0]


def f_keepdims(x):
    return np.sum(np.sum(x.reshape(1, 2), axis=0, keepdims=True))


def f_yield(x):
    yield x[0]


def f_no_return(x):
    x[0] ** 2


def f_pair(x):
    return x[0], x


def f_maybe(x):
    if x[0] > 0.0:
        return x[0]
    return None


def f_text(x):
    return "a"


def f_keyword(x, *, scale):
    return x[0] * scale


def f_keywords(x, **more):
    return x[0]


CODE = "pass what is needed of it in args"
SAID = {  # the offset of the line, and what is said
    f_dict: (1, "'TABLE' is a dict, which compiled code cannot read; " + CODE),
    f_list: (1, "'LISTED' is a list, which"),
    f_set: (1, "'CHOSEN' is a set, which"),
    f_none: (1, "'NOTHING' is None, which"),
    f_objects: (1, "'OBJECTS' is an array of objects, which"),
    f_random: (1, "'RANDOM' is a Generator, which"),
    f_masked: (1, "'MASKED' is a MaskedArray, which"),
    f_instance: (1, "'MODEL' is a Model, which"),
    f_called: (1, "'MODEL' is a Model, which"),
    f_undefined: (1, "the name 'no_such_name' is not defined"),
    f_misspelt: (1, "numpy has no 'summ'; did you mean 'sum'? Compiled code can"),
    f_math: (1, "math has no 'expp'; did you mean 'exp'?"),
    f_einsum: (1, "Numba does not support numpy.einsum. Compiled code can"),
    f_bessel: (1, "Numba does not support scipy.special.jv"),
    f_ufunc: (1, "Numba does not support the function 'voigt_profile', a ufunc"),
    f_item: (1, "arrays and numbers that depend on x have no 'item'"),
    f_import: (1, "Numba does not support an import inside a function; import at the top"),
    f_global: (2, "Numba does not support writing to a global variable"),
    f_star: (1, "Numba does not support unpacking with *; use slices"),
    f_generator: (1, "Numba does not support generator expressions; write a list"),
    f_format: (1, "Numba does not support formats in f-strings"),
    f_except: (3, "compiled code supports only 'except:' and 'except Exception:'"),
    f_with: (1, "Numba does not support this 'with'"),
    f_in_place: (2, "an array of plain numbers cannot take numbers that depend on x; make it with"),
    f_written: (2, "an array of plain numbers cannot take numbers that depend on x; make it with"),
    f_solve: (1, "the derivative of lstsq is not known. Write it in terms"),
    f_complex: (1, "the derivative of '*' with complex numbers is not known"),
    f_whole: (1, "the derivative of int64 is not known"),
    f_mixed: (2, "a loop over a tuple needs items of one kind; make all of them depend on x"),
    f_none_of_axes: (1, "sum is given a number where it needs an array (in a batch, data"),
    f_where: (1, "Numba does not support where for (array(bool, 1d, C))"),
    f_keepdims: (1, "sum"),
}
RETURNED = {
    f_yield: "it returns a generator (it has a yield)",
    f_no_return: "it returns none (a return is missing)",
    f_pair: "it returns a tuple of 2 (if it returns its gradient too, say jac=True)",
    f_maybe: "it returns a number or None",
    f_text: "it returns a string (",
    f_keyword: "fun has the keyword argument scale, which compiled code cannot be given",
    f_keywords: "fun has the keyword argument **more, which compiled code cannot be given",
}


def forward(fun):
    return fastopt.value_and_grad(fun, jac="forward")


def message(fun, door=forward):
    with pytest.raises((TypeError, numba.TypingError)) as info:
        door(fun)(np.array([0.1, 0.2]))
    text = str(info.value)
    assert "Traceback" not in text
    assert "candidate implementations" not in text
    assert "During:" not in text
    return text


# Numba warns so on Python 3.13, before it says that it does not support generators.
@pytest.mark.filterwarnings("ignore:Assigning a code object of non-matching type")
@pytest.mark.parametrize("fun", SAID, ids=lambda f: f.__name__)
def test_the_line_and_what_is_wrong_there(fun):
    offset, words = SAID[fun]
    line = fun.__code__.co_firstlineno + offset
    text = message(fun)
    assert text.startswith(f"fun cannot be differentiated: line {line} of test_messages.py, ")
    assert words in text


@pytest.mark.parametrize("fun", RETURNED, ids=lambda f: f.__name__)
def test_what_fun_returns(fun):
    assert RETURNED[fun] in message(fun)


def test_helpers_are_named_by_their_own_line():
    for fun, below in ((f_helper, helper), (f_solve_below, solved)):
        line = below.py_func.__code__.co_firstlineno + 2
        assert f"line {line} of test_messages.py" in message(fun)


def batch(fun, **more):
    return lambda x: fastopt.minimize_batch(fun, [x, x], **more)


def stochastic(fun):
    return lambda x: fastopt.minimize_stochastic(lambda x, row: fun(x), x, np.ones(3))


DOORS = {
    "minimize": lambda fun: lambda x: fastopt.minimize(njit(fun), x, jac="autodiff"),
    "differences": lambda fun: lambda x: fastopt.minimize(njit(fun), x, jac="2-point"),
    "batch": batch,
    "batch differences": lambda fun: batch(fun, jac="2-point"),
    "stochastic": lambda fun: (
        lambda x: fastopt.minimize_stochastic(
            njit(lambda x, row: f_misspelt_below(x)), x, np.ones(3)
        )
    ),
    "compare_grad": lambda fun: lambda x: fastopt.compare_grad(njit(fun), x),
}


@njit
def f_misspelt_below(x):
    return np.summ(x)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("fun", [f_dict, f_misspelt], ids=lambda f: f.__name__)
def test_every_door_says_it(fun, door):
    if door == "stochastic":
        assert "numpy has no 'summ'" in message(fun, DOORS[door])
    else:
        assert SAID[fun][1][:20] in message(fun, DOORS[door])


def test_plain_functions_called_from_compiled_ones():
    def fun(x):
        return plain(x)

    assert "'plain' is a plain function; decorate it with numba.njit" in message(
        fun, DOORS["minimize"]
    )


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (lambda t: TABLE["a"], "'TABLE' is a dict"),
        (lambda t: np.summ(t), "numpy has no 'summ'"),
        (lambda t: MODEL.k, "'MODEL' is a Model"),
        (lambda t: "a", "learning_rate must return a number; compiled, it returns "),
        (lambda t, u: 0.1, "learning_rate is <lambda>(t, u); it is called with the step t alone"),
    ],
)
def test_schedules_that_cannot_be_compiled(schedule, words):
    options = {"learning_rate": schedule, "maxiter": 2}

    def square(x, *data):
        return np.sum(x**2)

    doors = [
        lambda x: fastopt.minimize(njit(square), x, jac="autodiff", options=options),
        lambda x: fastopt.minimize(njit(square), x, options=options),
        lambda x: fastopt.minimize_batch(square, [x], options=options),
        lambda x: fastopt.minimize_stochastic(square, x, np.ones(3), options=options),
    ]
    for door in doors:
        assert words in message(None, lambda fun, door=door: door)


def f(x):
    return (x[0] - 1.0) ** 2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fastopt.minimize(f, [0.0], learning_rate=0.1), "options={'learning_rate': 0.1}"),
        (lambda: fastopt.minimize(f, [0.0], lr=0.1), "options={'learning_rate': 0.1}"),
        (lambda: fastopt.minimize(f, [0.0], maxiter=3), "options={'maxiter': 3}"),
        (lambda: fastopt.minimize(f, [0.0], beta1=0.5), "options={'beta1': 0.5}"),
        (lambda: fastopt.minimize(f, [0.0], constraints=()), "constraints are not supported, only"),
        (lambda: fastopt.minimize(f, [0.0], hess=f), "second derivatives are not used"),
        (lambda: fastopt.minimize(f, x=[0.0]), "did you mean 'x0'?"),
        (lambda: fastopt.minimize(f, [0.0], bound=1), "did you mean 'bounds'?"),
        (lambda: fastopt.minimize(f, [0.0], nothing_like_it=1), "Its arguments are fun, x0, args"),
        (lambda: fastopt.minimize_batch(f, [0.0], grad=f), "did you mean 'jac'?"),
        (lambda: fastopt.minimize_batch(f, [0.0], rho=0.5), "options={'rho': 0.5}"),
        (
            lambda: fastopt.minimize_stochastic(f, [0.0], (), weight_decay=1.0),
            "options={'weight_decay': 1.0}",
        ),
        (lambda: fastopt.minimize_stochastic(f, [0.0], (), n_epochs=1), "did you mean 'epochs'?"),
        (lambda: fastopt.multistart(f, [(0, 1)], seed=1), "did you mean 'rng'?"),
        (lambda: fastopt.value_and_grad(f, sizes=1), "did you mean 'size'?"),
        (lambda: fastopt.compare_grad(f, [1.0], gradient=f), "did you mean 'jac'?"),
    ],
)
def test_keywords_that_belong_elsewhere(call, words):
    with pytest.raises(TypeError, match=re.escape(words)):
        call()


def test_warnings_point_at_the_call():
    with pytest.warns(UserWarning, match="Differences are used instead") as caught:
        fastopt.minimize(njit(lambda x: np.floor(x[0])), [1.0, 2.0], options={"maxiter": 0})
    assert caught[0].filename == __file__


def test_functions_of_a_script_without_a_name():
    def helper(x):
        return x[0]

    helper.__module__ = None  # as exec leaves it
    assert error_reasons.called_functions(helper) == [helper]
