"""RAdam: Adam that divides only once the variance of its divisor is bounded.

    l = 2 / (1 - beta2) - 1;   l_t = l - 2 t beta2^t / (1 - beta2^t);   m, v, m̂, v̂ as in Adam
    l_t > threshold:  step = learning_rate r_t m̂ / (sqrt(v̂ + eps_root) + eps)
                      r_t² = (l_t - 4) (l_t - 2) l / ((l - 4) (l - 2) l_t)
    else:             step = learning_rate m̂

Liu et al. (2020), arXiv:1908.03265, Algorithm 2 (there the threshold is 4; in torch and optax 5).
`eps_hat`: epsilon before the correction of v (torch).
"""

from collections import namedtuple
from typing import NamedTuple

from fastopt.rules._shared_formulas import decays, moments, root


class RAdam(NamedTuple):
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    eps_root: float = 0.0
    eps_hat: bool = False
    threshold: float = 5.0


C = namedtuple("C", "rate beta1 take1 beta2 take2 after eps_in eps_out divides")
S = namedtuple("S", "v m")
MEANINGS = {"threshold": "Length of the average of g² from which on it divides; at least 4."}
IDLE = "beta1", "threshold"


def coefficients(o, rate, t, rule_scalar):
    power = o.beta2**t
    one, two, end = 1.0 - o.beta1**t, 1.0 - power, 2.0 / (1.0 - o.beta2) - 1.0
    now = end - 2.0 * t * power / two if power > 0.0 else end
    r, eps = 1.0, o.eps / two**0.5 if o.eps_hat else o.eps
    divides = now > max(o.threshold, 4.0)
    if divides:
        r = ((now - 4.0) * (now - 2.0) * end / ((end - 4.0) * (end - 2.0) * now)) ** 0.5
    on = 1.0 if divides else 0.0
    return C(r * rate / one, *decays(o), 1.0 / two, o.eps_root, eps, on), rule_scalar


def update(g, s, c):
    m, v = moments(g, s, c)
    d = root(v * c.after, c)
    return c.rate * m / d if c.divides > 0.0 else c.rate * m, d, S(v, m)
