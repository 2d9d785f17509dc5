"""Value and gradient of the user's function, for the loop: one text for compiled and plain ones.

`data` is what the objective needs: ``(args, steps, z, shaped z)``, where `steps` are relative
difference steps and z is complex scratch for the complex step (each empty where not used).
"""

import numpy as np

from fastopt._open import (
    BOUNDED,
    CHUNK,
    DUAL,
    SIZE,
    frozen,
    fun,
    jac,
    real,
    seeded,
    value_of,
    write,
    write_partials,
)


def number(value):
    """A float from any real number; in compiled code anything else fails to type."""
    return float(value * 1.0)


def on_frozen(x, *args):
    """`fun` of arrays that it does not change, so that array expressions need no arrays."""
    return fun(frozen(x), *frozen(args))


def value_alone(shaped, g, data):
    return number(fun(shaped, *data[0]))


def value_with_gradient(shaped, g, data):
    f, d = fun(shaped, *data[0])
    write(d, g)
    return number(f)


def already(x, shaped, g, f, low, high, data):
    return 0.0


def given(x, shaped, g, f, low, high, data):
    write(jac(shaped, *data[0]), g)
    return 0.0


def dual_value(shaped, g, data):
    """The value, and the first CHUNK components of the gradient."""
    f = fun(seeded(DUAL, shaped, data[1], 0, SIZE), *data[0])
    write_partials(f, g, 0, SIZE)
    return float(value_of(f))


def dual_gradient(x, shaped, g, f, low, high, data):
    """The others, which take a pass for every CHUNK of them."""
    for first in range(CHUNK, x.size, CHUNK):
        write_partials(fun(seeded(DUAL, shaped, data[1], first, SIZE), *data[0]), g, first, SIZE)
    return 0.0


def write_flat(d, g):
    """A gradient that is a vector, or a tuple of numbers (which costs no allocation)."""
    if len(d) != g.size:
        raise ValueError("the gradient must have as many components as x0")
    for i in range(SIZE or g.size):
        g[i] = d[i]


def write_shaped(d, g):
    write_flat(np.ravel(d), g)


def probe(x, i, step, low, high):
    """The difference step at component i: away from zero, as SciPy's, and inside the box."""
    h = step * max(real(1.0), abs(x[i]))
    h = -h if x[i] < 0.0 else h
    if BOUNDED and not low[i] <= x[i] + h <= high[i]:
        above, below = high[i] - x[i], x[i] - low[i]
        h = -h if low[i] <= x[i] - h <= high[i] else (above if above >= below else -below)
    return h


def two_point(x, shaped, g, f, low, high, data):
    args, steps = data[0], data[1]
    for i in range(SIZE or x.size):
        old = x[i]
        x[i] = old + probe(x, i, steps[i], low, high)
        h = x[i] - old  # what the rounded addition has left of the step
        g[i] = (number(fun(shaped, *args)) - f) / h if h != 0.0 else 0.0
        x[i] = old
    return float(x.size)


def three_point(x, shaped, g, f, low, high, data):
    args, steps = data[0], data[1]
    for i in range(SIZE or x.size):
        old = x[i]
        h = probe(x, i, steps[i], low, high)
        central = not BOUNDED or low[i] <= old - h <= high[i]
        if not central:  # both points on the side that has room
            h = real(0.5) * h if not low[i] <= old + real(2.0) * h <= high[i] else h
        x[i] = old + h
        h = x[i] - old
        f_1 = number(fun(shaped, *args))
        x[i] = old - h if central else old + real(2.0) * h
        f_2 = number(fun(shaped, *args))
        x[i] = old
        if h == 0.0:
            g[i] = 0.0
        elif central:
            g[i] = (f_1 - f_2) / (2.0 * h)
        else:
            g[i] = (4.0 * f_1 - 3.0 * f - f_2) / (2.0 * h)
    return 2.0 * x.size


def complex_step(x, shaped, g, f, low, high, data):
    """Squire and Trapp (1998): no subtraction, so the step can be tiny."""
    args, steps, z, shaped_z = data
    for i in range(SIZE or x.size):
        z[i] = x[i]
    for i in range(SIZE or x.size):
        h = steps[i] * max(real(1.0), abs(x[i]))
        z[i] = complex(x[i], h)
        g[i] = fun(shaped_z, *args).imag / h
        z[i] = x[i]
    return float(x.size)


# jac -> (value, gradient, power of machine epsilon that is the relative step)
METHODS = {
    "fun": (value_with_gradient, already, None),
    "callable": (value_alone, given, None),
    "2-point": (value_alone, two_point, 1 / 2),
    "3-point": (value_alone, three_point, 1 / 3),
    "autodiff": (dual_value, dual_gradient, None),
    "cs": (value_alone, complex_step, 4 / 3),
}
