"""Derived gradients compiled to machine code for sm_90 (Hopper), and run on the CPU: no GPU."""

import functools
import math
import re

import numpy as np
import pytest
from derivative_cases import CASES, Case, case, complex_step

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
import emulate
import numba
import numba.cuda
import numba.cuda.dispatcher
from assembler import assemble, compile_ptx, hopper  # noqa: F401
from derivative_cases_arrays import A, B, T, Y
from numba.core.errors import NumbaError

from fastopt.compiling.compiler import link
from fastopt.compiling.float32_constants import narrowed
from fastopt.targets.cuda import cuda_target as cuda

# What a device has no memory for: arrays to be written into, lists; sums along an axis, which are
# arrays; nor can it follow a recursion of functions that are typed by what they are given.
REFUSED = "scratch scratch_like over_rows softmax smoothed pairs heat elimination trimmed expansion"
REFUSED += " ufuncs"  # s -= 1.0 where s is an array
# What of float64 must stay in kernels of float32, and where it comes from. libdevice reduces angles
# above 105,615 by a product with pi/2 * 2^-64 in float64, in a branch of its own:
ANGLES = [r"cvt\.rn\.f64\.s64", r"mul\.f64 .*0d3BF921FB54442D19", r"cvt\.rn\.f32\.f64"]
# and numba-cuda rounds to an integer by way of float64.
ROUND = [r"cvt\.f64\.f32", r"cvt\.rni\.s64\.f64"]
CONSTANTS = dict.fromkeys(("ackley", "griewank", "levy", "elementary", "fibonacci"), ANGLES)
# And np.std divides by a number of elements.
COUNT = [r"mov\.f64", r"cvt\.f64\.f32", r"cvt\.rn\.f64\.s64", r"div\.rn\.f64", r"cvt\.rn\.f32\.f64"]
CONSTANTS |= {"special": ANGLES, "roundings": ROUND, "roots": ANGLES}
CONSTANTS |= {"constant": COUNT}
ERRORS = (NumbaError, NotImplementedError)  # what Numba raises where it cannot compile
gradient = value = None  # bound below


def named(p, t, y):
    r = p[0] * np.exp(-p[1] * t) + p[2] - y
    return r @ r + np.sum(r * r) + np.dot(r, t) + r.mean() * r[0] * r[-1]


def chi(model, y, sigma):
    """A helper, to which an expression is given."""
    r = (model - y) / sigma
    return np.sum(r**2) / len(r) + r.max() - r.min() + r.shape[0] * r.size


def helped(p, t, y):
    return chi(p[0] / (1.0 + p[1] * t), y, 1.0 + np.abs(t)) + np.linalg.norm(p[2] * t - y)


def constant(p, y):
    return np.sum((p[0] * T - y) ** 2) + np.prod(p) + np.std(p) * y.var()


def branches(p, t, y):
    r = p[0] * t - y if p[1] > 1.0 else p[1] * t - y
    return np.sum(np.where(r > 0, r, 2.0 * r) ** 2)


def matrices(p, a, b):
    product = a @ p - b
    moved = np.tanh(a.T @ product) * (p @ a)
    return np.sum((a @ a.T) * p) + moved @ moved + np.sum(p[:, None] * b) + np.sum(a[:, 1] * p)


FIT = [[1.5, 0.8, 0.3], [2.2, 1.7, -0.4]]
OWN = [
    case(named, FIT, T, Y),
    case(helped, FIT, T, Y),
    case(constant, FIT, Y),
    case(branches, FIT, T, Y),
    case(matrices, FIT, A, B),
]
DONE = [c for c in CASES if c.name not in REFUSED.split()] + OWN
# Without duals an operation of a number and an array among the globals is not known.
ALONE = [c for c in DONE if c.name != "constant"]
REFUSED_CASES = [c for c in CASES if c.name in REFUSED.split() and c.name != "expansion"]
name_of = "{0.name}".format


def each(x, f, g, args):
    i = numba.cuda.grid(1)
    if i < f.size:
        f[i] = gradient(x[i], g[i], (args, x[i]))


def each_twice(x, f, g, v, args):
    """With the value alone, in one kernel."""
    i = numba.cuda.grid(1)
    if i < f.size:
        f[i] = gradient(x[i], g[i], (args, x[i]))
        v[i] = value(x[i], g[i], (args, x[i]))


def one(x, f, g, args):
    f[0] = gradient(x, g, (args, x))


def one_twice(x, f, g, v, args):
    f[0] = gradient(x, g, (args, x))
    v[0] = value(x, g, (args, x))


def narrow(args, dtype):
    """As minimize_batch passes them, and arrays in the element type."""
    return narrowed(args, dtype) if dtype == np.float32 else args


@functools.cache
def gradient_of(fun, dtype, size):
    """One device function for all tests: what compiles it for the assembler compiles it once."""
    return cuda.gradient_function(fun, dtype, size)


@functools.cache
def value_of(fun, dtype):
    return cuda.value_function(fun, dtype)


def ptx_of(case, dtype, function=None, alone=None):
    size, real = case.points[0].size, numba.from_dtype(np.dtype(dtype))
    function = function or gradient_of(case.fun, dtype, size)
    bound = {"gradient": function} | ({"value": alone} if alone else {})
    kernel = link(each_twice if alone else each, bound, cuda.device_function)
    points = numba.types.Array(real, 1 + case.points[0].ndim, "C")
    args = numba.typeof(narrow(case.args, dtype))
    values = [real[::1]] if alone else []
    signature = numba.types.void(points, real[::1], real[:, ::1], *values, args)
    return compile_ptx(kernel, signature)


