"""Arrays of plain Python whose operations, views and writes are recorded on a tape."""

from typing import Any

import numpy as np

from fastopt.derivatives.plain_python.python_number import add_operators
from fastopt.derivatives.reverse.python_tape import elementwise
from fastopt.derivatives.reverse.python_tape.elementwise import new_array
from fastopt.derivatives.reverse.python_tape.tape import Refused, Tape, Tracked, later, tape_of
from fastopt.derivatives.reverse.python_tape.tracked_numbers import Number, plain
from fastopt.derivatives.rules import derivative_rules


class Array(Tracked):
    """An array and the derivatives of the result by its elements.

    It passes for an ndarray in `isinstance`, but no code written in C takes it for one.
    """

    __slots__ = ()

    @property
    def __class__(self):
        return np.ndarray

    shape = property(lambda self: self.value.shape)
    size = property(lambda self: self.value.size)
    ndim = property(lambda self: self.value.ndim)
    dtype = property(lambda self: self.value.dtype)
    nbytes = property(lambda self: self.value.nbytes)
    itemsize = property(lambda self: self.value.itemsize)
    T = property(lambda self: self.view_by(np.transpose))

    __array_ufunc__ = Number.__array_ufunc__
    __array_function__ = Number.__array_function__

    def __len__(self):
        return len(self.value)

    def __iter__(self):
        return (self[k] for k in range(len(self.value)))

    def __repr__(self):
        return f"Array({self.value})"

    def __getitem__(self, key):
        key = plain_key(key)
        value = self.value[key]
        tape = tape_of([self])
        if np.ndim(value) and is_basic(key):
            return Array(value, self.bar[key], tape)
        out: Any = new_array(value, tape)
        bar = self.bar

        def step():
            if is_basic(key):
                bar[key] += out.bar
            else:
                np.add.at(bar, key, out.bar)

        tape.steps.append(step)
        return out

    def __setitem__(self, key, new):
        key, new = plain_key(key), later.as_tracked(new)
        tape = tape_of([self, new] if isinstance(new, Tracked) else [self])
        old = np.array(self.value[key])
        self.value[key] = new.value if isinstance(new, Tracked) else new
        tape.steps.append(lambda: _undo(self.value, self.bar, key, old, new))

    def view_by(self, look):
        """Return the view that the function `look` makes of an array."""
        return Array(look(self.value), look(self.bar), tape_of([self]))

    def __abs__(self):
        return elementwise.apply(derivative_rules.absolute, self)

    def __matmul__(self, other):
        return later.dispatch(np.matmul, (self, other), {})

    def __rmatmul__(self, other):
        return later.dispatch(np.matmul, (other, self), {})

    def __getattr__(self, name):
        return later.bound(self, name)

    def __copy__(self):
        return elementwise.apply(derivative_rules.pos, self)

    def __deepcopy__(self, _memo):
        return self.__copy__()


def _undo(value, bar, key, old, new):
    """Reverse a write."""
    g = np.array(bar[key])
    bar[key] = 0.0
    if isinstance(new, Tracked):
        elementwise.add(new, g * last_writes(value.shape, key))
    value[key] = old


def last_writes(shape, key):
    """Return 1 for elements that a write to these places leaves, 0 for overwritten ones."""
    parts = key if isinstance(key, tuple) else (key,)
    if not any(isinstance(k, np.ndarray) and k.dtype.kind in "iu" and k.ndim for k in parts):
        return 1.0
    owner = np.zeros(shape, np.intp)
    order = np.arange(owner[key].size).reshape(owner[key].shape)
    owner[key] = order
    return owner[key] == order


def plain_key(key):
    """Return an index with copies of its arrays; refuse one that depends on x."""
    if isinstance(key, tuple):
        return tuple(plain_key(k) for k in key)
    if type(key) is Array or type(key) is Number:
        raise Refused("an index depends on x")
    return np.array(key) if type(key) in (list, np.ndarray) else key


def is_basic(key):
    """Return True for an index that makes a view or a number, not a copy."""
    parts = key if isinstance(key, tuple) else (key,)
    return all(
        k is None
        or k is Ellipsis
        or (isinstance(k, slice | int | np.integer) and not isinstance(k, bool))
        for k in parts
    )


def _in_place(name):
    operate = getattr(Array, f"__{name}__")

    def method(self, other):
        made = operate(self, other)
        if made is NotImplemented:
            return made
        if type(made) is not Array or made.shape != self.shape:
            shape = getattr(made, "shape", ())
            raise ValueError(f"shape {self.shape} cannot hold a result of shape {shape}")
        self[...] = made
        return self

    return method


def _accepts(b):
    return type(b) in (Array, Number, np.ndarray) or isinstance(b, int | float | np.generic)


add_operators(Array, elementwise.apply, plain, _accepts)
for _name in "add sub mul truediv pow mod".split():
    setattr(Array, f"__i{_name}__", _in_place(_name))
later.array_type = Array


def independent(x):
    """Return a copy of an array that starts a tape."""
    value = np.array(x, order="C")
    return Array(value, np.zeros_like(value), Tape())
