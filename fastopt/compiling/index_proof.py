"""A proof, without compiling, that a function indexes inside its arguments.

Intervals of integers are propagated through Numba's IR of the function, for arguments of known
shapes. If the analysis fails, nothing is proved, and the function is compiled with checks.
"""

import functools
import math
import operator
import types
from typing import Any, NamedTuple

import numba
import numpy as np

from fastopt.compiling import type_keys
from fastopt.compiling.numba_internals import Dispatcher, ir, run_frontend

DEPTH = 8  # levels of calls that are analysed
LARGEST = 2**62  # limit of intervals, since larger compiled integers wrap around
ARRAYS = """abs all any arange array asarray ascontiguousarray clip cos cumprod cumsum diff
    dot exp full_like hypot inner isfinite isinf isnan linspace log max maximum mean min minimum
    ndim outer prod shape size sqrt std sum var vdot""".split()
SAFE = {getattr(np, name) for name in ARRAYS} | {np.linalg.norm}
SAFE |= {f for f in vars(math).values() if isinstance(f, types.BuiltinFunctionType)}
SAFE |= {f for f in vars(np).values() if isinstance(f, np.ufunc)}
SAFE |= {abs, bool, complex, enumerate, float, int, len, max, min, round, sum, zip}
METHODS = set("all any astype copy dot flatten max mean min prod ravel std sum var".split())


class Unproved(Exception):
    """The analysis cannot show that a function indexes inside its arrays."""


class Whole(NamedTuple):
    """An integer in the interval from low to high, both included."""

    low: int
    high: int


class Shaped(NamedTuple):
    """An array of this shape."""

    shape: tuple


class Items(NamedTuple):
    """A tuple."""

    values: tuple


class Known(NamedTuple):
    """A value of the code: a function, a module, a constant."""

    value: Any


class Method(NamedTuple):
    """A method of a value."""

    name: str


class Steps(NamedTuple):
    """An iterable, and its items."""

    each: Any


OTHER = Known(object())  # anything else: a number, an array of unknown shape
MADE = {np.zeros, np.ones, np.empty}
LIKE = {np.zeros_like, np.ones_like, np.empty_like}
KNOWN = {range, numba.prange, slice, *MADE, *LIKE}
_HARMLESS = ir.Del | ir.Jump | ir.Branch | ir.Return | ir.Raise  # not ir.Yield
_DIVIDED = {operator.floordiv, operator.mod}
_BINARY = {operator.add, operator.sub, operator.mul, *_DIVIDED}


def proved(function, x, args):
    """Return True if `function` provably indexes inside x, args and its own arrays."""
    try:
        _Text(function, [_abstract(x), *map(_abstract, args)], 0)
    except Exception:  # Unproved, or Numba's errors for code that it cannot compile
        return False
    return True


def _abstract(value) -> Any:
    if isinstance(value, np.ndarray) and type(value) is np.ndarray and value.dtype.names is None:
        return Shaped(value.shape)
    if type(value) in (int, np.int64, np.int32):
        return _limited(int(value), int(value))
    if type(value) is tuple:
        return Items(tuple(map(_abstract, value)))
    return Known(value)


class _Text:
    """The code of one function, called with abstract arguments; construction proves it."""

    def __init__(self, function: Any, args, depth):
        function = getattr(function, "py_func", function)
        code = function.__code__
        plain = not code.co_flags & 0x0C and not code.co_kwonlyargcount  # no *args, no **keywords
        missing = code.co_argcount - len(args)
        defaults = function.__defaults__ or ()
        if depth > DEPTH or not plain or not 0 <= missing <= len(defaults):
            raise Unproved
        self.args = [*args, *map(_abstract, defaults[len(defaults) - missing :])]
        text = run_frontend(function)
        self.depth, self.known, self.assignments = depth, {}, {}
        statements = [s for block in text.blocks.values() for s in block.body]
        for each in statements:
            if isinstance(each, ir.Assign):
                self.assignments.setdefault(each.target.name, []).append(each.value)
        for each in statements:
            self.prove(each)

    def prove(self, statement):
        if isinstance(statement, ir.Assign):
            self.value(statement.target)
        elif isinstance(statement, ir.SetItem):
            self.item(self.value(statement.target), self.value(statement.index))
        elif not isinstance(statement, _HARMLESS):
            raise Unproved

    def value(self, variable):
        """Return the possible values of a variable: the union over all its assignments."""
        name = variable.name
        if name not in self.known:
            self.known[name] = OTHER  # for assignments in which it depends on itself
            found = [self.assigned(v) for v in self.assignments.get(name, ())]
            self.known[name] = functools.reduce(_either, found) if found else OTHER
        return self.known[name]

    def assigned(self, value):
        if isinstance(value, ir.Expr):
            return self.expression(value)
        if isinstance(value, ir.Var):
            return self.value(value)
        if isinstance(value, ir.Arg):
            return self.args[value.index]
        if isinstance(value, ir.Const | ir.Global | ir.FreeVar):
            return _abstract(value.value)
        raise Unproved

    def expression(self, e) -> Any:
        if e.op in ("binop", "inplace_binop"):
            fn = e.fn if e.op == "binop" else e.immutable_fn
            return _binary(fn, self.value(e.lhs), self.value(e.rhs))
        if e.op == "unary":
            v = self.value(e.value)
            negated = isinstance(v, Whole) and e.fn is operator.neg
            return _limited(-v.high, -v.low) if negated else OTHER
        if e.op == "getattr":
            return _attribute(self.value(e.value), e.attr)
        if e.op in ("getitem", "static_getitem"):
            static = e.op == "static_getitem"
            index = _abstract(e.index) if static else self.value(e.index)
            return self.item(self.value(e.value), index)
        if e.op in ("cast", "iternext"):
            return self.value(e.value)
        if e.op == "getiter":
            return _steps(self.value(e.value))
        if e.op == "pair_first":
            value = self.value(e.value)
            return value.each if isinstance(value, Steps) else OTHER
        if e.op == "exhaust_iter":
            value = self.value(e.value)
            return value if isinstance(value, Items) else Items((OTHER,) * e.count)
        if e.op in ("pair_second", "build_list"):
            return OTHER
        if e.op == "build_tuple":
            return Items(tuple(map(self.value, e.items)))
        if e.op == "call" and e.vararg is None and e.varkwarg is None:
            return self.call(self.value(e.func), [self.value(a) for a in e.args], bool(e.kws))
        raise Unproved

    def item(self, value, index) -> Any:
        """Return an item of a value; raise Unproved if the index may be out of bounds."""
        if isinstance(value, Items):  # Numba itself checks the indices of tuples
            one = isinstance(index, Whole) and index.low == index.high
            return value.values[index.low] if one and 0 <= index.low < len(value.values) else OTHER
        if _is_part(index, (slice, str, type(None), type(...))):  # slices are clipped to the array
            return OTHER
        indices = index.values if isinstance(index, Items) else (index,)
        if not isinstance(value, Shaped) or len(indices) > len(value.shape):
            raise Unproved
        for length, each in zip(value.shape, indices, strict=False):
            inside = isinstance(each, Whole) and -length <= each.low and each.high < length
            if not inside and not _is_part(each, slice):
                raise Unproved
        whole = all(isinstance(each, Whole) for each in indices)
        return _row(value.shape, len(indices)) if whole else OTHER

    def call(self, called, args, named) -> Any:
        if isinstance(called, Method) and called.name in METHODS:
            return OTHER
        f = called.value if isinstance(called, Known) else None
        if id(f) in type_keys.extensions.functions:
            raise Unproved
        if isinstance(f, Dispatcher) and not named:
            _Text(f, args, self.depth + 1)
            return OTHER
        return OTHER if named and f in SAFE else _result(f, args, named)


