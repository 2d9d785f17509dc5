"""Derivatives of rules that are more than a factor: they may be infinite, or a choice."""

from typing import Any, NamedTuple


class ZeroIfInactive(NamedTuple):
    """A derivative that may be infinite or undefined, and counts only where something moves.

    A partial that is zero stays zero. `dead` says where the function stands still, however steep
    its argument is: 1 / (1 + exp(-x)) where exp overflows. `told` is a number that is infinite or
    undefined wherever the derivative is: one for several derivatives takes one look.
    """

    derivative: Any
    dead: Any = None
    told: Any = None


class Vector(NamedTuple):
    """A derivative that is in every place of a vector already."""

    value: Any


class Chosen(NamedTuple):
    """A derivative that is 1 where `condition` holds, and 0 elsewhere."""

    condition: Any


def settling(d):
    """The derivative d of a function that has nowhere slope zero but where it has settled."""
    return ZeroIfInactive(d, d == 0.0)
