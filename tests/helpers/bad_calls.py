"""Call the package with arguments that change from call to call: right answers, or sentences.

    python tests/helpers/bad_calls.py N SEED

What comes back is compared with Python's own value of the objective. Prints what was wrong, how
many calls were answered and refused, and how often each sentence came.
"""

import collections
import decimal
import faulthandler
import fractions
import gc
import math
import random
import re
import sys
import traceback
import warnings

import numpy as np
from numba import njit

import fastopt

Pair = collections.namedtuple("Pair", "u v")
Other = collections.namedtuple("Other", "u w")


class Thing:
    u = 1.0


def scalar(x, a):
    return (x[0] - a) ** 2 + (x[1] + 1.0) ** 2


def total(x, a):
    s = (x[1] - 2.0) ** 2
    for i in range(len(a)):
        s += (x[0] - a[i]) ** 2
    return s


def ends(x, a):
    return (x[0] - a[0]) ** 2 + (x[1] - a[-1]) ** 2


def named(x, a):
    return (x[0] - a.u) ** 2 + (x[1] - a[1]) ** 2


def unused(x, a):
    return (x[0] - 1.0) ** 2 + (x[1] - 2.0) ** 2


def mapped(x, a):
    return (x[0] - a["u"]) ** 2 + (x[1] - a["v"]) ** 2


def counted(x, a):
    return (x[0] - len(a)) ** 2 + x[1] ** 2


def perhaps(x, a):
    if a is None:
        return x[0] ** 2 + x[1] ** 2
    return (x[0] - 1.0) ** 2 + x[1] ** 2


def deep(x, a):
    return (x[0] - a[0][1]) ** 2 + (x[1] - a[1]) ** 2


def raising(x, a):
    if x[0] > 0.5:
        raise ValueError("x[0] is too large")
    return (x[0] - 1.0) ** 2 + (x[1] - 2.0) ** 2


def summed(x, a):
    return np.sum((a - x[0]) ** 2) + x[1] ** 2


PLAIN = [scalar, total, ends, named, unused, mapped, counted, perhaps, deep, raising, summed]
COMPILED = {f: njit(f) for f in PLAIN}


def read_only(values):
    array = np.array(values)
    array.flags.writeable = False
    return array


