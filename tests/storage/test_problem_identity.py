"""A checkpoint belongs to one problem: every number, attribute and line of code counts."""

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import json
import operator
import os
import random
import re
import subprocess
import sys
import textwrap
import threading
import types
import typing

import numba
import numpy as np
import pandas
import pytest
import scipy.interpolate
import scipy.sparse
import scipy.stats
import xarray
from numba.experimental import jitclass

import fastopt
from fastopt.storage.problem_identity import differences, identity


@dataclasses.dataclass
class Settings:
    target: float


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    target: float


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Number(enum.IntFlag):
    ONE = 1
    TWO = 2


class Parent:
    __slots__ = ("__hidden", "own")

    def __init__(self, own, hidden=0):
        self.own, self.__hidden = own, hidden

    def loss(self, x):
        return self.own + x


class Child(Parent):
    def __init__(self, own, hidden=0, later=0):
        super().__init__(own, hidden)
        self.later = later


class Pair(typing.NamedTuple):
    one: float
    two: float = 1.0


class Real(float):
    pass


class Array(np.ndarray):
    pass


@jitclass([("own", numba.float64), ("__hidden", numba.float64)])
class Compiled:
    def __init__(self, own, hidden=0.0):
        self.own, self.__hidden = own, hidden

    def total(self):
        return self.own + self.__hidden


def closure(k):
    return lambda x: x * k


def set_attribute(value, on):
    on.extra = value
    return on


def members(k):
    """Return an object whose class has one kind of member each that returns k."""

    class Base:
        def inherited(self):
            return k

    class Members(Base):
        @staticmethod
        def static():
            return 0

    return Members()


def with_member(decorate):
    return lambda k: type("Made", (), {"member": decorate(closure(k))})()


def bodies(k):
    class One:
        def loss(self, x):
            return x + 1

    class Two:
        def loss(self, x):
            return x + 2

    Two.__qualname__ = One.__qualname__
    Two.loss.__qualname__ = One.loss.__qualname__
    return (One, Two)[k - 1]()


def typed_dict(value):
    made = numba.typed.Dict()
    made["a"] = value
    return made


def fitted(kind, v, **given):
    """Return a spline, made where memory holds something."""
    points = np.linspace(0.0, 3.0, 20)
    np.full(40, 1.0 + id(given) % 1000)
    return kind(points, np.sin(points) * v, **given)


