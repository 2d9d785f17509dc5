"""What is proved of a function's indices is true: Python, which checks them all, agrees."""

import collections
import math
import random

import numpy as np
import pytest
from numba import njit

import fastopt
from fastopt.compiling import compiler, type_keys
from fastopt.compiling.index_proof import proved

Y = np.zeros(5)
Pair = collections.namedtuple("Pair", "a b")


@pytest.fixture(autouse=True)
def nothing_taught(monkeypatch):
    """Other tests have taught this process's Numba attributes of any name."""
    monkeypatch.setattr(type_keys.extensions, "attributes", {})
    monkeypatch.setattr(type_keys.extensions, "any_attribute", False)


@njit
def model(p, t):
    return p[0] * np.exp(-p[1] * t)


@njit
def decay(p, y, t):
    s = 0.0
    for i in range(t.size):
        s += (model(p, t[i]) + p[2] - y[i]) ** 2
    return s


@njit
def chain(x):
    s = 0.0
    for i in range(1, len(x) - 1):
        s += (x[i + 1] - x[i] ** 2) ** 2 + x[i - 1]
    return s


@njit
def rows(x, a):
    s = 0.0
    for row in a:
        s += row[2] * x[0]
    n, m = a.shape
    for i in range(n):
        for j in range(m - 1, -1, -1):
            s += a[i, j] * a[i][j]
    return s


@njit
def bins(x, y):
    z, s = np.zeros(3), 0.0
    for k, v in enumerate(y):
        z[k % 3] += v * x[0]
    for a, b in zip(y, y[1:]):  # noqa: B905, RUF007
        s += a * b
    return np.sum(z) + s


@njit
def pair(x, q):
    return x[-1] * q.a[2] + q.b


PROVED = [
    (decay, np.zeros(3), Y, Y),
    (decay, np.zeros(3), Y, Y[:4]),
    (chain, np.zeros(3)),
    (chain, np.zeros(9)),
    (rows, np.zeros(1), np.zeros((9, 3))),
    (bins, np.zeros(1), Y),
    (pair, np.zeros(2), Pair(Y, 1.0)),
]
OUTSIDE = [
    (decay, np.zeros(2), Y, Y),
    (decay, np.zeros(1), Y, Y),
    (decay, np.zeros(3), Y[:4], Y),
    (rows, np.zeros(1), np.zeros((9, 2))),
    (pair, np.zeros(2), Pair(Y[:2], 1.0)),
    (pair, np.zeros(0), Pair(Y, 1.0)),
]


@pytest.mark.parametrize("call", PROVED, ids=lambda c: c[0].__name__)
def test_usual_texts_are_proved(call):
    assert proved(call[0], call[1], call[2:])


@pytest.mark.parametrize("call", OUTSIDE, ids=lambda c: c[0].__name__)
def test_what_lies_outside_is_not_proved(call):
    assert not proved(call[0], call[1], call[2:])


def text_of(rng):
    """Return the text of a random function that indexes, and the sizes of its arguments."""
    lines, names = (
        ["def fun(x, y, a, k):", "    s = 0.0"],
        ["0", "1", "-1", "2", "k", "-k", "x.size"],
    )
    pad = "    "
    for depth in range(rng.randrange(4)):
        i, low = f"i{depth}", rng.choice(["", "1, ", "k, "])
        end = rng.choice(["y.size", "len(x)", "a.shape[0]", "a.shape[1] - 1", "3", "k + 2"])
        step = rng.choice([", 2", ""]) if low else ""
        lines.append(f"{pad}for {i} in range({low}{end}{step}):")
        pad += "    "
        names += [i, i, f"{i} + 1", f"{i} - 1", f"2 * {i}", f"{i} % 3", f"min({i}, 2)", f"-{i}"]
        if rng.random() < 0.3:
            lines.append(f"{pad}{rng.choice(['k', 'j'])} = {rng.choice(names)}")
    for _ in range(rng.randrange(1, 4)):
        one, two = rng.choice(names), rng.choice(names)
        got = rng.choice([f"x[{one}]", f"y[{one}]", f"a[{one}, {two}]", f"a[{one}][{two}]"])
        got = rng.choice([got, got, f"a[{one}].sum()", f"y[{one}:].sum()", f"a.T[{one}, {two}]"])
        lines.append(f"{pad}s += {got}")
        if rng.random() < 0.3:
            lines.append(f"{pad}y, x = {rng.choice(['y, x', 'x, y', 'y[1:], x'])}")
    return "\n".join([*lines, "    return s"])


def test_nothing_false_is_proved():
    """Of 600 random functions, those that are proved raise no IndexError in Python."""
    rng, found, raised = random.Random(1), 0, 0
    for _ in range(600):
        scope: dict = {}
        text = text_of(rng)
        exec(text, scope)
        sizes = [rng.randrange(1, 5) for _ in range(4)]
        args = np.ones(sizes[1]), np.ones((sizes[2], sizes[3])), rng.randrange(3)
        x = np.ones(sizes[0])
        known = proved(scope["fun"], x, args)
        found += known
        try:
            scope["fun"](x, *args)
        except IndexError:
            raised += 1
            assert not known, (text, sizes, args[-1])
        except UnboundLocalError:
            continue
    assert found > 80
    assert raised > 80


