"""One rule for each metric: with "auto" a rule gives the search nothing but its diagonal.

Rules whose diagonals have the same bits make the same search, so that tests of the search need one
of them. A new rule with a diagonal of its own is among `METRICS` by itself.
"""

import math

import numpy as np

import fastopt
from fastopt import rules
from fastopt.compiling.linker import link, undecorated
from fastopt.inputs import run_options

FIRST = "rmsprop", "adagrad", "adam", "adamax", "sgd"  # which other tests compile, too
GRADIENTS = [
    1.0,
    -0.5,
    0.0,
    1e-3,
    1e-9,
    -7.0,
    0.0,
    3e5,
    -3e5,
    *np.random.default_rng(1).normal(size=20),
]


def diagonals(method, given=None):
    """Return d after each of some gradients: in a search, where t is infinite, and in a fit."""
    rule, found = rules.get(method), []
    options = run_options.parse(rule, given, None, np.dtype(float)).rule
    update = link(rule.update, {"USES": rules.uses(rule, options)}, undecorated)
    for fit in (False, True):
        s, carry = rule.S(*(float(slot == "v") for slot in rule.S._fields)), 1.0
        for t, g in enumerate(GRADIENTS, 1):
            c, carry = rule.coefficients(options, 1.0, float(t) if fit else math.inf, carry)
            _, d, s = update(float(g), s, c)
            found.append(d)
    return tuple(found)


GROUPS: dict = {}  # diagonals -> the methods that have them
for each in dict.fromkeys([*FIRST, *fastopt.methods()]):
    GROUPS.setdefault(diagonals(each), []).append(each)
METRICS = tuple(same[0] for same in GROUPS.values())
