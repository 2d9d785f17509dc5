"""The hyperparameters of an optimizer object: names, defaults, ranges, groups."""

import difflib
import functools
import math
from collections import namedtuple
from typing import Any, NamedTuple

from fastopt import rules, schedules
from fastopt.algorithms.training import schedule_free
from fastopt.inputs import option_limits, run_options, single_values
from fastopt.optimizers import library_conventions
from fastopt.rules import _clipping_and_decay

# Hyperparameters of every rule, in addition to its own options.
COMMON_HYPERPARAMETERS = {
    "weight_decay": 0.0,
    "decoupled_weight_decay": False,
    "clip_value": None,
    "maximize": False,
}
OF_OPTIMIZERS = "groups", "style", "clip_norm", "on_nonfinite", "row_wise"  # not of groups
ALIASES = {**run_options.ALIASES, "clipnorm": "clip_norm", "global_clipnorm": "clip_norm"}
ALIASES.update(clipvalue="clip_value", maximise="maximize", betas="beta1", b1="beta1", b2="beta2")
LARGEST = 1.7e308  # learning rate or weight decay


class Settings(NamedTuple):
    """The hyperparameters of a group of arrays, checked."""

    options: Any  # for the rule with clipping and decay
    schedule: Any  # learning rate as a callable of t; None if it is fixed
    uses: Any  # a flag for each slot
    automatic: bool  # whether the learning rate is found on the way


def defaults(method, style=None, adamw=False):
    """Return a dict of every hyperparameter of a method and its default, in a style."""
    kind = rules.options_class(rules.get(method))
    known = {**kind._field_defaults, **COMMON_HYPERPARAMETERS}
    return {**known, **library_conventions.defaults(method, style, adamw)}


def parse(method, known, given):
    """Return `Settings` from the defaults of a method and the given options."""
    for name in given:
        if name not in known:
            raise TypeError(_unknown(name, known))
    rule = rules.get(method)
    kind, values = rules.options_class(rule), {**known, **given}
    rate = values.pop("learning_rate")
    fixed = not callable(rate) and not isinstance(rate, str)
    schedule = None if fixed else run_options.schedule_of(rate)
    automatic = not fixed and schedule is None
    own = {n: run_options.option(n, values[n], kind._field_defaults[n]) for n in kind._fields[1:]}
    rate = single_values.number("learning_rate", rate, 0.0, LARGEST) if fixed else float(automatic)
    limit = math.inf if values["clip_value"] is None else values["clip_value"]
    limit = single_values.number("clip_value", limit, 0.0)
    decay = single_values.number("weight_decay", values["weight_decay"], 0.0, LARGEST)
    switches = "decoupled_weight_decay", "maximize"
    decoupled, maximize = (single_values.switch(n, values[n]) for n in switches)
    around = {
        "scale": -1.0 if maximize else 1.0,
        "limit": limit,
        "decay": 0.0 if decoupled else decay,
        "shrink": decay if decoupled else 0.0,
    }
    with_clipping_and_decay = rules.options_class(_clipping_and_decay.with_clipping_and_decay(rule))
    options = with_clipping_and_decay(learning_rate=rate, **own, **around)
    option_limits.require_order(options)
    if type(schedule) is schedules.constant:
        options, schedule = options._replace(learning_rate=schedule.rate), None
    uses = rules.uses(rule, options)
    if automatic:
        uses = _with_slots(type(uses))(*uses, *(True for _ in schedule_free.SLOTS))
    return Settings(options, schedule, uses, automatic)


@functools.cache
def _with_slots(kind):
    """Return a rule's S with the arrays that the search for a rate needs."""
    return namedtuple(kind.__name__, (*kind._fields, *schedule_free.SLOTS))


def _unknown(name, known):
    meant = ALIASES.get(str(name).lower(), name)
    if name in OF_OPTIMIZERS:
        return f"{name!r} is an option of the whole optimizer, not of a group"
    known = *known, *OF_OPTIMIZERS
    close = [meant] if meant in known else difflib.get_close_matches(str(name), known, 1)
    guess = f"; did you mean {close[0]!r}?" if close else "."
    return f"unknown option {name!r}{guess} Options are {', '.join(known)}."


def rate_at(schedule, t):
    """Return the learning rate of step t, checked: a wrong one would ruin the parameters."""
    return single_values.number(f"learning_rate(t={t})", schedule(t), 0.0, LARGEST)


def for_paths(groups, names):
    """Return, for each array, the keys of its groups, in the order of `groups`.

    An array belongs to a group if the key occurs in the array's name. Key and name are compared
    part by part, split at dots.
    """
    found = [tuple(key for key in groups if _within(str(key), name)) for name in names]
    for key in groups:
        if not any(key in keys for keys in found):
            some = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            raise ValueError(f"groups has {key!r}, which is in the name of no array: {some}")
    return found


def _within(key, name):
    return f".{key}." in f".{name}."
