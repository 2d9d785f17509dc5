"""Gradient descent, with heavy-ball momentum or Nesterov's.

    b <- momentum b + (1 - dampening) g;   step = learning_rate b

Polyak (1964); `nesterov`: step = learning_rate (g + momentum b), Sutskever et al. (2013).
The first step copies g into b, as torch does. `rate_inside` applies the rate before the buffer, as
in Keras, not after it. There is no epsilon; b starts at 0.
"""

from collections import namedtuple
from typing import NamedTuple

from fastopt.rules._shared_formulas import heavy_ball, momentum


class SGD(NamedTuple):
    learning_rate: float = 1e-2
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    rate_inside: bool = False


C = namedtuple("C", "take inner outer mu on_u on_b")
S = namedtuple("S", "buffer")
NEEDS = {"buffer": "momentum"}


def coefficients(o, rate, t, rule_scalar):
    take = 1.0 if t == 1.0 else 1.0 - o.dampening
    return C(take, *heavy_ball(o, rate)), rule_scalar


def update(g, s, c):
    step, buffer = momentum(g, c.take, s.buffer, c)
    return step, 1.0, S(buffer)
