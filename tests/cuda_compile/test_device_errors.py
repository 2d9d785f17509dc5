"""A function that cannot run on a GPU: the error names the line and what is wrong there."""

import inspect
import math
import re

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
from assembler import hopper  # noqa: F401
from test_literals import gradient, ptx_of, value

from fastopt.derivatives.error_messages_cuda import explain_device
from fastopt.targets.cuda import cuda_target as cuda

# The line of each that is at fault ends in "here"; `REASONS` has what the error must say.


def scratch(x, t):
    s = 0.0
    a = np.zeros(3)  # here
    a[0] = x[0]
    return a[0] + s


def along_an_axis(x, t):
    return np.sum(np.sum(np.outer(x, t), axis=0) ** 2)  # here


def guarded(x, t):
    try:  # here
        s = math.log(x[0])
    except ValueError:
        s = 0.0
    return s


def listed(x, t):
    s = x[0]
    a = [s, x[1]]  # here
    return a[0]


def comprehended(x, t):
    a = [2.0 * v for v in x]  # here
    return a[0]


def in_dict(x, t):
    a = {1: x[0]}
    return a[1]  # here


def written(x, t):
    print([x])  # here
    return x[0]


def recursive(x, t):
    return x[0] * recursive(x, t)  # here


def unsupported(x, t):
    return x[0] * math.comb(4, 2)  # here


def unsupported_ufunc(x, t):
    s = x[0] + 1.0
    return np.cbrt(s * t[0])  # here


def random(x, t):
    return x[0] + np.random.rand()  # noqa: NPY002 here


def sorted_copy(x, t):
    return sorted(x)[0]  # here


def undefined(x, t):
    return x[0] + nowhere(x[1])  # noqa: F821 here


def opened(x, t):
    with open("data") as _:  # here
        return x[0]


def generated(x, t):
    yield x[0]  # here


def part(v):
    return v * math.gcd(6, 4)  # here


def by_helper(x, t):
    return x[0] + part(t[0])


REASONS = {
    scratch: "np.zeros makes a new array",
    along_an_axis: "np.sum",
    guarded: "try and except are not possible",
    listed: "the list makes a new array",
    comprehended: "the list comprehension makes a new array",
    in_dict: "a dict is not available",
    written: "the list makes",
    recursive: "recursion is not possible",
    unsupported: "math.comb is not available",
    unsupported_ufunc: "np.cbrt is not available",
    random: "np.random.rand is not available",
    sorted_copy: "sorted is not available",
    undefined: "the name 'nowhere' is not defined",
    opened: "with is not possible",
    generated: "generators are not possible",
    by_helper: "math.gcd is not available",
}


def error_of(text, function):
    """What the compiler raises."""
    try:
        if text is value:
            ptx_of(text, cuda.user_function(function, np.float32))
        else:
            ptx_of(text, cuda.gradient_function(function, np.float32, 2))
    except Exception as error:
        return error
    raise AssertionError("it compiles")


@pytest.mark.parametrize("text", [value, gradient], ids=lambda f: f.__name__)
@pytest.mark.parametrize("function", REASONS, ids=lambda f: f.__name__)
def test_the_line_is_named(function, text):
    explained = explain_device(error_of(text, function), function)
    assert type(explained) is TypeError
    lines, first = inspect.getsourcelines(part if function is by_helper else function)
    place = next(i for i, line in enumerate(lines) if line.endswith("here\n"))
    said = str(explained)
    assert said.startswith(f"{function.__name__} cannot run on a GPU: line {first + place} of ")
    assert "test_device_errors.py" in said
    assert repr(lines[place].strip()) in said
    assert REASONS[function] in said
    assert ('device="cpu"' in said) == (function is not undefined)
    assert not re.search(r"\n|Numba|0x", said)


def in_steps(x, t):
    return float(round(x[0]))


def vector(x, t):
    return x


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (in_steps, "does not depend on x"),
        (vector, "must return one real number; it returns an arr"),
    ],
)
def test_wrong_results(function, message):
    said = str(explain_device(error_of(gradient, function), function))
    assert message in said


def test_other_errors_stay():
    error = RuntimeError("no memory left on the device")
    assert explain_device(error, part) is error


def asserting(x, t):
    assert x[0] > 0.0
    return x[0]


def test_what_could_raise_is_refused():
    """Nobody could be told, and the problem would never end."""
    with pytest.raises(TypeError, match="asserting cannot run on a GPU: it raises or asserts in"):
        cuda.user_function(asserting, np.float64)