def _is_part(index, kinds):
    return isinstance(index, Known) and isinstance(index.value, kinds)


def _row(shape, count):
    return Shaped(shape[count:]) if count < len(shape) else OTHER


def _steps(value):
    if isinstance(value, Shaped) and value.shape:
        return Steps(_row(value.shape, 1))
    return value if isinstance(value, Steps) else Steps(OTHER)


def _either(one, other):
    if type(one) is type(other) and one == other:
        return one
    if isinstance(one, Whole) and isinstance(other, Whole):
        return Whole(min(one.low, other.low), max(one.high, other.high))
    return OTHER


def _attribute(value, name) -> Any:
    if type_keys.extensions.any_attribute or name in type_keys.extensions.attributes:
        raise Unproved
    if isinstance(value, Known) and isinstance(value.value, types.ModuleType):
        return _abstract(getattr(value.value, name))
    if isinstance(value, Known) and name in getattr(value.value, "_fields", ()):
        return _abstract(getattr(value.value, name))  # a field of a named tuple
    if isinstance(value, Shaped) and name == "size":
        return Whole(*[math.prod(value.shape)] * 2)
    if isinstance(value, Shaped) and name == "shape":
        return Items(tuple(Whole(n, n) for n in value.shape))
    if isinstance(value, Shaped) and name == "T":
        return Shaped(value.shape[::-1])
    if isinstance(value, Known) and value is not OTHER:  # an object of the user's, perhaps
        raise Unproved
    return Method(name)


def _binary(fn, one, other) -> Any:
    whole = isinstance(one, Whole) and isinstance(other, Whole)
    if not whole or fn not in _BINARY or (fn in _DIVIDED and other.low < 1):
        return OTHER
    if fn is operator.mod:
        return Whole(0, other.high - 1)
    ends = [fn(a, b) for a in one for b in other]
    return _limited(min(ends), max(ends))


def _limited(low, high):
    return Whole(low, high) if low > -LARGEST and high < LARGEST else OTHER


def _range(args):
    start, stop = (Whole(0, 0), args[0]) if len(args) == 1 else args[:2]
    step = args[2] if len(args) > 2 else Whole(1, 1)
    down = Whole(stop.low + 1, start.high) if step.high < 0 else OTHER
    return Whole(start.low, stop.high - 1) if step.low > 0 else down


def _result(f, args: Any, named) -> Any:
    """Return the result of a library function; raise Unproved if it might index out of bounds."""
    whole = all(isinstance(a, Whole) for a in args)
    first: Any = args[0] if args else OTHER
    if named or (f not in SAFE and f not in KNOWN):
        raise Unproved
    if f in (range, numba.prange) and whole:
        return Steps(_range(args))
    if f is slice:
        return Known(slice(None))
    if f in (int, abs) and whole and first.low >= 0:
        return first
    if f is len and isinstance(first, Shaped):
        return Whole(first.shape[0], first.shape[0])
    if f in (min, max) and whole:
        lows, highs = [a.low for a in args], [a.high for a in args]
        return Whole(min(lows), min(highs)) if f is min else Whole(max(lows), max(highs))
    if f is enumerate and len(args) == 1:
        end = first.shape[0] - 1 if isinstance(first, Shaped) else LARGEST
        return Steps(Items((Whole(0, end), _steps(first).each)))
    if f in LIKE:
        return first if isinstance(first, Shaped) else OTHER
    if f in MADE:
        sizes = first.values if isinstance(first, Items) else (first,)
        known = all(isinstance(s, Whole) and s.low == s.high for s in sizes)
        return Shaped(tuple(s.low for s in sizes)) if known else OTHER
    return OTHER