KNOTS = [0.0, 1.0, 2.0, 3.0]
KINDS = {
    # numbers
    "fraction": fractions.Fraction,
    "decimal": decimal.Decimal,
    "complex": lambda v: 1j * v,
    "float subclass": Real,
    "numpy scalar": np.float32,
    "date": lambda v: datetime.date(2000, 1, v),
    "timestamp": pandas.Timestamp,
    "enum": Colour,
    "flag": Number,
    # containers
    "deque": lambda v: collections.deque([v]),
    "deque's room": lambda v: collections.deque(maxlen=v),
    "counter": lambda v: collections.Counter(a=v),
    "chain": lambda v: collections.ChainMap({"a": v}),
    "proxy": lambda v: types.MappingProxyType({"a": v}),
    "set of objects": lambda v: {Pair(v, 2), Pair(3, 4), Settings},
    "bytes": lambda v: bytes([v]) * 100,
    "bytearray": lambda v: bytearray([v]),
    "long text": lambda v: "x" * 100 + str(v),
    "range": range,
    "slice": slice,
    "deep": lambda v: types.SimpleNamespace(a=[{"b": (types.SimpleNamespace(c=v),)}]),
    "typed list": lambda v: numba.typed.List([v]),
    "typed list of arrays": lambda v: numba.typed.List([np.full(2, float(v))]),
    "typed dict": typed_dict,
    # objects
    "dataclass": Settings,
    "dataclass with slots": Slotted,
    "namespace": lambda v: types.SimpleNamespace(a=v),
    "named tuple": Pair,
    "slots": Parent,
    "hidden slot": lambda v: Parent(0, v),
    "inherited slot": Child,
    "dict beside slots": lambda v: Child(0, 0, v),
    "jitclass": Compiled,
    "jitclass, hidden": lambda v: Compiled(0.0, v),
    "pattern": lambda v: re.compile(str(v)),
    "generator of numbers": np.random.default_rng,
    "Python's generator": random.Random,
    # arrays
    "mask": lambda v: np.ma.array([1.0, 2.0], mask=[v == 1, True]),
    "array subclass": lambda v: set_attribute(v, np.zeros(3).view(Array)),
    "objects in an array": lambda v: np.array([Settings(v)], object),
    "records": lambda v: np.array([(1, v)], [("a", int), ("b", float)]),
    "shape": lambda v: np.zeros((v, 2)),
    "dtype": lambda v: np.zeros(2, f"f{4 * v}"),
    "large": lambda v: np.arange(3_000_000.0) == 1_234_567 * v,
    "frame": lambda v: pandas.DataFrame({"a": [1, v], "b": ["x", "y"]}),
    "index of a frame": lambda v: pandas.DataFrame({"a": [1, 2]}, index=[0, v]),
    "column of a frame": lambda v: pandas.DataFrame({str(v): [1, 2]}),
    "name of a series": lambda v: pandas.Series([1.0], name=str(v)),
    "coordinate": lambda v: xarray.DataArray([1.0, 2.0], coords={"x": [0, v]}, dims="x"),
    "dataset": lambda v: xarray.Dataset({"a": ("x", [1.0, v])}),
    # SciPy's
    "spline": lambda v: scipy.interpolate.CubicSpline(KNOTS, [v, 0, 1, 3]),
    "B-spline": lambda v: scipy.interpolate.make_interp_spline(KNOTS, [v, 0, 1, 3]),
    "smoothing spline": lambda v: fitted(scipy.interpolate.UnivariateSpline, v, s=0.01),
    "spline through points": lambda v: fitted(scipy.interpolate.InterpolatedUnivariateSpline, v),
    "spline with knots": lambda v: fitted(scipy.interpolate.LSQUnivariateSpline, v, t=[1.5]),
    "derived spline": lambda v: fitted(scipy.interpolate.UnivariateSpline, v).derivative(),
    "smoothness": lambda v: fitted(scipy.interpolate.UnivariateSpline, 1, s=0.01 * v),
    "outside": lambda v: fitted(scipy.interpolate.UnivariateSpline, 1, ext=v),
    "spline of two variables": lambda v: scipy.interpolate.RectBivariateSpline(
        KNOTS, KNOTS, np.outer(KNOTS, KNOTS) ** v
    ),
    "smooth spline of two variables": lambda v: scipy.interpolate.SmoothBivariateSpline(
        *np.random.default_rng(0).random((2, 30)), v * np.arange(30.0), kx=1, ky=1, s=1e5
    ),
    "interpolator": lambda v: scipy.interpolate.interp1d([0, 1], [0, v]),
    "grid": lambda v: scipy.interpolate.RegularGridInterpolator(([0, 1],), np.array([0.0, v])),
    "frozen": lambda v: scipy.stats.norm(v, 1),
    "method of a frozen": lambda v: scipy.stats.norm(0, scale=v).logpdf,
    "frozen, several": lambda v: scipy.stats.multivariate_normal([v, 0]),
    "density": lambda v: scipy.stats.gaussian_kde([1.0, 2.0, 5.0 + v]),
    "sparse": lambda v: scipy.sparse.coo_array(np.eye(3) * v),
    "dict of keys": lambda v: scipy.sparse.dok_array(np.eye(3) * v),
    # functions
    "partial": lambda v: functools.partial(max, v),
    "partial's keyword": lambda v: functools.partial(max, key=v),
    "bound method": lambda v: Parent(v).loss,
    "builtin method": lambda v: {1: v}.get,
    "closure": closure,
    "default": lambda v: lambda x, a=v: x,
    "keyword default": lambda v: lambda x, *, a=v: x,
    "attribute of a function": lambda v: set_attribute(v, lambda x: x),
    "wrapped": lambda v: functools.lru_cache(closure(v)),
    "vectorized": lambda v: np.vectorize(closure(v)),
    "ufunc": lambda v: numba.vectorize(closure(v)),
    "compiled": lambda v: numba.njit(closure(v)),
    "flags": lambda v: numba.njit(fastmath=v > 1)(closure(1)),
    "getter": operator.itemgetter,
    # classes
    "code of a method": bodies,
    "inherited code": members,
    "property": with_member(property),
    "static": with_member(staticmethod),
    "class method": with_member(classmethod),
    "cached property": with_member(functools.cached_property),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_whatever_differs_is_seen(make):
    """And what is the same is not."""
    one, again, two = (identity({"it": make(v)}) for v in (1, 1, 2))
    assert not differences(one, again)
    assert differences(one, two)


def every_identity():
    return {name: identity({"it": make(1)}) for name, make in KINDS.items()}


def test_the_same_in_another_process():
    """Neither addresses nor the order of sets count."""
    code = "import json, test_problem_identity as t; print(json.dumps(t.every_identity()))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, os.path.dirname(__file__)])}
    there = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**env, "PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    import test_problem_identity

    here, there = test_problem_identity.every_identity(), json.loads(there)
    assert [name for name in here if here[name] != there[name]] == []


OPEN = sys.__stdout__
REFUSED = {
    "generator": (lambda: (i for i in ()), r"it is a generator, which cannot be read"),
    "file": (lambda: OPEN, "it is a TextIOWrapper"),
    "attribute": (lambda: types.SimpleNamespace(log=[OPEN]), r"it\.log\[0\] is a TextIOWrapper"),
    "global": (lambda: lambda x: OPEN, "OPEN, which it reads, is a TextIOWrapper"),
    "ufunc": (lambda: np.frompyfunc(closure(1), 1, 1), "it is <ufunc .*cannot be read"),
}


@pytest.mark.parametrize(("make", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused(make, says):
    with pytest.raises(TypeError, match=f"{says}.* Leave options\\['checkpoint'\\] out, or "):
        identity({"it": make()})


def test_what_holds_itself():
    endless = []
    endless.append(endless)
    assert identity({"it": endless}) == identity({"it": endless})
    deep = None
    for _ in range(10_000):
        deep = (deep, {})
    with pytest.raises(TypeError, match="nested too deeply"):
        identity({"it": deep})


def test_locks_and_shared_generators_do_not_count():
    """They decide nothing, or are not part of a problem."""
    for make in (lambda: (threading.Lock(), threading.RLock()), lambda: np.random.rand):
        before = identity({"it": make()})
        np.random.rand()  # noqa: NPY002
        assert identity({"it": make()}) == before


class Choosing:
    def __init__(self, target):
        self.target, self.calls = target, 0

    def __call__(self, x):
        self.calls += 1
        return float((x[0] - self.target) ** 2)

    def __getstate__(self):
        return {"target": self.target}


def test_a_class_says_what_counts(tmp_path):
    options = {"checkpoint": tmp_path / "run.npz"}
    first = fastopt.minimize(Choosing(1.0), [0.5], options=options)
    again = fastopt.minimize(Choosing(1.0), [0.5], options=options)
    np.testing.assert_array_equal(first.x, again.x)
    with pytest.raises(ValueError, match=r"differ: fun.target \(1.0 there, 2.0 here\)\. Delete"):
        fastopt.minimize(Choosing(2.0), [0.5], options=options)


def test_a_refused_problem_leaves_no_file(tmp_path):
    path = tmp_path / "run.npz"
    with pytest.raises(TypeError, match=r"args\[0\] is a TextIOWrapper"):
        fastopt.minimize(lambda x, o: x[0] ** 2, [1.0], args=(OPEN,), options={"checkpoint": path})
    assert not list(tmp_path.iterdir())


MODULES = {
    "profile.py": "K = 1.0\n",  # like one of Python's own
    "inner/helper.py": "def value():\n    from . import other\n    return other.K\n",
    "inner/other.py": "K = 1.0\n",
    "late.py": "K = 1.0\n",
    "objective.py": """
        import profile
        import inner.helper
        def fun(x):
            import late
            return x[0] ** 2 + profile.K + inner.helper.value() + late.K
        """,
}
SHOW = "import json, objective; from fastopt.storage.problem_identity import identity; " + (
    "print(json.dumps(identity({'fun': objective.fun})))"
)


def test_edited_modules_are_seen(tmp_path):
    """Of whatever name, in namespace packages, imported inside functions."""

    def there():
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        command = [sys.executable, "-c", SHOW]
        done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    (tmp_path / "inner").mkdir()
    for name, text in MODULES.items():
        (tmp_path / name).write_text(textwrap.dedent(text))
    before = there()
    assert there() == before
    for name in ("profile.py", "inner/other.py", "late.py"):
        (tmp_path / name).write_text("K = 2.0\n")
        assert "K, which fun reads" in differences(before, there()), name
        (tmp_path / name).write_text("K = 1.0\n")
