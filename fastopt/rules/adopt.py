"""ADOPT: Adam that divides by the second moment of the step before, and averages afterwards.

    u = clip(g / max(sqrt(v), eps), -c_t, c_t),   c_t = (t - 1)^clip_power
    m <- beta1 m + (1 - beta1) u;   step = learning_rate m;   v <- beta2 v + (1 - beta2) g²
    t = 1:  v <- g²;  step = 0

Taniguchi et al. (2024), arXiv:2411.02853, Algorithm 2. `clipped=False` leaves out the clip;
`nesterov` averages u once more (optax). d has the new v, since at t = 1 there is no old one.
"""

import math
from collections import namedtuple
from typing import NamedTuple


class ADOPT(NamedTuple):
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.9999
    eps: float = 1e-6
    clipped: bool = True
    clip_power: float = 0.25
    nesterov: bool = False


C = namedtuple("C", "rate beta1 take1 beta2 take2 most eps on_m on_u")
S = namedtuple("S", "v m")
MEANINGS = {
    "eps": "The least divisor.",
    "clipped": "If False, u is not clipped.",
    "clip_power": "Power with which the limit of u grows.",
}
IDLE = "beta1", "clipped", "clip_power", "nesterov"


def coefficients(o, rate, t, rule_scalar):
    most = (t - 1.0) ** o.clip_power if o.clipped else math.inf
    beta2, take2, most = (0.0, 1.0, 0.0) if t == 1.0 else (o.beta2, 1.0 - o.beta2, most)
    on = (rate * o.beta1, rate * (1.0 - o.beta1)) if o.nesterov else (rate, 0.0)
    return C(rate, o.beta1, 1.0 - o.beta1, beta2, take2, most, o.eps, *on), rule_scalar


def update(g, s, c):
    old, v = math.sqrt(s.v), c.beta2 * s.v + c.take2 * (g * g)
    u, d = g / (old if old > c.eps else c.eps), math.sqrt(v)
    u = c.most if u > c.most else -c.most if u < -c.most else u
    m = c.beta1 * s.m + c.take1 * u
    return c.on_m * m + c.on_u * u, d if d > c.eps else c.eps, S(v, m)
