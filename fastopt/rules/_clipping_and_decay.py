"""Scaling and clipping of the gradient, and weight decay, added to a rule.

`with_clipping_and_decay` makes a rule with four more coefficients. The elementwise step applies
them:

    g <- min(max(scale g, -limit), limit) + decay x;   x <- x - step(g) - shrink x

`decay` is coupled weight decay: an L2 penalty, which enters the rule's averages. `shrink` is
decoupled weight decay, multiplied by the learning rate (Loshchilov and Hutter 2019,
arXiv:1711.05101). `scale` is the factor that clips the norm. It is negative if the function is to
be maximised.
"""

import functools
from collections import namedtuple

from fastopt import rules

FIELDS = ("scale", "limit", "decay", "shrink")


@functools.cache
def with_clipping_and_decay(rule):
    """Return the rule with `FIELDS` as its last options and its first coefficients."""
    kind, own = rules.options_class(rule), rule.coefficients
    C = namedtuple("C", (*FIELDS, *rule.C._fields))

    def coefficients(o, rate, t, rule_scalar):
        c, rule_scalar = own(o, rate, t, rule_scalar)
        return C(o.scale, o.limit, o.decay, rate * o.shrink, *c[:]), rule_scalar

    made = type(rule)(f"{rule.__name__} tamed", __doc__)
    vars(made).update({name: v for name, v in vars(rule).items() if not name.startswith("__")})
    options = namedtuple(kind.__name__, (*kind._fields, *FIELDS))
    vars(made).update({kind.__name__: options, "C": C, "coefficients": coefficients})
    return made


def has_clipping_and_decay(rule):
    """Return True if `with_clipping_and_decay` made this rule."""
    return rule.C._fields[: len(FIELDS)] == FIELDS
