"""RMSProp: AdaGrad with the sum replaced by a moving average, so that the rate does not vanish.

    v <- rho v + (1 - rho) g²;   step = learning_rate g / sqrt(v + eps)

Hinton (2012), lecture 6e; `centered` subtracts the squared mean from v (Graves 2013, eq. 40).
Epsilon is inside the root (`eps_inside=False`: outside); v starts at `initial_accumulator`.
"""

from collections import namedtuple
from typing import NamedTuple

from fastopt.algorithms.placeholders import USES
from fastopt.rules._shared_formulas import heavy_ball, momentum, over_root, place


class RMSProp(NamedTuple):
    learning_rate: float = 1e-2
    rho: float = 0.9
    eps: float = 1e-8
    eps_inside: bool = True
    centered: bool = False
    momentum: float = 0.0
    nesterov: bool = False
    rate_inside: bool = False
    initial_accumulator: float = 0.0


C = namedtuple("C", "rho take eps_in eps_out inner outer mu on_u on_b")
S = namedtuple("S", "v mean buffer")
NEEDS = {"mean": "centered", "buffer": "momentum"}


def coefficients(o, rate, t, rule_scalar):
    return C(o.rho, 1.0 - o.rho, *place(o.eps, o.eps_inside), *heavy_ball(o, rate)), rule_scalar


def update(g, s, c):
    v = c.rho * s.v + c.take * (g * g)
    mean = c.rho * s.mean + c.take * g if USES.mean else s.mean
    variance = v - mean * mean if USES.mean else v
    if USES.mean and variance < 0.0:  # by rounding
        variance = 0.0
    u, d = over_root(g, variance, c)
    step, buffer = momentum(u, 1.0, s.buffer, c)
    return step, d, S(v, mean, buffer)
