"""Lion: the sign of a moving average that weighs the new gradient more than its own memory does.

    step = learning_rate sign(beta1 m + (1 - beta1) g);   m <- beta2 m + (1 - beta2) g

Chen et al. (2023), arXiv:2302.06675, Algorithm 2. m starts at 0. The step has no size but the
rate, so there is no divisor: d is 1.
"""

from collections import namedtuple
from typing import NamedTuple

from fastopt.rules._shared_formulas import decays, signed


class Lion(NamedTuple):
    learning_rate: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99


C = namedtuple("C", "rate beta1 take1 beta2 take2")
S = namedtuple("S", "m")
OWN_LENGTH = True
MEANINGS = {
    "beta1": "Weight of the moving average in the step, in [0, 1).",
    "beta2": "Decay of the moving average of g, in [0, 1).",
}
IDLE = "beta1", "beta2"


def coefficients(o, rate, t, rule_scalar):
    return C(rate, *decays(o)), rule_scalar


def update(g, s, c):
    step = signed(c.rate, c.beta1 * s.m + c.take1 * g)
    return step, 1.0, S(c.beta2 * s.m + c.take2 * g)
