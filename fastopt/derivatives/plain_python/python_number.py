"""The operators and roundings of Python's own numbers that depend on x: duals and tracked ones."""

import math
import operator
from typing import Any

from fastopt.derivatives.rules import derivative_rules


class PythonNumber:
    """A number whose `value` is rounded in steps, as Python's numbers are."""

    __slots__ = ()
    value: Any  # the plain number

    def item(self):
        return self

    def __trunc__(self):
        return int(self.value)

    def __floor__(self):
        return math.floor(self.value)

    def __ceil__(self):
        return math.ceil(self.value)

    def __round__(self, ndigits=None):
        return round(float(self.value), ndigits)


def add_operators(kind, apply, plain, accepts):
    """Give a class its operators.

    ``apply(rule, *operands)`` applies a rule of derivatives, ``plain(a)`` returns the value of an
    operand, and ``accepts(b)`` is whether the methods of the class take another operand.
    """

    def binary(operate):
        return lambda a, b: operate(a, b) if accepts(b) else NotImplemented

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
