"""What several rules share: the root with its epsilon, moving averages, momentum.

`USES` is bound for each problem, so that branches on it are settled at compile time.
"""

import math

from fastopt.solver.placeholders import USES


def place(eps, inside):
    """Epsilon as (added inside the root, added outside): one of the two is zero."""
    return (eps, 0.0) if inside else (0.0, eps)


def root(v, c):
    """The diagonal that divides the gradient."""
    d = math.sqrt(v + c.eps_in)
    if c.eps_out != 0.0:  # decided outside the loop; an addition would lengthen its longest chain
        d = d + c.eps_out
    return d


def decays(o):
    """(beta1, 1 - beta1, beta2, 1 - beta2): the complements are exact in any element type."""
    return o.beta1, 1.0 - o.beta1, o.beta2, 1.0 - o.beta2


def moments(g, s, c):
    """Moving averages of the gradient and of its square."""
    return c.beta1 * s.m + c.take1 * g, c.beta2 * s.v + c.take2 * (g * g)


def heavy_ball(o, rate):
    """(inner, outer, mu, on_u, on_b): the rate stands before the momentum buffer or after it."""
    inner, outer = (rate, 1.0) if o.rate_inside else (1.0, rate)
    on_u, on_b = (1.0, o.momentum) if o.nesterov else (0.0, 1.0)
    return inner, outer, o.momentum, on_u, on_b


def momentum(u, take, b, c):
    """Heavy ball, or Nesterov's form of it (Sutskever et al. 2013): the step and the new buffer."""
    if not USES.buffer:
        return c.inner * c.outer * u, b
    u = c.inner * u
    b = c.mu * b + take * u
    return c.outer * (c.on_u * u + c.on_b * b), b
