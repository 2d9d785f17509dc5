"""AdaMax: Adam with the running largest gradient in place of the root mean square.

    m <- beta1 m + (1 - beta1) g;   u <- max(beta2 u, |g| + eps)
    step = learning_rate / (1 - beta1^t) m / u

Kingma and Ba (2015), arXiv:1412.6980, Algorithm 2 (there eps = 0). Epsilon is inside the maximum,
as in torch and optax (`eps_inside=False`: added to u, as in Keras). m and u start at 0.
"""

from collections import namedtuple
from typing import NamedTuple

from fastopt.rules._shared_formulas import place


class AdaMax(NamedTuple):
    learning_rate: float = 2e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    eps_inside: bool = True


C = namedtuple("C", "rate beta1 take beta2 eps_in eps_out")
S = namedtuple("S", "v m")


def coefficients(o, rate, t, rule_scalar):
    eps = place(o.eps, o.eps_inside)
    return C(rate / (1.0 - o.beta1**t), o.beta1, 1.0 - o.beta1, o.beta2, *eps), rule_scalar


def update(g, s, c):
    m = c.beta1 * s.m + c.take * g
    old, new = c.beta2 * s.v, abs(g) + c.eps_in
    u = old if old > new else new
    d = u + c.eps_out
    return c.rate * m / d, d, S(u, m)
