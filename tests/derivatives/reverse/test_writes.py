"""Reverse mode of writes by positions and masks, and of arrays that loops swap and replace."""

import math

import numba
import numpy as np
import programs
import pytest

from fastopt.derivatives.reverse import compiled_gradient as reverse

X = np.random.default_rng(3).uniform(0.2, 1.2, 6)
AT = np.array([0, 2, 2, 5])  # with a position that is written twice
COLUMNS = np.array([4, 1])


def by_positions(x, at, columns):
    """Writes by positions, some of them twice, by masks, to rows and to columns."""
    t, m = x * 2.0, x > 0.6
    t[at] = t[: at.size] * x[0]
    t[at] += x[: at.size]
    t[m] = x[m]
    t[t > 1.5] = x[1]
    a = t * x.reshape(6, 1)
    a[at] = t
    a[:, columns] += x[4]
    a[3].fill(x[0] * a[0, 1])
    return np.sum(a**2)


def new_arrays(x):
    """Arrays of numbers, sorts in place, another type, turned and reversed arrays."""
    s = 0.0
    for i in range(2):
        v = np.array([[x[i], 1.0], [2, x[i + 1] * x[i]]])
        v[0] *= x[3]
        s += v[0, 0] * v[1, 1] + v[0, 1]
    t = x * np.array((x[1], x[0], 1.0, 2.0, x[5], x[4]))
    t.sort()
    a = t * x.reshape(6, 1)
    for i in range(1, a.size, 5):
        a.flat[i] = a.flat[i] * t.flat[i % 6]
    t[2:] = np.flipud(a)[0, 2:].astype(np.float64) + np.fliplr(a)[2:, 2]
    return s + np.sum(t * x) + x[np.argsort(x)][2]


def stencils(x, n):
    """Two arrays that are swapped, one that a copy replaces, and one that a sum replaces."""
    a, b = np.zeros(6), x * 2.0
    a[1] = x[3]
    for k in range(n):
        for j in range(6):
            a[j] = b[j] * x[k] + b[j - 1] ** 2
        a[2] *= b[3]
        a, b = b, a
    a[1] *= x[2]
    u, k = x * 1.0, 0
    while k < n:
        new = u.copy()
        for j in range(1, 5):
            new[j] = u[j] + 0.1 * (u[j - 1] - 2 * u[j] + u[j + 1] ** 2) * x[k]
        u = new
        k += 1
        if u[1] > 2.0:
            break
    u[0] = x[3] * u[1]
    return np.sum(a * b) + np.sum(u * u)


def stencils_in_loops(x, n):
    """The same in the iterations of another loop, which takes one of the arrays over."""
    s, w = 0.0, x * 1.0
    for i in range(n):
        u, v = np.outer(x, w) * (i + 1), np.zeros((6, 6))
        for t in range(3):
            v[1:-1, 1:-1] = u[1:-1, 1:-1] + 0.1 * u[:-2, 1:-1] * u[2:, 1:-1]
            u[0, 0] = v[1, 1] * x[t]
            u, v = v, u
            if u[1, 2] > 3.0:
                break
            more = w * x[t]
            more[t] = w[t + 1] ** 2
            w = more
        w[0] *= x[i]
        s += np.sum(u * v)
    return s + np.sum(w * w)


def begins_with_data(x, d):
    """States that begin with data, views or copies of it, or x; two names that are swapped."""
    y, v, s = d[::-1], x * 1.0, 0.0
    copied, chosen = d.copy(), d[AT]
    for i in range(3):
        part = d[:3]
        if x[i] > 0.5:
            part = x[:3] * d[i : i + 3]
        s += np.sum(part * part) * x[i] + y[1] * d[0]
        y, v = v, y + 0.1 * np.tanh(d * x[i] * s)
        copied, chosen = copied * x[i] + v, chosen * x[:4]
    z = x if s > 0.0 else d
    s += np.expand_dims(v, 1)[2, 0] * np.swapaxes(v.reshape(2, 3), 0, 1)[1, 0]
    return s + z[1] * x[0] + np.sum(y * v) + np.sum(copied * x) + np.sum(chosen * chosen)


