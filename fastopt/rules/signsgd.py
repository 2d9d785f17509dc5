"""SignSGD: a step of one size, against the sign of the gradient or, as Signum, of its average.

    m <- momentum m + (1 - momentum) g;   step = learning_rate sign(m)

Bernstein et al. (2018), arXiv:1802.04434, Algorithms 1 and 2 (Signum). m starts at 0 and is g
without `momentum`. There is no divisor: d is 1.
"""

from collections import namedtuple
from typing import NamedTuple

from fastopt.algorithms.placeholders import USES
from fastopt.rules._shared_formulas import signed


class SignSGD(NamedTuple):
    learning_rate: float = 1e-3
    momentum: float = 0.0


C = namedtuple("C", "rate beta take")
S = namedtuple("S", "m")
OWN_LENGTH = True
NEEDS = {"m": "momentum"}
MEANINGS = {"momentum": "Decay of the moving average of g, in [0, 1)."}


def coefficients(o, rate, t, rule_scalar):
    return C(rate, o.momentum, 1.0 - o.momentum), rule_scalar


def update(g, s, c):
    m = c.beta * s.m + c.take * g if USES.m else g
    return signed(c.rate, m), 1.0, S(m)
