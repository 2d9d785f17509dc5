"""Numbers of plain Python whose operations are recorded on a tape."""

import numpy as np

from fastopt.derivatives.plain_python.python_number import PythonNumber, add_operators
from fastopt.derivatives.reverse.python_tape import elementwise
from fastopt.derivatives.reverse.python_tape.tape import Tracked, later
from fastopt.derivatives.rules import derivative_rules


class Number(PythonNumber, Tracked):
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

    __copy__ = copy = PythonNumber.item

    def __deepcopy__(self, _memo):
        return self

    def __abs__(self):
        return elementwise.apply(derivative_rules.absolute, self)

    def __repr__(self):
        return f"Number({self.value})"


def plain(a):
    """Return the value of a tracked number or array, or `a` itself."""
    return a.value if isinstance(a, Tracked) else a


def is_number(b):
    """Return True for an operand that a Number's own methods take."""
    return isinstance(b, Number | int | float | np.number | np.bool_)


add_operators(Number, elementwise.apply, plain, is_number)
later.number_type = Number
