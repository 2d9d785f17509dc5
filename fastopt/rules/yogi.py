"""Yogi: Adam whose second moment falls no faster than it rises, by at most (1 - beta2) g².

    m <- beta1 m + (1 - beta1) g;   v <- v - (1 - beta2) sign(v - g²) g²
    step = learning_rate m̂ / (sqrt(v̂) + eps),   m̂ = m / (1 - beta1^t),  v̂ likewise

Zaheer et al. (2018), NeurIPS 31, Algorithm 2 (there `corrected=False`). v starts at
`initial_accumulator`, m at `initial_mean`: the libraries start both at 1e-6.
"""

from collections import namedtuple
from typing import NamedTuple

from fastopt.rules._shared_formulas import decays, root, signed


class Yogi(NamedTuple):
    learning_rate: float = 1e-2
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-3
    corrected: bool = True
    initial_accumulator: float = 1e-6
    initial_mean: float = 0.0


C = namedtuple("C", "rate beta1 take1 beta2 take2 start after eps_in eps_out")
S = namedtuple("S", "v m")
MEANINGS = {
    "corrected": "If False, the averages are not corrected for their start.",
    "initial_mean": "Where the moving average of g starts.",
}
IDLE = "beta1", "initial_accumulator", "initial_mean"


def coefficients(o, rate, t, rule_scalar):
    one, two = (1.0 - o.beta1**t, 1.0 - o.beta2**t) if o.corrected else (1.0, 1.0)
    start = o.beta1 * o.initial_mean if t == 1.0 else 0.0
    return C(rate / one, *decays(o), start, 1.0 / two, 0.0, o.eps), rule_scalar


def update(g, s, c):
    m = c.beta1 * s.m + c.take1 * g + c.start
    v = s.v - signed(c.take2 * (g * g), s.v - g * g)
    d = root(v * c.after, c)
    return c.rate * m / d, d, S(v, m)
