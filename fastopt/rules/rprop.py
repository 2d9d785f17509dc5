"""Rprop: every parameter has a step size of its own, which the signs of the gradient change.

    g g_before > 0:  size <- min(eta_plus size, max_step);   step = size sign(g)
    g g_before < 0:  size <- max(eta_minus size, min_step);  step = 0;  g <- 0
    g g_before = 0:  step = size sign(g)

Riedmiller and Braun (1993), ICNN; this form: iRprop- of Igel and Hüsken (2000). The first size is
the learning rate. `delayed`: each step one iteration late (optax).
"""

from collections import namedtuple
from typing import NamedTuple

from fastopt.rules._shared_formulas import signed


class Rprop(NamedTuple):
    learning_rate: float = 1e-2
    eta_minus: float = 0.5
    eta_plus: float = 1.2
    min_step: float = 1e-6
    max_step: float = 50.0
    delayed: bool = False


C = namedtuple("C", "first minus plus least most delayed zero")
S = namedtuple("S", "size last")
MEANINGS = {
    "eta_minus": "Factor of a step size where the gradient changed its sign.",
    "eta_plus": "Factor of a step size where it kept its sign.",
    "min_step": "The smallest step size.",
    "max_step": "The largest step size.",
    "delayed": "If True, each step is taken one iteration late.",
}
OWN_LENGTH, IDLE = True, tuple(MEANINGS)


def coefficients(o, rate, t, rule_scalar):
    first = rate if o.delayed else min(max(rate, o.min_step), o.max_step)
    first, late = first if t == 1.0 else 0.0, 1.0 if o.delayed else 0.0
    return C(first, o.eta_minus, o.eta_plus, o.min_step, o.max_step, late, 0.0), rule_scalar


def update(g, s, c):
    turn, size = g * s.last, s.size + c.first
    if turn != 0.0:
        size *= c.plus if turn > 0.0 else c.minus
        size = c.least if size < c.least else c.most if size > c.most else size
    last = c.zero if turn < 0.0 else signed(size, g)
    late = c.zero if turn < 0.0 else s.last
    return late if c.delayed > 0.0 else last, 1.0, S(size, last)
