"""What fastopt spares Numba changes nothing of what is compiled."""

import re

import numba
import numpy as np
import pytest
from numba.core import inline_closurecall, postproc, targetconfig

from fastopt.compiling.shortcuts import KNOWN, shortcuts


@numba.njit(inline="always")
def inner(a, b):
    s = a
    for k in range(3):
        if s > b:
            s = s - k * b
    return s


@numba.njit(inline="always")
def middle(a, b):
    total = inner(a, b)
    return total + inner(b, total) if a > 0.5 else total


def counted(n):
    for k in range(n):
        yield 0.5 * k


def outer(x):
    s = 0.0
    for i in range(x.size):
        for v in values(3):
            s += middle(x[i], v) * middle(v, s) + np.sum(np.exp(x[:i]))
    return s


values = numba.njit(counted)


def code():
    compiled = numba.njit(outer)
    result = compiled(np.array([0.3, 0.9, 1.4]))
    (text,) = compiled.inspect_llvm().values()
    return result, re.findall(r"^ +(?:%\S+ = )?(\w+)", text, re.MULTILINE)  # but for names


def found():
    inliner = inline_closurecall.InlineWorker
    flags = targetconfig.TargetConfig
    return postproc.PostProcessor.run, inliner.inline_function, flags.__eq__, flags.__hash__


def test_this_numba_is_known():
    """The shortcuts are off with a newer one, until somebody has compared its functions."""
    assert numba.version_info.short >= KNOWN[0]
    if numba.version_info.short > KNOWN[1]:
        pytest.skip(f"Numba {numba.__version__} is newer than the last that shortcuts know")


def test_the_same_code():
    with shortcuts():
        ours = code()
    assert ours == code()
    assert len(ours[1]) > 100


def test_numbas_functions_are_put_back():
    numbas, hashed = found(), hash(targetconfig.TargetConfig())
    with shortcuts():
        within = found()
        with shortcuts():
            assert found() == within
        assert found() == within
        assert hash(targetconfig.TargetConfig()) == hashed
    assert not set(within) & set(numbas)
    assert found() == numbas
    assert inline_closurecall.copy.deepcopy([1]) == [1]


@pytest.mark.filterwarnings("ignore:Code running in object mode")
def test_object_mode_and_generators():
    """Its lowering reads what is left out for others."""

    @numba.njit
    def fun(x):
        with numba.objmode(a="float64"):
            a = {"a": 1.5}["a"]
        for v in values(3):
            a += v
        return (x[0] - a) ** 2

    with shortcuts():
        assert fun(np.zeros(1)) == 9.0
