"""What is edited counts at the next call; `edits.py` is a command for hundreds of edits."""

import collections
import operator
import os
import pathlib
import subprocess
import sys

import numba
import numpy as np
import pytest
from numba.core import types as numba_types
from numba.extending import overload, overload_method, register_jitable

import fastopt

HERE = pathlib.Path(__file__).parents[1] / "helpers"
X = np.array([1.5])
OLD, NEW = 2.0, 5.0


def command(*words):
    """Run `edits.py` in a process of its own, which forks."""
    env = {**os.environ, "NUMBA_OPT": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    line = [sys.executable, HERE / "edits.py", *map(str, words)]
    return subprocess.run(line, env=env, capture_output=True, text=True, timeout=500)


def test_random_packages():
    done = command(8, 41)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("fault", ["modules", "memory"])
def test_faults_are_found(fault):
    done = command(8, 41, fault)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "WRONG" in done.stdout


# Within one process, for what the functions below read.

K = OLD


@numba.njit
def helper(v):
    return v * K


@register_jitable
def jitable(v):
    return v * K


def stub(v):
    raise NotImplementedError("in Python")


@overload(stub)
def _stub(v):
    return lambda v: v * K


@overload_method(numba_types.Array, "times_k_of_test_edits")
def _method(a, v):
    return lambda a, v: v * K


Functions = collections.namedtuple("Functions", "call number")
FUNCTIONS = Functions(helper, 1.0)
PLACE = np.zeros(1)


def by_default(x, call=helper):
    return call(x[0])


def by_keyword(x):
    return with_default(v=x[0])


def with_default(v, call=helper):
    return call(v)


@numba.njit
def inner(x):
    return x[0] * K


slope = fastopt.value_and_grad(inner)
READERS = {
    "default": by_default,
    "default of a helper": by_keyword,
    "named tuple": lambda x: FUNCTIONS.call(x[0]) * FUNCTIONS.number,
    "jitable": lambda x: jitable(x[0]),
    "overload": lambda x: stub(x[0]),
}


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("fun", READERS.values(), ids=READERS)
def test_todays_globals(fun, compiled, monkeypatch):
    if compiled:
        fun = numba.njit(fun)
        fun.py_func.__globals__["with_default"] = with_default
        if READERS["default of a helper"] is fun.py_func:
            monkeypatch.setitem(globals(), "with_default", numba.njit(with_default))
    for number in (OLD, NEW, OLD):
        monkeypatch.setitem(globals(), "K", number)
        value, gradient = fastopt.value_and_grad(fun)(X)
        assert (value, gradient[0]) == (1.5 * number, number)


def value_of(fun, jac="2-point", args=()):
    return fastopt.minimize(fun, X, args, jac=jac, options={"maxiter": 0}).fun


@numba.njit
def by_method(x):
    return x[0] + PLACE.times_k_of_test_edits(1.0)


@numba.njit
def with_slope(x):
    return slope(x)


@numba.njit
def by_argument(x, call):
    return call(x[0])


WHOLE = {
    "method": lambda: value_of(by_method) - 1.5 + 0.5 * K,
    "slope": lambda: value_of(with_slope, True),
    "slope itself": lambda: value_of(slope, True),
    "argument": lambda: value_of(by_argument, args=(helper,)),
    "jac of Python's": lambda: value_of(inner, lambda x: np.array([K])),
    "compare_grad": lambda: 1.5 * fastopt.compare_grad(inner, X).differences[0],
}


@pytest.mark.parametrize("ask", WHOLE.values(), ids=WHOLE)
@pytest.mark.filterwarnings("ignore:First-class function type")
def test_todays_globals_in_a_solve(ask, monkeypatch):
    for number in (OLD, NEW):
        monkeypatch.setitem(globals(), "K", number)
        assert ask() == pytest.approx(1.5 * number, rel=1e-9)


def test_two_slopes_of_one_name_do_not_meet():
    def scaled(k):
        derived = fastopt.value_and_grad(lambda x: x[0] * k)

        @numba.njit
        def fun(x):
            return derived(x)

        return fun

    assert value_of(scaled(2.0), True) == 3.0
    assert value_of(scaled(3.0), True) == 4.5


def test_code_replaced_in_place():
    """As IPython's autoreload does."""

    def more(v, k=4.0):
        return v * k + 1.0

    def make():
        def called(v, k=2.0):
            return v * k

        return called

    called = make()
    compiled = numba.njit(make())
    asked = [
        (called, lambda x: called(x[0])),
        (compiled.py_func, numba.njit(lambda x: compiled(x[0]))),
    ]
    for function, fun in asked:
        assert fastopt.value_and_grad(fun)(X)[0] == 3.0
        function.__defaults__ = (3.0,)
        assert fastopt.value_and_grad(fun)(X)[0] == 4.5
        function.__code__ = more.__code__
        assert fastopt.value_and_grad(fun)(X)[0] == 5.5


def test_an_overload_counts_in_plain_functions():
    def once(v):
        raise NotImplementedError("in Python")

    @overload(once)
    def _once(v):
        return lambda v: v * 7.0

    value, gradient = fastopt.value_and_grad(lambda x: once(x[0]))(X)
    assert (value, gradient[0]) == (10.5, 7.0)


def test_a_default_that_leads_back():
    """`first` calls `second`, whose default is `first`."""

    @numba.njit
    def first(v, n):
        return v if n > 0 else second(v, 1)

    @numba.njit
    def second(v, n, call=operator.add):
        return call(v, 1.0) * K

    assert fastopt.value_and_grad(numba.njit(lambda x: second(x[0], 0)))(X)[0] == 5.0
    second.py_func.__defaults__ = (first,)
    with pytest.raises(numba.TypingError):  # recursive types, which Numba cannot infer; no hang
        fastopt.value_and_grad(numba.njit(lambda x: second(x[0], 0)), jac="forward")(X)
