"""Derivatives in rules that are not only factors: they may be infinite, or a choice."""

from typing import Any, NamedTuple


class ZeroIfInactive(NamedTuple):
    """A derivative that may be infinite or undefined; its product with a zero partial is zero.

    `dead` is true if the function is constant, however large the partials of its argument:
    1 / (1 + exp(-x)) if exp overflows. `told` is a number that is infinite or undefined whenever
    the derivative is. Several derivatives can share it, and then need only one test.
    """

    derivative: Any
    dead: Any = None
    told: Any = None


class Vector(NamedTuple):
    """A derivative that is a vector already, with the same number in every lane."""

    value: Any


class Chosen(NamedTuple):
    """A derivative that is 1 if `condition` holds, and 0 otherwise."""

    condition: Any


def settling(d):
    """Wrap the derivative d of a function whose slope is zero only where it is constant."""
    return ZeroIfInactive(d, d == 0.0)