def test_what_is_proved_is_not_compiled_again():
    @njit
    def fun(x, t):
        s = 0.0
        for i in range(t.size):
            s += (x[0] - t[i]) ** 2 + (x[1] - math.pi) ** 2
        return s

    before = len(compiler._users)
    assert fastopt.minimize(fun, [0.0, 0.0], args=(Y + 2.0,)).x == pytest.approx([2.0, math.pi])
    assert len(compiler._users) == before + 1
    with pytest.raises(IndexError, match="fun indexes outside x"):
        fastopt.minimize(fun, [0.0], args=(Y,))


def test_a_function_that_reads_another_one_after_an_edit():
    """What a helper is today counts, not what it was when it was first looked at."""
    scope: dict = {"njit": njit}
    exec("@njit\ndef part(x):\n    return x[0] ** 2\n@njit\ndef fun(x):\n    return part(x)", scope)
    assert proved(scope["fun"], np.zeros(1), ())
    exec("@njit\ndef part(x):\n    return x[1] ** 2", scope)
    assert not proved(scope["fun"], np.zeros(1), ())


@njit
def from_the_end(x, n, k):
    return (x[0] - 1.0) ** 2 + (x[n - k] - 2.0) ** 2


@njit
def shifted(x, flag):
    return (x[0] - 1.0) ** 2 + (x[1 + flag] - 2.0) ** 2


@njit
def listed(x, k):
    return (x[0] - 1.0) ** 2 + (x[k[0]] - 2.0) ** 2


@pytest.mark.parametrize(
    ("fun", "inside", "outside"),
    [
        (from_the_end, (3, 4), (np.uint64(3), np.uint64(4))),  # which wrap around
        (shifted, (True,), (2,)),
        (shifted, (np.False_,), (np.int64(5),)),
        (listed, (np.array([2]),), (np.array([7]),)),
    ],
)
def test_what_was_inside_may_be_outside_for_others_of_the_same_shape(fun, inside, outside):
    x0 = np.zeros(3)
    for _ in range(2):
        assert fastopt.minimize(fun, x0, args=inside).success
        with pytest.raises(IndexError, match="fun indexes outside x"):
            fastopt.minimize(fun, x0, args=outside)


def test_a_flag_is_an_index_too():
    assert fastopt.minimize(shifted, [0.0, 0.0], args=(False,)).success
    with pytest.raises(IndexError, match="fun indexes outside x"):
        fastopt.minimize(shifted, [0.0, 0.0], args=(True,))


def test_the_least_integer_wraps_around_when_it_is_negated():
    @njit
    def least(x, a):
        b = -a
        return (x[0] - 1.0) ** 2 + x[2 - (b // 2305843009213693952)] ** 2

    assert not proved(least, np.zeros(3), (-(2**63),))
    assert proved(least, np.zeros(3), (-(2**60),))


def test_rows_that_are_too_short_are_found():
    """The longest row is long enough."""

    def fun(x, row):
        return (x[0] - row[3]) ** 2

    def pair(x, y, t):
        s = 0.0
        for i in range(len(y)):
            s += (x[0] * t[i] - y[i]) ** 2
        return s

    short = ([np.arange(4.0), np.arange(2.0), np.arange(4.0)],)
    long = ([np.arange(4.0), np.arange(5.0)],)
    y, t = ([np.ones(n) for n in lengths] for lengths in ([9, 3, 2], [9, 2, 3]))
    with pytest.raises(IndexError, match="in problem 1"):
        fastopt.minimize_batch(njit(fun), [0.0], short)
    turned = (short[0][1::-1],)  # the shortest row comes first
    with pytest.raises(IndexError, match="in problem 0"):
        fastopt.minimize_batch(njit(fun), [0.0], turned)
    with pytest.raises(IndexError, match="in problem 1"):
        fastopt.minimize_batch(njit(pair), [0.0], (y, t))
    assert fastopt.minimize_batch(njit(pair), [0.0], (y[::2], t[::2])).success.all()
    once = {"batch_size": 1, "epochs": 1}
    with pytest.raises(IndexError, match="an array that it makes, in row 1 of the data"):
        fastopt.minimize_stochastic(fun, [0.0], short, **once)
    assert fastopt.minimize_stochastic(fun, [0.0], long, **once).epochs == 1
    with pytest.raises(IndexError, match="in row 0 of validation"):
        fastopt.minimize_stochastic(fun, [0.0], long, **once, validation=([np.arange(1.0)],))


def test_the_last_mini_batch_is_looked_at():
    def fun(x, d):
        return (x[0] - d[3]) ** 2 + x[1] ** 2

    with pytest.raises(IndexError, match="in one of the mini-batches"):
        fastopt.minimize_stochastic(
            fun, [0.0, 0.0], np.arange(10.0), vectorized=True, batch_size=4, epochs=2
        )
    result = fastopt.minimize_stochastic(
        fun, [0.0, 0.0], np.arange(12.0), vectorized=True, batch_size=4, epochs=2
    )
    assert result.epochs == 2


def test_what_numba_was_taught_is_not_proved(monkeypatch):
    def fun(x):
        s = 0.0
        for i in range(x.size):
            s += x[i]
        return s

    assert proved(fun, np.zeros(3), ())
    monkeypatch.setattr(type_keys.extensions, "attributes", {"size": ()})
    assert not proved(fun, np.zeros(3), ())
    monkeypatch.setattr(type_keys.extensions, "attributes", {"sizes": ()})
    assert proved(fun, np.zeros(3), ())
    monkeypatch.setattr(type_keys.extensions, "any_attribute", True)
    assert not proved(fun, np.zeros(3), ())
