"""Transfer of state slots between arrays and the rule's S. A slot that is not used reads as zero.

`state` has an array for each slot. The array of an unused slot may be any array and is not touched.
"""

from fastopt import rules
from fastopt.algorithms.placeholders import USES, S
from fastopt.rules import _clipping_and_decay


def load_1(state, i):
    return S(state[0][i] if USES[0] else 0.0)


def load_2(state, i):
    return S(state[0][i] if USES[0] else 0.0, state[1][i] if USES[1] else 0.0)


def load_3(state, i):
    return S(
        state[0][i] if USES[0] else 0.0,
        state[1][i] if USES[1] else 0.0,
        state[2][i] if USES[2] else 0.0,
    )


def load_4(state, i):
    return S(
        state[0][i] if USES[0] else 0.0,
        state[1][i] if USES[1] else 0.0,
        state[2][i] if USES[2] else 0.0,
        state[3][i] if USES[3] else 0.0,
    )


def store_1(state, i, s):
    if USES[0]:
        state[0][i] = s[0]


def store_2(state, i, s):
    store_1(state, i, s)
    if USES[1]:
        state[1][i] = s[1]


def store_3(state, i, s):
    store_2(state, i, s)
    if USES[2]:
        state[2][i] = s[2]


def store_4(state, i, s):
    store_3(state, i, s)
    if USES[3]:
        state[3][i] = s[3]


def start_1(v0):
    return S(v0)


def start_2(v0):
    return S(v0, 0.0)


def start_3(v0):
    return S(v0, 0.0, 0.0)


def start_4(v0):
    return S(v0, 0.0, 0.0, 0.0)


def zero_1(v0):
    return S(0.0)


def zero_2(v0):
    return S(0.0, 0.0)


def given_accumulator(o):
    return o.initial_accumulator


def no_accumulator(o):
    return 0.0


def bindings(rule, uses):
    """Return the placeholders that a rule with these used slots binds, before any narrowing."""
    k = len(uses) - 1
    starts = (start_1, start_2, start_3, start_4) if "v" in uses._fields else (zero_1, zero_2)
    given = "initial_accumulator" in rules.options_class(rule)._fields
    return {
        "C": rule.C,
        "S": rule.S,
        "USES": uses,
        "HAS_CLIPPING_AND_DECAY": _clipping_and_decay.has_clipping_and_decay(rule),
        "coefficients": rule.coefficients,
        "update": rule.update,
        "start": starts[k],
        "accumulator": given_accumulator if given else no_accumulator,
        "load": (load_1, load_2, load_3, load_4)[k],
        "store": (store_1, store_2, store_3, store_4)[k],
    }
