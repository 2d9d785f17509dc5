"""AdEMAMix: Adam with two averages of the gradient, a fast one and a slow one.

    m, v, m̂, v̂ as in Adam;   w <- beta3 w + (1 - beta3) g
    step = learning_rate (m̂ + alpha w) / (sqrt(v̂ + eps_root) + eps)

Pagliardini et al. (2024), arXiv:2409.03137, Algorithm 1. For t below `warmup`, alpha is alpha
t / warmup, and 1 / log(beta3) lies on the line from 1 / log(beta1). w starts at 0, uncorrected.
"""

import math
from collections import namedtuple
from typing import NamedTuple

from fastopt.rules._shared_formulas import decays, moments, root


class AdEMAMix(NamedTuple):
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    beta3: float = 0.9999
    alpha: float = 5.0
    warmup: float = 0.0
    eps: float = 1e-8
    eps_root: float = 0.0


C = namedtuple("C", "on_m on_w beta1 take1 beta2 take2 beta3 take3 after eps_in eps_out")
S = namedtuple("S", "v m w")
MEANINGS = {"beta3": "Decay of the slow moving average of g, in [0, 1)."}
MEANINGS["alpha"] = "Weight of the slow average."
MEANINGS["warmup"] = "Number of steps in which `alpha` and `beta3` grow to their values."
IDLE = "beta1", "beta3", "alpha", "warmup"


def coefficients(o, rate, t, rule_scalar):
    one, two, beta3 = 1.0 - o.beta1**t, 1.0 - o.beta2**t, o.beta3
    part = t / o.warmup if t < o.warmup else 1.0
    if part < 1.0 and 0.0 < o.beta1 < beta3:
        beta3 = math.exp(1.0 / ((1.0 - part) / math.log(o.beta1) + part / math.log(beta3)))
    on = rate / one, rate * (o.alpha * part)
    return C(*on, *decays(o), beta3, 1.0 - beta3, 1.0 / two, o.eps_root, o.eps), rule_scalar


def update(g, s, c):
    m, v = moments(g, s, c)
    w, d = c.beta3 * s.w + c.take3 * g, root(v * c.after, c)
    return (c.on_m * m + c.on_w * w) / d, d, S(v, m, w)
