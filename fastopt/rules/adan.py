"""Adan: Adam that looks ahead, by an average of the gradient's changes.

    y = g - g_before (0 at t = 1);   m <- beta1 m + (1 - beta1) g;   w <- beta2 w + (1 - beta2) y
    v <- beta3 v + (1 - beta3) (g + a y)²;   a = beta2
    step = learning_rate (m̂ + a ŵ) / (sqrt(v̂ + eps_root) + eps),   m̂ = m / (1 - beta1^t), ...

Xie et al. (2022), arXiv:2208.06677, Algorithm 1; the paper's betas are 1 - ours. With `complement`
a is 1 - beta2 (optax). m, w and v start at 0.
"""

from collections import namedtuple
from typing import NamedTuple

from fastopt.rules._shared_formulas import root


class Adan(NamedTuple):
    learning_rate: float = 1e-3
    beta1: float = 0.98
    beta2: float = 0.92
    beta3: float = 0.99
    eps: float = 1e-8
    eps_root: float = 0.0
    complement: bool = False


C = namedtuple("C", "on_m on_w later a beta1 take1 beta2 take2 beta3 take3 after eps_in eps_out")
S = namedtuple("S", "v m w last")
MEANINGS = {"beta2": "Decay of the moving average of the changes of g, in [0, 1)."}
MEANINGS["beta3"] = "Decay of the moving average of the squares, in [0, 1)."
MEANINGS["complement"] = "If True, the changes count 1 - beta2, not beta2."


def coefficients(o, rate, t, rule_scalar):
    one, two, three = 1.0 - o.beta1**t, 1.0 - o.beta2**t, 1.0 - o.beta3**t
    a, later = 1.0 - o.beta2 if o.complement else o.beta2, 0.0 if t == 1.0 else 1.0
    on = rate / one, rate * a / two, later, a
    takes = o.beta1, 1.0 - o.beta1, o.beta2, 1.0 - o.beta2, o.beta3, 1.0 - o.beta3
    return C(*on, *takes, 1.0 / three, o.eps_root, o.eps), rule_scalar


def update(g, s, c):
    y = c.later * (g - s.last)
    m, w = c.beta1 * s.m + c.take1 * g, c.beta2 * s.w + c.take2 * y
    v = c.beta3 * s.v + c.take3 * ((g + c.a * y) * (g + c.a * y))
    d = root(v * c.after, c)
    return (c.on_m * m + c.on_w * w) / d, d, S(v, m, w, g)
