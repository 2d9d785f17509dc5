"""One row of the tables of large problems: a function of any number of parameters."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


def any_size(n):
    return n


def multiple_of(k):
    """Return a function that rounds n down to a multiple of k."""
    return lambda n: n - n % k


def no_arguments(n):
    return ()


def unknown(n):
    return None


def zero(n):
    return 0.0


def constant(value):
    """Return a function that gives n components of this value."""
    return lambda n: np.full(n, float(value))


def repeated(*values):
    """Return a function that repeats these values up to n components."""
    return lambda n: np.resize(np.array(values, float), n)


class Large(NamedTuple):
    """A problem whose number of parameters is free, with its gradient by hand.

    `fun(x, *args)` is compiled by Numba at its first call and returns f and the gradient; its
    plain form is `fun.py_func`. `size(n)` is the largest size that the problem has up to n, and at
    least 8. The other functions take such a size: `standard` gives the published start, `args` the
    further arguments, `least` the least value or None, `solution` a point where it is attained.
    Components of a random start are uniform in `spread` around 0, or around `standard` if `near`.
    `published` holds least values by size as the source prints them, to about five digits.
    """

    name: str
    fun: Callable
    standard: Callable
    least: Callable = unknown
    solution: Callable | None = None
    args: Callable = no_arguments
    size: Callable = any_size
    spread: float = 1.0
    near: bool = False
    published: dict = {}  # noqa: RUF012 (never changed)

    def start(self, n):
        """Return the standard start of the largest size up to n."""
        return self.standard(self.size(n))

    def random(self, n, seed=0):
        """Return a random start of the largest size up to n; the same for the same seed."""
        n = self.size(n)
        x = np.random.default_rng(seed).uniform(-self.spread, self.spread, n)
        return x + self.standard(n) if self.near else x

    def bounds(self, n):
        """Return lower and upper bounds for the largest size up to n; some exclude the solution.

        Every third component must be above its value at the solution, and the next one is in a box
        around that; the others are free. Without a known solution, the standard start replaces it.
        """
        n = self.size(n)
        centre = (self.solution or self.standard)(n)
        width = 1.0 + np.abs(centre)
        low, high = np.full(n, -np.inf), np.full(n, np.inf)
        low[::3], high[::3] = (centre + 0.1 * width)[::3], (centre + 2.0 * width)[::3]
        low[1::3], high[1::3] = (centre - width)[1::3], (centre + width)[1::3]
        return low, high
