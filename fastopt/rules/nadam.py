"""Nadam: Adam with Nesterov's lookahead in the first moment.

    mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2);   P_t = mu_1 ... mu_t;   m, v as in Adam
    step = learning_rate [(1 - mu_t) g / (1 - P_t) + mu_t+1 m / (1 - P_t+1)]
           / (sqrt(v̂ + eps_root) + eps)

Dozat (2016), ICLR workshop. momentum_decay is 0.004 in torch, 1 in Keras; at 0, mu is beta1
throughout (optax). Epsilon is outside the root, eps_root inside; m and v start at 0.
"""

from collections import namedtuple
from typing import NamedTuple

from fastopt.rules._shared_formulas import decays, moments, root


class Nadam(NamedTuple):
    learning_rate: float = 2e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    eps_root: float = 0.0
    momentum_decay: float = 0.004


C = namedtuple("C", "on_g on_m beta1 take1 beta2 take2 after eps_in eps_out")
S = namedtuple("S", "v m")


def schedule(o, t):
    return o.beta1 * (1.0 - 0.5 * 0.96 ** (t * o.momentum_decay)) if o.momentum_decay else o.beta1


def coefficients(o, rate, t, rule_scalar):  # rule_scalar is P_t-1
    mu, ahead = schedule(o, t), schedule(o, t + 1.0)
    p = rule_scalar * mu
    on_g, on_m = rate * (1.0 - mu) / (1.0 - p), rate * ahead / (1.0 - p * ahead)
    return C(on_g, on_m, *decays(o), 1.0 / (1.0 - o.beta2**t), o.eps_root, o.eps), p


def update(g, s, c):
    m, v = moments(g, s, c)
    d = root(v * c.after, c)
    return (c.on_g * g + c.on_m * m) / d, d, S(v, m)
