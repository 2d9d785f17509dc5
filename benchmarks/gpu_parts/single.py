"""minimize on device arrays: the time of an evaluation, and that of the user's function alone."""

import importlib.util
import time

import numpy as np
from numba import cuda

import fastopt

from .clock import Clock, spread


def value(x, f):
    """Compute the extended Rosenbrock function, summed by atomic additions."""
    i = cuda.grid(1)
    if i < x.size // 2:
        a = x[2 * i + 1] - x[2 * i] * x[2 * i]
        b = 1.0 - x[2 * i]
        cuda.atomic.add(f, 0, 100.0 * a * a + b * b)


def gradient(x, g):
    i = cuda.grid(1)
    if i < x.size // 2:
        a = x[2 * i + 1] - x[2 * i] * x[2 * i]
        g[2 * i] = -400.0 * x[2 * i] * a - 2.0 * (1.0 - x[2 * i])
        g[2 * i + 1] = 200.0 * a


class Numbas:
    """The function on Numba's arrays, by its own kernels."""

    def __init__(self, n, dtype, threads):
        self.n, self.dtype = n, dtype
        self.value, self.gradient = cuda.jit(value), cuda.jit(gradient)
        self.how = max(1, -(-n // 2 // threads)), threads, cuda.default_stream()
        self.f, self.g = cuda.device_array(1, np.float64), cuda.device_array(n, dtype)
        self.zero = cuda.to_device(np.zeros(1))

    def start(self):
        return cuda.to_device(np.tile([-1.2, 1.0], self.n // 2).astype(self.dtype))

    def __call__(self, x):
        self.f.copy_to_device(self.zero, cuda.default_stream())
        self.value[self.how](x, self.f)
        self.gradient[self.how](x, self.g)
        return self.f, self.g


class Cupys:
    """The function by CuPy."""

    def __init__(self, n, dtype, threads):
        import cupy

        self.cupy, self.n, self.dtype = cupy, n, dtype
        self.g = cupy.empty(n, dtype)

    def start(self):
        return self.cupy.asarray(np.tile([-1.2, 1.0], self.n // 2).astype(self.dtype))

    def __call__(self, x):
        u, v = x[::2], x[1::2]
        a, b = v - u * u, 1.0 - u
        self.g[::2], self.g[1::2] = -400.0 * u * a - 2.0 * b, 200.0 * a
        return (100.0 * a * a + b * b).sum(), self.g


def run(lines, how):
    kinds = {"Numba": Numbas}
    if importlib.util.find_spec("cupy") is not None:
        kinds["CuPy"] = Cupys
    else:
        lines.line(skipped="CuPy is not installed")
    for name, kind in kinds.items():
        for n in how.sizes:
            for dtype in how.dtypes:
                with lines.attempt(f"minimize on {name}'s arrays, n = {n:,}, {dtype}"):
                    one(lines, how, Clock(cuda), f"{name}, n = {n:,}, {dtype}", kind, n, dtype)


def one(lines, how, clock, name, kind, n, dtype):
    fun = kind(n, np.dtype(dtype), 64 if clock.simulated else 256)
    options = {"maxfev": how.evaluations, "gtol": 0.0, "ftol": 0.0}
    fastopt.minimize(fun, fun.start(), jac=True, options={**options, "maxfev": 3})
    times = []
    for _ in range(how.repeats):
        began = time.perf_counter()
        found = fastopt.minimize(fun, fun.start(), jac=True, options=options)
        times.append((time.perf_counter() - began) / found.nfev)
    lines.figure(
        *(f"{name}, an evaluation", spread(times), "s"),
        kind="evaluation",
        nit=int(found.nit),
        nfev=int(found.nfev),
        fun=float(found.fun),
    )
    x = fun.start()
    alone = clock.wall(lambda: fun(x), 5, 1 if clock.simulated else 50)
    lines.figure(f"{name}, fun alone", alone, "s", kind="fun")