# What args may hold: functions of a random number generator.
KINDS = {
    "float": lambda r: r.uniform(-2, 2),
    "int": lambda r: r.randrange(-3, 3),
    "bool": lambda r: r.random() < 0.5,
    "float32": lambda r: np.float32(r.uniform(-2, 2)),
    "int8": lambda r: np.int8(r.randrange(-3, 3)),
    "uint64": lambda r: np.uint64(r.randrange(3)),
    "0-d": lambda r: np.array(r.uniform(-2, 2)),
    "array": lambda r: np.array([r.uniform(-2, 2) for _ in range(r.randrange(1, 5))]),
    "ints": lambda r: np.arange(r.randrange(1, 5)),
    "float32s": lambda r: np.arange(r.randrange(1, 5), dtype=np.float32),
    "bools": lambda r: np.array([True, False]),
    "read only": lambda r: read_only([r.uniform(-2, 2), 1.0]),
    "strided": lambda r: np.arange(8.0)[:: r.randrange(2, 4)],
    "reversed": lambda r: np.arange(r.randrange(2, 5) + 0.0)[::-1],
    "empty": lambda r: np.empty(0),
    "matrix": lambda r: np.ones((r.randrange(1, 3), 2)),
    "fortran": lambda r: np.asfortranarray(np.ones((2, r.randrange(1, 3)))),
    "swapped": lambda r: np.arange(3, dtype=">f8"),
    "list": lambda r: [r.uniform(-2, 2) for _ in range(r.randrange(1, 4))],
    "list of ints": lambda r: list(range(r.randrange(1, 4))),
    "mixed list": lambda r: [1, 2.0],
    "no list": lambda r: [],
    "list of lists": lambda r: [[1.0, 2.0], [3.0]],
    "list of arrays": lambda r: [np.ones(2), np.zeros(3)],
    "strings": lambda r: ["one", "two"],
    "tuple": lambda r: (r.uniform(-2, 2), 1.0),
    "mixed tuple": lambda r: (1, r.uniform(-2, 2)),
    "no tuple": lambda r: (),
    "nested": lambda r: ((1.0, r.uniform(-2, 2)), 3.0),
    "nested arrays": lambda r: (np.arange(r.randrange(2, 4) + 0.0), 2.0),
    "pair": lambda r: Pair(r.uniform(-2, 2), 1.0),
    "pair of ints": lambda r: Pair(1, 2),
    "other pair": lambda r: Other(1.0, r.uniform(-2, 2)),
    "pair with none": lambda r: Pair(1.0, None),
    "dict": lambda r: {"u": 1.0, "v": r.uniform(-2, 2)},
    "no dict": lambda r: {},
    "set": lambda r: {1.0, 2.0},
    "string": lambda r: "word"[: r.randrange(1, 5)],
    "bytes": lambda r: b"word",
    "none": lambda r: None,
    "complex": lambda r: 1.0 + 2.0j,
    "objects": lambda r: np.array([1.0, None], dtype=object),
    "dates": lambda r: np.array(["2020-01-01"], "M8[D]"),
    "records": lambda r: np.zeros(2, [("u", float), ("v", float)]),
    "record": lambda r: np.zeros(2, [("u", float), ("v", float)])[0],
    "masked": lambda r: np.ma.masked_array([1.0, 2.0], [False, r.random() < 0.5]),
    "function": lambda r: math.sin,
    "compiled function": lambda r: COMPILED[unused],
    "lambda": lambda r: lambda v: v,
    "thing": lambda r: Thing(),
    "class": lambda r: Thing,
    "range": lambda r: range(3),
    "generator": lambda r: (v for v in (1.0, 2.0)),
    "memoryview": lambda r: memoryview(np.arange(3.0).data),
    "decimal": lambda r: decimal.Decimal(1),
    "fraction": lambda r: fractions.Fraction(1, 2),
    "huge": lambda r: 10 ** r.choice([18, 19, 30]),
    "nan": lambda r: math.nan,
    "inf": lambda r: math.inf,
}
# What must not be among what is said: it is Python's, Numba's or LLVM's own trouble.
FORBIDDEN = re.compile(
    r"Internal error|LLVM|Segmentation|KeyError: \(|AssertionError|object has no attribute '_"
    r"|NoneType' object|out of memory|NotImplementedError"
)
BRIEF = {"maxfev": 300}


def drop(kept):
    kept.clear()
    gc.collect(0)


class Wrong(Exception):
    """What a call must not do."""


def minimize(rng, fun, kind):
    """One problem: compiled, plain, or plain and compiled for derivatives."""
    how = rng.choice(["njit", "njit", "njit", "plain", "autodiff"])
    given: dict = {"jac": "autodiff"} if how == "autodiff" else {}
    called = COMPILED[fun] if how == "njit" else fun
    value, kept = KINDS[kind](rng), []
    if rng.random() < 0.2:  # nobody else keeps what is given, and it is collected meanwhile
        given["callback"] = lambda xk: drop(kept)
    kept.append(value)
    args = (kept[0],)
    found = fastopt.minimize(called, [0.0, 0.0], args, options=BRIEF, **given)
    if kind != "generator":  # which can be read once only
        judge(fun, found.x, found.fun, value)


def value_and_grad(rng, fun, kind):
    """A value and its gradient, against differences."""
    value = KINDS[kind](rng)
    f, g = SLOPES[fun](np.array([0.25, -0.5]), value)
    judge(fun, np.array([0.25, -0.5]), f, value)
    for k in range(2):
        step = np.eye(2)[k] * 1e-6
        point = np.array([0.25, -0.5])
        try:
            slope = (fun(point + step, value) - fun(point - step, value)) / 2e-6
        except Exception:
            return
        lost = abs(f) * 1e-9  # of the slope, by the rounding of f
        if math.isfinite(slope) and abs(slope - g[k]) > 1e-3 * (1.0 + abs(slope)) + lost:
            raise Wrong(f"the slope {k} is {g[k]}, by differences {slope}")


