"""AdaGrad: every parameter's rate falls with the root of its own sum of squared gradients.

    v <- v + g²;   step = learning_rate g / sqrt(v + eps)

Duchi, Hazan and Singer (2011), JMLR 12, 2121-2159. Epsilon is inside the root
(`eps_inside=False`: outside); v starts at `initial_accumulator`.
"""

from collections import namedtuple
from typing import NamedTuple

from fastopt.rules._shared_formulas import over_root, place


class AdaGrad(NamedTuple):
    learning_rate: float = 1e-2
    eps: float = 1e-8
    eps_inside: bool = True
    initial_accumulator: float = 0.0


C = namedtuple("C", "rate eps_in eps_out")
S = namedtuple("S", "v")


def coefficients(o, rate, t, rule_scalar):
    return C(rate, *place(o.eps, o.eps_inside)), rule_scalar


def update(g, s, c):
    v = s.v + g * g
    step, d = over_root(c.rate * g, v, c)
    return step, d, S(v)
