"""AdaDelta: RMSProp with the running root mean square of the past steps as its rate.

    v <- rho v + (1 - rho) g²;   u = sqrt(w + eps) / sqrt(v + eps) g
    w <- rho w + (1 - rho) u²;   step = learning_rate u

Zeiler (2012), arXiv:1212.5701, Algorithm 1. Epsilon is inside both roots; v and w start at 0.
"""

import math
from collections import namedtuple
from typing import NamedTuple


class AdaDelta(NamedTuple):
    learning_rate: float = 1.0
    rho: float = 0.9
    eps: float = 1e-6


C = namedtuple("C", "rate rho take eps")
S = namedtuple("S", "v w")
OWN_LENGTH = True


def coefficients(o, rate, t, rule_scalar):
    return C(rate, o.rho, 1.0 - o.rho, o.eps), rule_scalar


def update(g, s, c):
    v = c.rho * s.v + c.take * (g * g)
    d = math.sqrt(v + c.eps)
    u = math.sqrt(s.w + c.eps) / d * g
    return c.rate * u, d, S(v, c.rho * s.w + c.take * (u * u))
