"""Adam: RMSProp combined with momentum, both corrected for their start at zero.

    m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g²
    step = learning_rate m̂ / (sqrt(v̂ + eps_root) + eps),   m̂ = m / (1 - beta1^t),  v̂ likewise

Kingma and Ba (2015), arXiv:1412.6980, Algorithm 1; `eps_hat`: section 2's form (Keras). `amsgrad`
divides by the largest v so far (Reddi et al. 2018); `max_corrected`: by the largest v̂ (optax).
"""

from collections import namedtuple
from typing import NamedTuple

from fastopt.algorithms.placeholders import USES
from fastopt.rules._shared_formulas import decays, moments, root


class Adam(NamedTuple):
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    eps_root: float = 0.0
    eps_hat: bool = False
    amsgrad: bool = False
    max_corrected: bool = False


C = namedtuple("C", "rate beta1 take1 beta2 take2 before after eps_in eps_out")
S = namedtuple("S", "v m top")
NEEDS = {"top": "amsgrad"}


def coefficients(o, rate, t, rule_scalar):
    one, two = 1.0 - o.beta1**t, 1.0 - o.beta2**t
    before, after = (1.0 / two, 1.0) if o.max_corrected else (1.0, 1.0 / two)
    eps = o.eps / two**0.5 if o.eps_hat else o.eps
    return C(rate / one, *decays(o), before, after, o.eps_root, eps), rule_scalar


def update(g, s, c):
    m, v = moments(g, s, c)
    top = v * c.before
    top = s.top if USES.top and s.top > top else top
    d = root(top * c.after, c)
    return c.rate * m / d, d, S(v, m, top)
