"""Difference formulas: steps relative to x, widened until f changes by more than its rounding.

`data` is ``(args, steps, z, shaped z)``. The first items of `steps` are the relative steps of the
components. The last is the absolute step for components that are zero, or 0. With 0, their step is
relative to the rest of x.
"""

import math

from fastopt.algorithms.compile_hints import separate_refcounted
from fastopt.algorithms.placeholders import BOUNDED, EPS, HUGE, SIZE, fun, real
from fastopt.algorithms.solve_loop import largest

SINGLE = 2.0**-23  # machine epsilon of float32
VISIBLE = 4.0  # units of rounding of f that a change must exceed to be significant
GROWTH = 8.0  # factor of the first wider step; each further factor is the square of the last
MOST_GROWTH = 1e8  # largest such factor
COARSEST = 0.02  # largest relative step, where f does not change at all


@separate_refcounted
def number(value):
    """Return a float from any real number; in compiled code anything else fails to type."""
    return float(value * 1.0)


@separate_refcounted
def is_single(f):
    """Return True if f has no more significant bits than float32."""
    digits = math.frexp(f)[0] * 16777216.0  # 2^24
    return math.isfinite(f) and digits == math.floor(digits)


@separate_refcounted
def rounding(f, f_1):
    """Return the largest difference of two values by rounding; f may be computed in float32."""
    eps = max(EPS, SINGLE) if is_single(f) and is_single(f_1) else EPS
    return VISIBLE * eps * max(abs(f), abs(f_1))


@separate_refcounted
def stride(x, i, steps, size):
    """Return the step of component i, relative to it and away from zero.

    An absolute step given in `steps` is used as in SciPy. `size` is the largest component of x.
    """
    h = steps[i] * abs(x[i])
    if x[i] + h == x[i]:
        h = instead(x, i, steps, size)
    return -h if x[i] < 0.0 else h


@separate_refcounted
def instead(x, i, steps, size):
    """Return the step of a component that is zero, or too small for a relative one."""
    absolute = steps[SIZE or x.size]
    if absolute > 0.0:
        return absolute * max(real(1.0), abs(x[i]))
    h = steps[i] * min(real(1.0), real(size))  # x[i] may be as large as the other components
    return h if h > real(1.0) / real(HUGE) else steps[i]


@separate_refcounted
def fitted(at, h, low, high):
    """Return the step h, -h or a shorter step, such that it ends inside the bounds."""
    if low <= at + h <= high:
        return h
    if low <= at - h <= high:
        return -h
    above, below = high - at, at - low
    return above if above >= below else -below


@separate_refcounted
def wider(h, rise, noise, factor, widest):
    """Return the size of the next step, or 0 if h is good enough.

    A change within the rounding is no information about the slope. After a long step, the change
    may be far larger than needed; then the step is reduced until the change is just significant.
    """
    if not abs(rise) > noise:
        return min(abs(h) * factor, widest) if GROWTH * abs(h) <= widest else 0.0
    if factor > MOST_GROWTH or factor <= GROWTH * GROWTH or abs(rise) <= 256.0 * noise:
        return 0.0
    return abs(h) * math.sqrt(16.0 * noise / abs(rise))


@separate_refcounted
def onward(h, rise, noise, factor, widest):
    """Return the next step, to the same side, and the factor for widening it."""
    next_ = wider(h, rise, noise, factor, widest)
    if next_ < abs(h):
        factor = 2.0 * MOST_GROWTH
    elif factor <= MOST_GROWTH:  # else it was reduced before: at a kink this would go on forever
        factor = min(factor * factor, MOST_GROWTH)
    return real(next_ if h > 0.0 else -next_), factor


@separate_refcounted
def widest_step(step, rise, f, f_1, size, root):
    """Return the largest useful step: the default one for the largest component, or for size 1.

    If f has only the bits of float32, it is that for float32. If f does not change in any bit, it
    may be rounded more coarsely still.
    """
    if rise == 0.0:
        return max(step, COARSEST) * max(1.0, size)
    return (max(step, root) if is_single(f) and is_single(f_1) else step) * max(1.0, size)


@separate_refcounted
def two_point(x, x_shaped, g, f, low, high, data):
    args, steps = data[0], data[1]
    size, spent = largest(x), 0.0
    for i in range(SIZE or x.size):
        old, slope, factor = x[i], 0.0, GROWTH
        h = stride(x, i, steps, size)
        while h != 0.0:
            x[i] = old + (fitted(old, h, low[i], high[i]) if BOUNDED else h)
            change = x[i] - old  # the step after the rounded addition
            if change == 0.0:
                break
            f_1 = number(fun(x_shaped, *args))
            spent += 1.0
            rise = f_1 - f
            if factor > GROWTH and not math.isfinite(rise):
                break
            slope = rise / change
            widest = widest_step(steps[i], rise, f, f_1, size, math.sqrt(SINGLE))
            h, factor = onward(change, rise, rounding(f, f_1), factor, widest)
        x[i] = old
        g[i] = slope
    return spent


@separate_refcounted
def three_point(x, x_shaped, g, f, low, high, data):
    args, steps = data[0], data[1]
    size, spent = largest(x), 0.0
    for i in range(SIZE or x.size):
        old, slope, factor = x[i], 0.0, GROWTH
        h = stride(x, i, steps, size)
        while h != 0.0:
            central = True
            if BOUNDED:
                h = fitted(old, h, low[i], high[i])
                central = low[i] <= old - h <= high[i]
                # Both points on the side that has room.
                if not central and not low[i] <= old + real(2.0) * h <= high[i]:
                    h = real(0.5) * h
            x[i] = old + h
            h = x[i] - old
            if h == 0.0:
                break
            f_1 = number(fun(x_shaped, *args))
            x[i] = old - h if central else old + real(2.0) * h
            other = x[i] - old
            f_2 = number(fun(x_shaped, *args))
            spent += 2.0
            if factor > GROWTH and not math.isfinite(f_1 - f_2):
                break
            slope = (
                (f_1 - f_2) / (h - other) if central else (4.0 * f_1 - 3.0 * f - f_2) / (2.0 * h)
            )
            rise = max(abs(f_1 - f), abs(f_2 - f))
            far = f_1 if abs(f_1 - f) >= abs(f_2 - f) else f_2
            widest = widest_step(steps[i], rise, f, far, size, SINGLE ** (1.0 / 3.0))
            h, factor = onward(h, rise, rounding(f, far), factor, widest)
        x[i] = old
        g[i] = slope
    return spent


@separate_refcounted
def complex_step(x, x_shaped, g, f, low, high, data):
    """Take complex steps (Squire and Trapp 1998): no subtraction, so the step can be tiny."""
    args, steps, z, shaped_z = data
    size = largest(x)
    for i in range(SIZE or x.size):
        z[i] = x[i]
    for i in range(SIZE or x.size):
        h = steps[i] * abs(x[i])
        if h <= real(1.0) / real(HUGE):
            h = instead(x, i, steps, size)
        z[i] = complex(x[i], h)
        g[i] = fun(shaped_z, *args).imag / h
        z[i] = x[i]
    return float(x.size)
