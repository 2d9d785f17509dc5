"""Numbers of plain Python whose operations are recorded on a tape."""

import math
import operator

import numpy as np

from fastopt.derivatives.duals import derivative_rules
from fastopt.derivatives.python_tape import elementwise
from fastopt.derivatives.python_tape.tape import Tracked, later


class Number(Tracked):
    """A number and the derivative of the result by it."""

    __slots__ = ()
    ndim, shape, size = 0, (), 1

    @property
    def dtype(self):
        return self.value.dtype

    def __array_ufunc__(self, ufunc, method, *inputs, **kws):
        return later.of_ufunc(ufunc, method, inputs, kws)

    def __array_function__(self, function, _types, args, kws):
        return later.dispatch(function, args, kws)

    def item(self):
        return self

    __copy__ = copy = item

    def __deepcopy__(self, _memo):
        return self

    __trunc__ = Tracked.__int__

    def __floor__(self):
        return math.floor(self.value)

    def __ceil__(self):
        return math.ceil(self.value)

    def __round__(self, ndigits=None):
        return round(float(self.value), ndigits)

    def __abs__(self):
        return elementwise.apply(derivative_rules.absolute, self)

    def __repr__(self):
        return f"Number({self.value})"


def plain(a):
    """Return the value of a tracked number or array, or `a` itself."""
    return a.value if isinstance(a, Tracked) else a


def add_operators(kind, accepts):
    """Give a class the operators; `accepts` tells which other operands its methods take."""

    def binary(operate):
        return lambda a, b: operate(a, b) if accepts(b) else NotImplemented

    apply = elementwise.apply
    for name, rule in derivative_rules.OPERATORS.items():
        if rule in (derivative_rules.neg, derivative_rules.pos):
            setattr(kind, f"__{name}__", lambda a, r=rule: apply(r, a))
            continue
        setattr(kind, f"__{name}__", binary(lambda a, b, r=rule: apply(r, a, b)))
        setattr(kind, f"__r{name}__", binary(lambda a, b, r=rule: apply(r, b, a)))
    kind.__floordiv__ = binary(lambda a, b: plain(a) // plain(b))
    kind.__rfloordiv__ = binary(lambda a, b: plain(b) // plain(a))
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        compare = getattr(operator, name)
        setattr(kind, f"__{name}__", binary(lambda a, b, c=compare: c(plain(a), plain(b))))


def is_number(b):
    """Return True for an operand that a Number's own methods take."""
    return isinstance(b, Number | int | float | np.number | np.bool_)


add_operators(Number, is_number)
later.number_type = Number
