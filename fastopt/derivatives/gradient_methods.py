"""Value and gradient of the user's function for the loop: one source for compiled and plain ones.

`data` is the objective's data, ``(args, steps, z, shaped z)``. `steps` are relative difference
steps (see `differences`). z is a complex buffer for the complex step. Unused arrays are empty.
"""

import numpy as np

from fastopt.algorithms.compile_hints import separate_refcounted
from fastopt.algorithms.placeholders import (
    CHUNK,
    DUAL,
    SIZE,
    frozen,
    fun,
    jac,
    reverse_gradient,
    seeded,
    value_of,
    write,
    write_partials,
)
from fastopt.derivatives.differences import complex_step, number, three_point, two_point


def on_frozen(x, *args):
    """Call `fun` with frozen arrays, which it does not change: array expressions need no arrays."""
    return fun(frozen(x), *frozen(args))


@separate_refcounted
def value_alone(x_shaped, g, data):
    return number(fun(x_shaped, *data[0]))


@separate_refcounted
def value_with_gradient(x_shaped, g, data):
    f, d = fun(x_shaped, *data[0])
    write(d, g)
    return number(f)


@separate_refcounted
def already(x, x_shaped, g, f, low, high, data):
    return 0.0


@separate_refcounted
def given(x, x_shaped, g, f, low, high, data):
    write(jac(x_shaped, *data[0]), g)
    return 0.0


@separate_refcounted
def dual_value(x_shaped, g, data):
    """Return the value, and write the first CHUNK components of the gradient."""
    f = fun(seeded(DUAL, x_shaped, data[1], 0, SIZE), *data[0])
    write_partials(f, g, 0, SIZE)
    return float(value_of(f))


@separate_refcounted
def dual_gradient(x, x_shaped, g, f, low, high, data):
    """Write the other components of the gradient, in a pass for every CHUNK of them."""
    for first in range(CHUNK, x.size, CHUNK):
        write_partials(fun(seeded(DUAL, x_shaped, data[1], first, SIZE), *data[0]), g, first, SIZE)
    return 0.0


@separate_refcounted
def reverse_value(x_shaped, g, data):
    """Return the value, and write the gradient by reverse mode; data[1] is its store."""
    return reverse_gradient(x_shaped, g.reshape(x_shaped.shape), data[1], *data[0])


@separate_refcounted
def write_flat(d, g):
    """Copy a gradient to g: a vector, or a tuple of numbers, which needs no allocation."""
    if len(d) != g.size:
        raise ValueError("the gradient must have as many components as x0")
    for i in range(SIZE or g.size):
        g[i] = d[i]


@separate_refcounted
def write_shaped(d, g):
    write_flat(np.ravel(d), g)


# jac -> (value, gradient, exponent). The relative step is machine epsilon to that exponent.
METHODS = {
    "fun": (value_with_gradient, already, None),
    "callable": (value_alone, given, None),
    "2-point": (value_alone, two_point, 1 / 2),
    "3-point": (value_alone, three_point, 1 / 3),
    "forward": (dual_value, dual_gradient, None),
    "reverse": (reverse_value, already, None),
    "cs": (value_alone, complex_step, 4 / 3),
}
DERIVED = "forward", "reverse"  # methods that differentiate the code of `fun`
MODES = "autodiff", *DERIVED  # what a `jac` asks for by these methods
EXACT = *DERIVED, "callable", "fun"  # methods whose gradient is exact
DIFFERENCES = "2-point", "3-point"  # methods whose accuracy is limited by the digits of f