def swapped_sometimes(x, n):
    """Two arrays swapped and replaced on some ways; elements with their places, and of tuples."""
    a, b, s = np.zeros(6), x * 1.0, 0.0
    for k in range(n):
        if s < 2.0:
            a, b = b, a
        a[k % 6] = a[k % 6] * 0.5 + b[(k + 1) % 6] * x[k % 6]
        for i in range(6):
            s += 0.1 * a[i] * b[i] * x[i]
        if k % 3 == 1:
            b = a * 0.3 + b
    for (i, j), v in np.ndenumerate(x.reshape(2, 3)):
        s = 0.5 * s + v * v * (i + 2 * j)
    for v in b.reshape(2, 3).T.flat:
        s = s * 0.5 + v * s
    for v in (x[0], x[1] * s, 3.0):
        s = s * v + v
    return s + np.sum(a * x) + np.sum(b * b)


def agrees(fun, *arguments):
    with programs.quick():
        gradient = reverse.gradient(numba.njit(fun))
        for x in (X, X[::-1].copy(), 0.5 * X, -1.4 * X):
            for args in arguments:
                g = np.full(6, math.nan)
                f = gradient(x, g, reverse.new_store(), *args)
                want = programs.differences(lambda x, args=args: fun(x, *args), x, ())
                assert f == pytest.approx(fun(x, *args), rel=1e-12)
                assert g == pytest.approx(want, abs=1e-10 * max(1.0, np.abs(want).max()), rel=0.0)


def test_writes_by_positions_and_masks():
    agrees(by_positions, (AT, COLUMNS))


def test_arrays_of_numbers_sorts_and_views():
    agrees(new_arrays, ())


@pytest.mark.parametrize("fun", [stencils, stencils_in_loops, swapped_sometimes])
def test_arrays_that_loops_swap_and_replace(fun):
    agrees(fun, (3,), (1,), (0,), (4,))


def test_data_that_a_name_begins_with():
    agrees(begins_with_data, (np.linspace(-0.4, 0.9, 6),))


def kept_view(x):
    u = x * 1.0
    v = u[1:]
    for i in range(3):
        w = u.copy()
        w[i] = v[i] * x[1]
        v[0] = u[2] * x[0]
        u = w
    return np.sum(u * u) + np.sum(v)


def one_array_with_two_names(x):
    u, v = x * 1.0, x * 2.0
    for i in range(3):
        u[i] = v[i] * x[1]
        v[i + 1] = u[i] ** 2
        v = u
    return np.sum(u * u) + np.sum(v)


def one_array_on_one_way(x):
    u, v = x * 1.0, x * 2.0
    for i in range(3):
        if x[i] > 0.5:
            v = u
        u[i] = v[i] * x[1]
        v[i + 1] = u[i] ** 2
    return np.sum(u * u) + np.sum(v)


def old_array_used_behind(x):
    old, s = x * 1.0, 0.0
    for i in range(3):
        u = old
        for k in range(2):
            u[k] = u[k + 1] * x[k]
            w = u * 2.0
            w[0] = u[2]
            u = w
        s += np.sum(u * u) * x[i]
    return s


def positions_changed_later(x):
    t, at = np.outer(x, x), np.array([0, 1])
    t[:, at] = x[2]
    at[0] = 3
    return np.sum(t * t)


def mask_of_two_axes(x):
    t = np.outer(x, x)
    t[t > 0.4] = x[0]
    return np.sum(t * t)


@numba.njit
def product(x, k):
    return x[0] if k <= 0 else product(x, k - 1) * x[k]


def sum(x):  # a name that a method has, too
    return x.sum() + (x * 2.0).sum()


def test_recursion_is_refused_and_its_line_named():
    with pytest.raises(reverse.NotReversible, match=r"itself \(line ... of .*test_writes.py"):
        reverse.gradient(numba.njit(lambda x: product(x, 4)))
    assert reverse.gradient(numba.njit(sum))


def test_a_mask_of_two_axes_is_refused():
    with pytest.raises(reverse.NotReversible, match="a write to part of an array"):
        reverse.gradient(numba.njit(mask_of_two_axes)).blocks_for((numba.typeof(X),))


@pytest.mark.parametrize(
    "fun",
    [
        kept_view,
        one_array_with_two_names,
        one_array_on_one_way,
        old_array_used_behind,
        positions_changed_later,
    ],
)
def test_arrays_with_several_names_are_refused(fun):
    with pytest.raises(reverse.NotReversible):
        reverse.gradient(numba.njit(fun)).blocks_for((numba.typeof(X),))
