"""Wrappers of a plain Python objective for the loop: it gets copies and returns real numbers."""

import numpy as np

from fastopt.arrays import arguments


def scalar(value):
    """Return the result of `fun` as a float."""
    if isinstance(value, float | int):
        return float(value)
    if isinstance(value, tuple | list):
        pair = len(value) == 2
        hint = " (if it returns its gradient too, say jac=True)" if pair else ""
        raise TypeError(f"fun must return one real number, not {describe_pair(value)}{hint}")
    array = arguments.plain("what fun returns", value)
    if array.size != 1 or array.dtype.kind not in "fiub":
        raise TypeError(f"fun must return one real number, not {describe(value)}")
    return float(array.reshape(()))


def rate(schedule):
    """Wrap a user's function of t, to check the learning rate that it returns."""

    def call(t):
        value = schedule(t)
        array = np.asarray(value)
        if array.size != 1 or array.dtype.kind not in "fiu":
            raise TypeError(
                f"learning_rate({t:g}) must return one real number, not {describe(value)}"
            )
        return float(array.reshape(()))

    return call


def describe(value):
    """Return a short description of a wrong value."""
    if value is None:
        return "None"
    if isinstance(value, tuple | list) and len({np.shape(item) for item in value}) > 1:
        return describe_pair(value)
    if np.ndim(value):
        array = np.asarray(value)
        return f"an array of shape {array.shape} and dtype {array.dtype}"
    return f"{value!r} ({type(value).__name__})"


def function(fun):
    """Wrap `fun` to get a copy of x and return a float."""
    return lambda x, *args: scalar(fun(x.copy(), *args))


def function_with_gradient(fun):
    """Wrap a `fun` that returns (value, gradient), for ``jac=True``."""

    def both(x, *args):
        value, gradient = pair(fun(x.copy(), *args))
        return scalar(value), checked(gradient, x)

    return both


def pair(result):
    """Return the value and the gradient that `fun` returned, checked."""
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise TypeError(
            f"with jac=True fun must return (value, gradient), not {describe_pair(result)}"
        )
    return result


def describe_pair(result):
    if isinstance(result, tuple | list):
        return f"a {type(result).__name__} of {len(result)}"
    return describe(result)


def gradient(jac):
    """Wrap `jac` to get a copy of x and return a real array of x's size."""
    return lambda x, *args: checked(jac(x.copy(), *args), x)


def checked(d, x):
    try:
        array = arguments.plain("what jac returns", d)
    except ValueError:  # ragged
        raise ValueError(f"jac returned {describe(d)} of unequal lengths") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"jac must return real numbers, not {describe(array)}")
    if array.shape not in (x.shape, (x.size,)) and not array.size == x.size == 1:
        raise ValueError(f"jac returned {describe(d)}, but x has shape {x.shape}")
    return array.reshape(-1)


def write(d, g):
    """Copy a gradient that `checked` has accepted to the loop's array."""
    np.copyto(g, d)


def complex_function(fun):
    """Wrap `fun` for the complex step; raise a TypeError if a real result lost the derivative."""

    def call(z, *args):
        value = arguments.plain("what fun returns", fun(z.copy(), *args))
        if value.size != 1:
            raise TypeError(f"fun must return one number, not {describe(value)}")
        if not np.iscomplexobj(z):
            return scalar(np.real(value))
        if value.dtype.kind == "c":
            return complex(value.reshape(()))
        raise TypeError(
            "jac='cs' needs a function that stays complex, and this one returned a real "
            "number: abs, min, max, comparisons and .real lose the derivative. Use '3-point'."
        )

    return call
