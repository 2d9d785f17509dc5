"""Feed stored gradients to a rule through a target's sweep, step by step."""

import numpy as np

from fastopt import rules
from fastopt.targets.cpu import cpu_target as cpu


def in_place(method, x, gradients, rates, options=None, sweep=cpu.sweep, empty=np.empty_like):
    """Move x itself, one sweep a gradient; yields the state after each step, to read or to write.

    `gradients` have x's dtype and shape; `empty` makes the arrays of the state from x. A slot that
    the options do not use gets an array full of NaN, which must never be read.
    """
    rule = rules.get(method)
    o = rules.options_class(rule)(**(options or {}))
    uses = rules.uses(rule, o)
    state = tuple(empty(x) for _ in uses)
    for slot, used, array in zip(uses._fields, uses, state, strict=True):
        initial = getattr(o, "initial_accumulator", 0.0) if slot == "v" else 0.0
        array[...] = initial if used else np.nan
    rule_scalar = 1.0
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        c, rule_scalar = rule.coefficients(o, float(rate), float(t), rule_scalar)
        sweep(rule, uses, x, g, np.array(c, x.dtype), state)
        yield state


def replay(method, x0, gradients, rates, dtype, options=None, **how):
    """Yields x after each step from x0, in `dtype`."""
    x = np.array(x0, dtype)
    gradients = [np.asarray(g, dtype) for g in gradients]
    for _ in in_place(method, x, gradients, rates, options, **how):
        yield x.copy()
