"""AdaBelief: Adam whose divisor is the deviation of the gradient from its average.

    m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) (g - m)² + eps_root
    step = learning_rate m̂ / (sqrt(v̂) + eps),   m̂ = m / (1 - beta1^t),  v̂ likewise

Zhuang et al. (2020), arXiv:2010.07468, Algorithm 2 (there both epsilons are one). `eps_root` is
added at every step; m and v start at 0.
"""

import math
from collections import namedtuple
from typing import NamedTuple

from fastopt.rules._shared_formulas import decays


class AdaBelief(NamedTuple):
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-16
    eps_root: float = 1e-16


C = namedtuple("C", "rate beta1 take1 beta2 take2 after eps_root eps")
S = namedtuple("S", "v m")
MEANINGS = {"eps_root": "A second epsilon, added to the average at every step."}
IDLE = ()


def coefficients(o, rate, t, rule_scalar):
    one, two = 1.0 - o.beta1**t, 1.0 - o.beta2**t
    return C(rate / one, *decays(o), 1.0 / two, o.eps_root, o.eps), rule_scalar


def update(g, s, c):
    m = c.beta1 * s.m + c.take1 * g
    v = c.beta2 * s.v + c.take2 * ((g - m) * (g - m)) + c.eps_root
    d = math.sqrt(v * c.after) + c.eps
    return c.rate * m / d, d, S(v, m)
