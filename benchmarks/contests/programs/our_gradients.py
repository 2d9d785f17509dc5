"""The entries of fastopt in the contests of gradients: ordinary compiled functions."""

import functools
import math

import numpy as np
import turns
from numba import njit
from objectives import (
    CLASSES,
    EPS,
    HIDDEN,
    INPUTS,
    ITEMS,
    RANK,
    ROWS,
    SIDE,
    STATES,
    STEPS,
    STRENGTH,
    USERS,
)

import fastopt
from fastopt.derivatives.reverse import compiled_gradient


@njit
def rosenbrock(x):
    s = 0.0
    for i in range(x.size - 1):
        s += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return s


@njit
def logistic(x, a, y):
    return np.sum(np.log1p(np.exp(-y * (a @ x))))


@njit
def network(x, a, k):
    first, second = INPUTS * HIDDEN, (INPUTS + 1) * HIDDEN
    w, b = x[:first].reshape(INPUTS, HIDDEN), x[first:second]
    v = x[second : second + HIDDEN * CLASSES].reshape(HIDDEN, CLASSES)
    c = x[second + HIDDEN * CLASSES :]
    h, z, total = np.empty(HIDDEN), np.empty(CLASSES), 0.0
    for row in range(ROWS):
        h[:] = b
        for i in range(INPUTS):
            for j in range(HIDDEN):
                h[j] += a[row, i] * w[i, j]
        z[:] = c
        for j in range(HIDDEN):
            value = math.tanh(h[j])
            for m in range(CLASSES):
                z[m] += value * v[j, m]
        s = 0.0
        for m in range(CLASSES):
            s += math.exp(z[m])
        total += math.log(s) - z[k[row]]
    return total


@njit
def variation(x, y):
    u, s = x.reshape(SIDE, SIDE), 0.0
    for i in range(x.size):
        s += (x[i] - y[i]) ** 2
    for i in range(SIDE - 1):
        for j in range(SIDE - 1):
            across, down = u[i, j + 1] - u[i, j], u[i + 1, j] - u[i, j]
            s += STRENGTH * math.sqrt(across**2 + down**2 + EPS)
    return s


@njit
def factorisation(x, i, j, r):
    p = x[: USERS * RANK].reshape(USERS, RANK)
    q = x[USERS * RANK :].reshape(ITEMS, RANK)
    return np.sum((np.sum(p[i] * q[j], axis=1) - r) ** 2) + 0.1 * np.sum(x**2)


@njit
def trajectory(x, start, end):
    y, matrix, h = start, x.reshape(STATES, STATES), 2.0 / STEPS
    for _ in range(STEPS):
        a = np.tanh(matrix @ y)
        b = np.tanh(matrix @ (y + 0.5 * h * a))
        c = np.tanh(matrix @ (y + 0.5 * h * b))
        d = np.tanh(matrix @ (y + h * c))
        y = y + h / 6.0 * (a + 2.0 * b + 2.0 * c + d)
    return np.sum((y - end) ** 2)


FUNCTIONS = (rosenbrock, logistic, network, variation, factorisation, trajectory)


def values(fun, data):
    """Return the job of values alone; its answer is the gradient, too."""

    @njit
    def run(x, count, args):
        for _ in range(count):
            x[0] += 1e-30 * fun(x, *args)  # so that no call can be left out

    return _job(fun, run, data)


def gradients(fun, data):
    """Return the job of values and gradients, through the function that the solve loop calls."""
    gradient, store = compiled_gradient.gradient(fun), compiled_gradient.new_store()

    @njit
    def run(x, count, args):
        g = np.empty_like(x)
        for _ in range(count):
            gradient(x, g, args[0], *args[1:])
            x += 1e-30 * g

    return _job(fun, run, data, store)


def _job(fun, run, data, *more):
    x, args = data["x"], tuple(data[name] for name in data if name != "x")
    answer = fastopt.value_and_grad(fun)(x, *args)[1]
    run(x.copy(), 1, more + args)
    count = max(1, int(3e-4 / turns.quickest(lambda: run(x.copy(), 1, more + args))))
    about = {"version": f"fastopt {fastopt.__version__}", "part": count}
    return lambda: run(x.copy(), count, more + args), answer, about


if __name__ == "__main__":
    pairs = [(f, way) for f in FUNCTIONS for way in (values, gradients)]
    turns.take_part(
        {f"{f.py_func.__name__}, {w.__name__}": functools.partial(w, f) for f, w in pairs}
    )
