"""Problems with bounds, most of them active at the solution.

HS: W. Hock and K. Schittkowski, "Test Examples for Nonlinear Programming Codes", Lecture Notes in
Economics and Mathematical Systems 187 (Springer 1981), with their numbers; all of theirs that have
bounds only. Where their start is out of bounds (2 and 45) it is moved to the nearest point within.
"""

import functools
import math

import numpy as np
from scipy.optimize import nnls

from .case import case
from .valleys import rosenbrock, rosenbrock_jac


def hs3(x):
    return x[1] + 1e-5 * (x[1] - x[0]) ** 2


def hs4(x):
    return (x[0] + 1.0) ** 3 / 3.0 + x[1]


def hs5(x):
    return math.sin(x[0] + x[1]) + (x[0] - x[1]) ** 2 - 1.5 * x[0] + 2.5 * x[1] + 1.0


def hs25(x):
    """The gradient at the start is below 1e-7: f there counts as a minimum too."""
    f = 0.0
    for i in range(1, 100):
        u = 25.0 + (-50.0 * math.log(0.01 * i)) ** (2.0 / 3.0)
        f += (math.exp(-((u - x[1]) ** x[2]) / x[0]) - 0.01 * i) ** 2
    return f


def hs38(x):
    f = 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2
    f += 90.0 * (x[3] - x[2] ** 2) ** 2 + (1.0 - x[2]) ** 2
    f += 10.1 * ((x[1] - 1.0) ** 2 + (x[3] - 1.0) ** 2)
    return f + 19.8 * (x[1] - 1.0) * (x[3] - 1.0)


def hs45(x):
    return 2.0 - x[0] * x[1] * x[2] * x[3] * x[4] / 120.0


def hs110(x):
    """Undefined beyond its bounds."""
    f, product = 0.0, 1.0
    for i in range(10):
        if x[i] <= 2.0 or x[i] >= 10.0:
            return math.nan
        f += math.log(x[i] - 2.0) ** 2 + math.log(10.0 - x[i]) ** 2
        product *= x[i]
    return f - product**0.2


def linear(x):
    f = 0.0
    for i in range(len(x)):
        f += (i - 2.5) * x[i]
    return f


def nonnegative(x):
    """Least squares, half the squared distance of 12 sums of cosines from data."""
    f = 0.0
    for i in range(12):
        r = (1.0 if i % 3 == 0 else -0.4) - 0.05 * i
        for j in range(6):
            r -= math.cos(0.3 * (i + 1.0) * (j + 1.0)) * x[j]
        f += 0.5 * r * r
    return f


def powers(x):
    """Undefined below 0, where the bound is, and active for every other variable."""
    f = 0.0
    for i in range(len(x)):
        if x[i] < 0.0:
            return math.nan
        f += x[i] * math.sqrt(x[i]) + (1.0 if i % 2 == 0 else -1.5) * x[i]
    return f


def chain(x, pressing):
    """A string of n with springs to z = 0, z = x less the solution of `box_solution`.

    Every fourth is at the lower bound 0 and every fourth at the upper bound 1, pressed against it
    with this force; with 0 the solution is where it would be without bounds.
    """
    f, left = 0.0, 0.0
    for i in range(len(x)):
        k = i % 4
        z = x[i] - (0.0 if k == 0 else 1.0 if k == 2 else 0.5)
        force = pressing if k == 0 else -pressing if k == 2 else 0.0
        f += 0.5 * (z - left) ** 2 + 0.05 * z * z + force * z
        left = z
    return f


def chain_jac(x, pressing):
    n = len(x)
    g = np.zeros_like(x)
    left = 0.0
    for i in range(n):
        k = i % 4
        z = x[i] - (0.0 if k == 0 else 1.0 if k == 2 else 0.5)
        force = pressing if k == 0 else -pressing if k == 2 else 0.0
        g[i] += z - left + 0.1 * z + force
        if i > 0:
            g[i - 1] -= z - left
        left = z
    return g