def check(ptx, folder, record_property):
    assert ".entry" in ptx
    report = assemble(ptx, folder)
    spills = re.findall(r"(\d+) bytes spill (?:stores|loads)", report)
    assert len(spills) >= 2
    assert set(spills) == {"0"}, report
    record_property("registers", re.findall(r"Used (\d+) registers", report))


both = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])


@both
@pytest.mark.parametrize("case", DONE, ids=name_of)
def test_assembles_without_spills(case, dtype, tmp_path, record_property):
    alone = dtype == np.float64 and case in ALONE
    ptx = ptx_of(case, dtype, alone=value_of(case.fun, dtype) if alone else None)
    if dtype == np.float32:
        known = "|".join([r"\.reg", *CONSTANTS.get(case.name, ())])
        wide = [line for line in ptx.splitlines() if ".f64" in line]
        assert not [line for line in wide if not re.match(rf"\s*({known})", line)]
        assert bool(wide) == (case.name in CONSTANTS)
    check(ptx, tmp_path, record_property)


@pytest.mark.parametrize("case", REFUSED_CASES, ids=name_of)
def test_refused_when_compiled(case):
    for function in (None, cuda.value_function(case.fun)):
        with pytest.raises(ERRORS):
            ptx_of(case, np.float64, function)


def on_cpu(case, dtype, function, size, alone=None):
    """The device function ``(x, f, g)``, or ``(x, f, g, v)``, of so many parameters, on the CPU."""
    args = narrow(case.args, dtype)
    bound = {"gradient": function} | ({"value": alone} if alone else {})
    whole = link(one_twice if alone else one, bound, cuda.device_function)
    real = numba.from_dtype(np.dtype(dtype))
    x, values = numba.types.Array(real, case.points[0].ndim, "C"), 3 if alone else 2
    run = emulate.compiled(whole, x, *values * [real[::1]], numba.typeof(args))
    return lambda *arrays: run(*arrays, args)


# In float32: the same text, with the constants that `test_literals.py` is about.
NARROW = "rosenbrock angles piecewise decay statistics mixture kalman special network".split()
NUMBERS = [(case, np.float64) for case in DONE]
NUMBERS += [(case, np.float32) for case in DONE if case in OWN or case.name in NARROW]


@pytest.mark.parametrize(
    ("case", "dtype"), NUMBERS, ids=[f"{case.name}-{dtype.__name__}" for case, dtype in NUMBERS]
)
def test_numbers(case, dtype):
    """Value and gradient by the code for the device, and the value alone."""
    tolerance = 1e-13 if dtype == np.float64 else 3e-5
    alone = value_of(case.fun, dtype) if case in ALONE else None
    for size in {point.size for point in case.points}:
        run = on_cpu(case, dtype, gradient_of(case.fun, dtype, size), size, alone)
        for point in (p for p in case.points if p.size == size):
            x = np.ascontiguousarray(point, dtype)
            g, *values = np.full(size, 7.0, dtype), *(np.zeros(1, dtype) for _ in range(2))
            values = values if alone else values[:1]
            run(x, values[0], g, *values[1:])
            wide = x.astype(float)
            value, wanted = case.fun(wide, *case.args), case.oracle(case.fun, wide, case.args)
            for f in values:
                assert abs(f[0] - value) <= tolerance * max(1.0, abs(value))
            scale = max(1.0, np.max(np.abs(wanted)))
            assert np.max(np.abs(g - wanted.reshape(-1))) <= tolerance * scale


def written(p, t):
    r = p[0] * t
    t[0] = 3.0
    return np.sum(r)


def filled(p, t):
    r = p[0] * t
    t.fill(3.0)
    return np.sum(r)


def in_place(p, t):
    r = p[0] * t
    r += 1.0
    return np.sum(r)


def repeated(p, t):
    r = p[0] * t
    for _ in range(3):
        r = r * 0.5
    return np.sum(r)


def whole(p, t):
    return p * 2.0


WRONG = [
    Case(f.__name__, f, [np.ones(3)], (T,)) for f in (written, filled, in_place, repeated, whole)
]


@pytest.mark.parametrize("case", WRONG, ids=name_of)
def test_what_cannot_wait_is_refused(case):
    """Arrays that change after an expression of them was made, and expressions that do."""
    for function in (None, cuda.value_function(case.fun)):
        with pytest.raises(ERRORS):
            ptx_of(case, np.float64, function)


def misfit(p, t, y):
    return np.sum((p[0] * t - y) ** 2)


def product(p, t, y):
    return (p[0] * t) @ y


def largest(p, t, y):
    return np.max(p[0] * t - y)


@pytest.mark.parametrize("fun", [misfit, product, largest], ids=lambda f: f.__name__)
def test_shapes(fun):
    """Broadcast where NumPy does; NaN where it would raise."""
    x, function = np.ones(1), cuda.gradient_function(fun, np.float64, 1)
    for t, y in [(T, Y), (T[:1], Y), (T, Y[:1]), (T, Y[:3]), (T[:0], Y[:0]), (T[::2], Y[1::2])]:
        case = Case(fun.__name__, fun, [x], (t, y), complex_step)
        f, g = np.zeros(1), np.zeros(1)
        on_cpu(case, np.float64, function, 1)(x, f, g)
        try:
            wanted = fun(x, t, y)
        except ValueError:
            wanted = math.nan
        np.testing.assert_allclose(f[0], wanted, rtol=1e-14)