def batch(rng, fun, kind):
    """Three problems with the same args; one may raise in the midst of it."""
    value, called = KINDS[kind](rng), COMPILED[fun] if rng.random() < 0.7 else fun
    x0 = np.array([[0.0, 0.0], [0.25, 1.0], [-1.0, 0.5]])
    given = {"workers": rng.choice([1, 2])}
    found = fastopt.minimize_batch(called, x0, args=(value,), options=BRIEF, **given)
    for b in range(3):
        if found.status[b] != -5:
            judge(fun, found.x[b], found.fun[b], value)
        elif not isinstance(found.errors[b], Exception):
            raise Wrong("status -5 without an error")


def rows(rng, fun, kind):
    """A problem for each row of what is given twice."""
    value = KINDS[kind](rng)
    data = [value, KINDS[kind](rng)]
    if rng.random() < 0.5:
        data = np.asarray(data)
    found = fastopt.minimize_batch(COMPILED[fun], [0.0, 0.0], (data,), options=BRIEF, workers=1)
    for b in range(2):
        if found.status[b] != -5 and fun is not perhaps:
            judge(fun, found.x[b], found.fun[b], np.asarray(data[b])[()])


def multistart(rng, fun, kind):
    """Four starts."""
    value = KINDS[kind](rng)
    called = COMPILED[fun] if rng.random() < 0.7 else fun
    found = fastopt.multistart(
        called, [(-3.0, 3.0)] * 2, 4, args=(value,), options=BRIEF, workers=1
    )
    judge(fun, found.x, found.fun, value)


def stochastic(rng, fun, kind):
    """A few steps over two rows that are not used."""
    value = KINDS[kind](rng)
    call = STOCHASTIC[fun]
    found = fastopt.minimize_stochastic(
        call, [0.0, 0.0], np.zeros((2, 1)), (value,), epochs=1, batch_size=2
    )
    if not np.isfinite(found.x).all():
        raise Wrong(f"x = {found.x}")


def judge(fun, x, found, value):
    """Compare a value with Python's."""
    try:
        with np.errstate(all="ignore"):
            wanted = float(fun(np.array(x), value))
    except Exception:
        return  # what Python cannot do, compiled code may: integers as numbers of a matrix, say
    if math.isnan(found) and not math.isfinite(wanted):
        return
    if not (abs(found - wanted) <= 1e-6 * (1.0 + abs(wanted)) or found == wanted):
        raise Wrong(f"f = {found}, by Python {wanted}, at {x}")


def with_row(fun):
    return njit(lambda x, row, a: fun(x, a) + 0.0 * row[0])


SLOPES = {f: fastopt.value_and_grad(c, size=2) for f, c in COMPILED.items()}
STOCHASTIC = {f: with_row(c) for f, c in COMPILED.items()}
DOORS = {minimize: 50, batch: 15, rows: 10, value_and_grad: 15, multistart: 9, stochastic: 1}


def pair_of(rng):
    return rng.choice(PLAIN), rng.choice([*KINDS])


def call(rng, usual, doors=DOORS):
    """Make one call; return (door, objective, kind, what came of it).

    Most are with one of the `usual` pairs of objective and kind: each new one is compiled.
    """
    door = rng.choices([*doors], [*doors.values()])[0]
    fun, kind = rng.choice(usual) if rng.random() < 0.98 else pair_of(rng)
    where = door.__name__, fun.__name__, kind
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            door(rng, fun, kind)
    except Wrong as wrong:
        return *where, f"WRONG: {wrong}"
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        if any(f.name == fun.__name__ for f in traceback.extract_tb(error.__traceback__)):
            return *where, said  # raised by the user's own lines, in Python
        bad = FORBIDDEN.search(said) or not str(error) or isinstance(error, SystemError)
        return *where, f"WRONG: {said}" if bad else said
    return *where, "answered"


def main(count, seed):
    faulthandler.enable()
    rng, came = random.Random(seed), collections.Counter()
    usual = [pair_of(rng) for _ in range(70)]
    for k in range(count):
        *where, what = call(rng, usual)
        came["wrong" if what.startswith("WRONG") else what.partition(":")[0]] += 1
        if what.startswith("WRONG"):
            print(k, *where, what[:300].replace("\n", " "), flush=True)
        elif k % 200 == 199:
            print(k + 1, dict(came), flush=True)
    print(dict(came))
    return came["wrong"]


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]), int(sys.argv[2]))))