def box_solution(n):
    return np.tile([0.0, 0.5, 1.0, 0.5], n // 4)


def _nnls():
    i, j = np.arange(12)[:, None], np.arange(6)
    data = np.where(i[:, 0] % 3 == 0, 1.0, -0.4) - 0.05 * i[:, 0]
    x, distance = nnls(np.cos(0.3 * (i + 1.0) * (j + 1.0)), data)
    return 0.5 * float(distance) ** 2, x


def _hs2(turn):
    """Where the valley is lowest at x2 = 1.5, on the right (turn = 0) or on the left (1)."""
    a, b = math.sqrt(598.0 / 1200.0), 400.0 * (598.0 / 1200.0) ** 1.5
    return [2.0 * a * math.cos((math.acos(1.0 / b) + 2.0 * math.pi * turn) / 3.0), 1.5]


_FREE, _POSITIVE, _BELOW = (None, None), (0.0, None), (-2.0, 0.8)
_NNLS, _NNLS_X = _nnls()
_HS2 = rosenbrock(_hs2(0)), rosenbrock(_hs2(1))
_HS5, _HS5_X = -0.5 * math.sqrt(3.0) - math.pi / 3.0, [0.5 - math.pi / 3.0, -0.5 - math.pi / 3.0]
_HS25_BOX = [(0.1, 100.0), (0.0, 25.6), (0.0, 5.0)]
_HS45_BOX = [(0.0, 1.0), (0.0, 2.0), (0.0, 3.0), (0.0, 4.0), (0.0, 5.0)]
_HS110 = -45.778469707446250, 9.3502658330693852
_FIXED = [(-1.0, -1.0), _FREE, (0.5, 0.5), _FREE]
_CORNER = [(None, 0.5), (0.3, None)]


def _row(name, fun, x0, bounds, solution, *minima):
    jac = rosenbrock_jac if fun is rosenbrock else None
    return case(name, fun, x0, *minima, solution=solution, jac=jac, bounds=bounds)


def _chain(name, pressing, x0):
    fun, jac = (functools.partial(each, pressing=pressing) for each in (chain, chain_jac))
    bounds = [(0.0, 1.0)] * len(x0)
    return case(name, fun, x0, solution=box_solution(len(x0)), jac=jac, bounds=bounds)


BOUNDED = [
    _row("HS 1", rosenbrock, [-2.0, 1.0], [_FREE, (-1.5, None)], 1.0),
    _row("HS 2", rosenbrock, [-2.0, 1.5], [_FREE, (1.5, None)], _hs2(0), *_HS2),
    _row("HS 3", hs3, [10.0, 1.0], [_FREE, _POSITIVE], 0.0),
    _row("HS 4", hs4, [1.125, 0.125], [(1.0, None), _POSITIVE], [1.0, 0.0], 8.0 / 3.0),
    _row("HS 5", hs5, [0.0, 0.0], [(-1.5, 4.0), (-3.0, 3.0)], _HS5_X, _HS5, _HS5 + math.pi),
    _row("HS 25", hs25, [100.0, 12.5, 3.0], _HS25_BOX, [50.0, 25.0, 1.5], 0.0, 32.835),
    _row("HS 38", hs38, [-3.0, -1.0, -3.0, -1.0], [(-10.0, 10.0)] * 4, 1.0),
    _row("HS 45", hs45, [1.0, 2.0, 2.0, 2.0, 2.0], _HS45_BOX, range(1, 6), 1.0),
    _row("HS 110", hs110, [9.0] * 10, [(2.001, 9.999)] * 10, _HS110[1], _HS110[0]),
    _row("valley, x below", rosenbrock, [-1.2, 1.0], [(None, 0.5), _FREE], [0.5, 0.25], 0.25),
    _row("valley, x above", rosenbrock, [3.0, 1.0], [(1.5, None), _FREE], [1.5, 2.25], 0.25),
    _row("valley, corner", rosenbrock, [-1.2, 1.0], _CORNER, [0.5, 0.3], 0.5, 2.3751669405802525),
    _row(
        "valleys, x below", rosenbrock, [-1.2, 0.7] * 5, [_BELOW, _FREE] * 5, [0.8, 0.64] * 5, 0.2
    ),
    _row("valley, start in a corner", rosenbrock, [-2.0, 2.0], [(-2.0, 2.0)] * 2, 1.0),
    _row("valley, start at the solution", rosenbrock, [1.0, 1.0], [(1.0, 2.0), _FREE], 1.0),
    _row("valleys, two fixed", rosenbrock, [-1.0, 0.0, 0.5, 1.0], _FIXED, [-1, 1, 0.5, 0.25], 4.25),
    _row("valley, all fixed", rosenbrock, [0.0, 2.0], [(0.0, 0.0), (2.0, 2.0)], [0.0, 2.0], 401.0),
    _row(
        "linear", linear, [0.1, -0.2, 0.3, 0.0, 0.5, 0.6], [(-1, 1)] * 6, [1] * 3 + [-1] * 3, -9.0
    ),
    _row("powers", powers, [2.0, 0.1, 0.5, 9.0], [_POSITIVE] * 4, [0.0, 1.0] * 2, -1.0),
    _row("nonnegative least squares", nonnegative, [1.0] * 6, [_POSITIVE] * 6, _NNLS_X, _NNLS),
    _row("the same, from 0", nonnegative, [0.0] * 6, [_POSITIVE] * 6, _NNLS_X, _NNLS),
    _chain("chain, n = 100", 1.0, [0.3] * 100),
    _chain("chain, n = 100, from the wrong side", 1.0, [1.0, 1.0, 0.0, 0.0] * 25),
    _chain("chain, n = 100, weakly active", 0.0, [0.3] * 100),
]
