"""Constants and integers of users' functions leave float32 kernels in float32."""

import math

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")
import numba
import numba.cuda
from assembler import compile_ptx, hopper  # noqa: F401

from fastopt.compiling.compiler import link
from fastopt.targets.cuda import cuda_target as cuda

TAU, WEIGHTS, TABLE, COUNT = 2.5, (0.25, 1.5), np.linspace(0.5, 1.5, 4), 3
fun = None  # bound below


def literal(x, t):
    return 0.5 * x[0] + t[1] / 3.0 - 1e-3


def global_float(x, t):
    return x[0] * TAU + t[0] * TAU


def global_int(x, t):
    return x[0] * COUNT + t[0] / COUNT


def global_tuple(x, t):
    s = x[0] * WEIGHTS[1]
    for w in WEIGHTS:
        s += w * t[0]
    return s


def global_array(x, t):
    s = x[0] * 0.0
    for i in range(4):
        s += TABLE[i] * x[0]
    return s


def of_modules(x, t):
    return math.pi * x[0] + np.pi * t[0] + math.e * np.float32(2.0)


def default(x, t, rate=0.25, shift=3):
    return rate * x[0] + shift * t[0]


def helper(v, scale=2.0):
    if v > 100:
        return 0
    return scale * v


def through_helper(x, t):
    return helper(t[0]) * helper(x[0], 0.5)


def nested(x, t):
    half = 0.5

    def part(v):
        return (v - 1.0) * half + 2 * v

    return part(x[0]) + part(t[0])


def integers(x, t):
    return 2 * t[0] + (t[1] - 1) / 4 + 3 * x[0] - 1 + x[1] / 100_000


def in_place(x, t):
    s = 2 * t[0]
    s *= 3
    s /= 4
    s -= 1
    s += x[0]
    return s


def counted(x, t):
    s = 0
    for i in range(len(t)):
        s += t[i] * i - (i + 1) / t.size
    return s * x[0]


def of_data(x, t):
    total = 0
    largest = 0
    for i, v in enumerate(t):
        total = total + v
        largest = max(largest, v, i)
        total -= 1 if v < 0 else v
    return x[0] * total / len(t) + largest


def steps(x, t):
    return x[0] * (t[0] // 2) + t[1] % 3 + (t[0] > 1) * x[1] + x[0] * (t[1] != 0)


def roots(x, t):
    s = 0.0
    for i in range(5):
        s += math.sqrt(i + 1) * math.exp(-i) * x[0] + float(i) * t[0] + np.log(i + 2)
    return s


def powers(x, t):
    s = t[0] ** 2 + t[0] ** -1 + t[1] ** 0.5 + 2 ** t[0] + x[0] ** 3 + x[0] ** 2.5
    for i in range(3):
        s += t[1] ** i + x[0] ** i
    return s + t[0] ** t[1] + x[0] ** x[1] + pow(t[0], 2) + math.pow(t[1], 3)


def choices(x, t):
    s = max(t[0], 0) + min(1, t[1], x[0]) + abs(t[0]) + max(x[0], 0) + min(2.5, t[1])
    return s + np.where(t[0] > 1, t[1], 0) + np.maximum(t[0], 1) * np.minimum(x[0], 1)


def many(v):
    s = math.exp(v) + math.log(v) + math.sqrt(v) + math.tanh(v) + math.hypot(v, 2.0)
    s += math.atan2(v, 2) + math.log1p(v) + math.expm1(v) + math.fabs(v) + np.log10(v)
    s += math.asin(v) + math.acosh(v) + math.erf(v) + math.copysign(1, v)
    return s + math.floor(v) * v + math.fmod(v, 2) + math.radians(v) + v % 3


def functions(x, t):
    return many(x[0]) * many(t[0])


def penalty(x, t):
    if x[0] < 0:
        return 1e300
    return (x[0] if t[0] > 1 else 0) + x[1]


SCALE = 1.25


def closed_over():
    scale, offset, order = SCALE * 2, (0.5, 1), 2

    def closure(x, t):
        return scale * x[0] + offset[0] * t[0] + offset[1] * t[1] + order * x[1] ** order

    return closure


FUNCTIONS = [literal, global_float, global_int, global_tuple, global_array, of_modules, default]
FUNCTIONS += [through_helper, nested, integers, in_place, counted, of_data, steps, roots, powers]
FUNCTIONS += [choices, functions, penalty, closed_over()]


def value(x, t, f, g):
    i = numba.cuda.grid(1)
    if i < f.size:
        f[i] = fun(x[i], t)


def gradient(x, t, f, g):
    i = numba.cuda.grid(1)
    if i < f.size:
        f[i] = fun(x[i], g[i], ((t,), x))


def ptx_of(text, function):
    kernel = link(text, {"fun": function}, cuda.device_function)
    real = numba.float32
    signature = numba.types.void(real[:, ::1], real[::1], real[::1], real[:, ::1])
    return compile_ptx(kernel, signature)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("text", [value, gradient], ids=lambda f: f.__name__)
def test_nothing_is_float64(function, text):
    if text is value:
        linked = cuda.user_function(function, np.float32)
    else:
        linked = cuda.gradient_function(function, np.float32, 2)
    ptx = ptx_of(text, linked)
    assert ".entry" in ptx
    assert ".f64" not in ptx


def test_float64_stays_where_it_is_wanted():
    """In kernels of float64, and where the user says so."""

    def said(x, t):
        return math.exp(np.float64(x[0]))

    assert ".f64" in ptx_of(value, cuda.user_function(said, np.float32))
    assert ".f64" in ptx_of(value, cuda.user_function(literal, np.float64))
