"""Formulas that several rules share: the root with its epsilon, moving averages, momentum, signs.

`USES` is bound for each problem, so that branches on it are decided at compile time.
"""

import math

from fastopt.algorithms.placeholders import USES


def place(eps, inside):
    """Return epsilon as (added inside the root, added outside): one of the two is zero."""
    return (eps, 0.0) if inside else (0.0, eps)


def root(v, c):
    """Return the diagonal that divides the gradient."""
    d = math.sqrt(v + c.eps_in)
    # A branch, since it is decided outside the loop; an addition would lengthen the longest chain.
    if c.eps_out != 0.0:
        d = d + c.eps_out
    return d


def over_root(u, v, c):
    """Return u over the diagonal that divides it, and the diagonal.

    A target may bind another function, which computes the same by a reciprocal root.
    """
    d = root(v, c)
    return u / d, d


def decays(o):
    """Return (beta1, 1 - beta1, beta2, 1 - beta2).

    The complements are exact in any element type.
    """
    return o.beta1, 1.0 - o.beta1, o.beta2, 1.0 - o.beta2


def moments(g, s, c):
    """Return the moving averages of the gradient and of its square."""
    return c.beta1 * s.m + c.take1 * g, c.beta2 * s.v + c.take2 * (g * g)


def heavy_ball(o, rate):
    """Return (inner, outer, mu, on_u, on_b): the rate applies before the buffer or after it."""
    inner, outer = (rate, 1.0) if o.rate_inside else (1.0, rate)
    on_u, on_b = (1.0, o.momentum) if o.nesterov else (0.0, 1.0)
    return inner, outer, o.momentum, on_u, on_b


def momentum(u, take, b, c):
    """Return step and new buffer of heavy ball, or of Nesterov's form (Sutskever et al. 2013)."""
    if not USES.buffer:
        return c.inner * c.outer * u, b
    u = c.inner * u
    b = c.mu * b + take * u
    return c.outer * (c.on_u * u + c.on_b * b), b


def signed(size, u):
    """Return size times the sign of u; u itself if it is zero or NaN."""
    return size if u > 0.0 else -size if u < 0.0 else u
