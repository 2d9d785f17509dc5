"""The step of a mini-batch with a given learning rate."""

from fastopt.algorithms.minibatch import ETA, NIT, RULE_SCALAR, decay_weights
from fastopt.algorithms.placeholders import coefficients
from fastopt.algorithms.solve_loop import sweep


def step(record, points, state, options, plan, f):
    """Take the step on x, and return True."""
    x, g = points[0], points[1]
    c, rule_scalar = coefficients(options, record[ETA], record[NIT] + 1.0, record[RULE_SCALAR])
    if plan.decay > 0.0:
        decay_weights(x, record[ETA] * plan.decay)
    sweep(x, g, c, state, x, x, False)
    record[RULE_SCALAR] = rule_scalar
    return True
