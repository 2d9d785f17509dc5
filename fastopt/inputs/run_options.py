"""The options of a run: names, defaults, ranges, and error messages."""

import difflib
import functools
import math
import os
from typing import Any, NamedTuple

import numpy as np

from fastopt import rules, schedules
from fastopt.algorithms.run_state import Limits
from fastopt.arrays import arguments
from fastopt.inputs import option_limits
from fastopt.inputs.single_values import number, switch, whole_number
from fastopt.storage.npz import path_of

ALIASES = {
    "gamma": "rho",
    "alpha": "rho",
    "decay": "rho",
    "lr": "learning_rate",
    "rate": "learning_rate",
    "epsilon": "eps",
    "maxfun": "maxfev",
    "max_nfev": "maxfev",
    "diff_step": "finite_diff_rel_step",
    "verbose": "disp",
    "beta_1": "beta1",
    "beta_2": "beta2",
    "initial_accumulator_value": "initial_accumulator",
}
FRACTIONS = ("rho", "beta1", "beta2", "beta3", "momentum", "dampening", "eta_minus")
FROM_ONE = ("eta_plus",)
# Defaults with "auto". With a rho of 0.9 the metric forgets the relative scales that the search
# needs; 0.99 halves the evaluations on the classical problems.
AUTO = {"rho": 0.99}
# gtol of a search that ends by quantities without units: see `algorithms.convergence`.
WITHOUT_UNITS = -1.0
# Default number of pairs. The evaluations, over those of L-BFGS-B, are 4.1, 1.8, 1.2, 1.1 and 1.02
# for 0, 1, 3, 5 and 10 pairs. These are geometric means over the classical problems, with rmsprop.
# NIST's data sets take half the evaluations of 5 pairs, decay fits the same time.
MAXCOR = 10


class Options(NamedTuple):
    """Options of a run, checked and complete."""

    rule: Any  # the rule's own, a NamedTuple of its class
    schedule: Any  # None for "auto", else a callable of t
    limits: Limits
    maxtime: float
    disp: bool
    steps: Any  # finite_diff_rel_step or None
    fast: bool  # fast_math_functions
    maxcor: int  # pairs kept, with "auto"
    checkpoint: str | None  # absolute path of the file


COMMON = (
    "learning_rate",
    "maxiter",
    "maxfev",
    "maxtime",
    "gtol",
    "ftol",
    "xtol",
    "disp",
    "finite_diff_rel_step",
    "fast_math_functions",
    "maxcor",
    "checkpoint",
)


def find_rule(method):
    """Return the module of the rule called `method`; fastopt.adam means "adam"."""
    if type(method) is str and method in rules.methods():
        return rules.get(method)
    if callable(method) and getattr(method, "__module__", "") == "fastopt.api.scipy_methods":
        method = getattr(method, "__name__", "")
    if not isinstance(method, str):
        raise TypeError(f"method must be a string, not {type(method).__name__}; {_known()}")
    name = method.lower().replace("-", "").replace("_", "")
    if name not in rules.methods():
        close = difflib.get_close_matches(name, rules.methods(), 3)
        guess = f"; did you mean {' or '.join(map(repr, close))}?" if close else "."
        if name in ("lm", "trf", "dogbox"):
            guess = ": leave it out. All fits are Levenberg and Marquardt's, damped by a method."
        raise ValueError(f"unknown method {method!r}{guess} {_known()}")
    return rules.get(name)


def _known():
    return f"Methods are {', '.join(rules.methods())}."


def given_options(options):
    """Return the options that are given, in a new dict: those that are None are left out."""
    if options is not None and not hasattr(options, "items"):
        raise TypeError(f"options must be a dict, not {type(options).__name__}")
    return {name: value for name, value in dict(options or {}).items() if value is not None}


def parse(rule, options, tol, dtype):
    """Check the user's `options` (and `tol`) for a rule and fill in the defaults."""
    if options is None and tol is None:
        return _remembered(rule, (), dtype)
    given = given_options(options)
    if tol is not None:
        given.setdefault("gtol", number("tol", tol, 0.0))
    if all(type(value) in (float, int, str, bool) for value in given.values()):
        return _remembered(rule, tuple((k, v, type(v)) for k, v in given.items()), dtype)
    return _complete(rule, given, dtype)


@functools.lru_cache(256)
def _remembered(rule, given, dtype):
    """Return `_complete`'s options, cached: checking takes longer than solving a small problem.

    `given` includes the types, because 1 and True are equal.
    """
    return _complete(rule, {name: value for name, value, _ in given}, dtype)


def _complete(rule, given, dtype):
    kind = rules.options_class(rule)
    for name in given:
        if name not in COMMON and name not in kind._fields:
            raise ValueError(unknown(name, rule, kind))
    schedule = schedule_of(given.pop("learning_rate", "auto"))
    auto = schedule is None
    own = {n: option(n, given[n], kind._field_defaults[n]) for n in kind._fields if n in given}
    if auto:
        own = {**{n: v for n, v in AUTO.items() if n in kind._fields}, **own}
        if "eps" in kind._fields and not own.get("eps"):
            own["eps"] = least_eps(kind)

    def limit(name, automatic, explicit):
        return number(name, given.get(name, automatic if auto else explicit), 0.0)

    limits = Limits(
        gtol=WITHOUT_UNITS if auto and "gtol" not in given else limit("gtol", 0.0, 0.0),
        ftol=limit("ftol", 4.0 * float(np.finfo(dtype).eps), 0.0),
        xtol=limit("xtol", 0.0, 0.0),
        maxiter=floor_limit(limit("maxiter", math.inf, math.inf if "maxfev" in given else 1000.0)),
        maxfev=floor_limit(limit("maxfev", 50_000.0, math.inf)),
    )
    settings = kind(**own)
    option_limits.require_order(settings)
    option_limits.require_held(settings, dtype)
    if type(schedule) in schedules.KINDS:
        option_limits.require_held(schedule, dtype)
    steps = given.get("finite_diff_rel_step")
    return Options(
        rule=settings,
        schedule=schedule,
        limits=limits,
        maxtime=limit("maxtime", math.inf, math.inf),
        disp=_switch("disp", given.get("disp", False)),
        steps=None if steps is None else _steps(steps),
        fast=_switch("fast_math_functions", given.get("fast_math_functions", True)),
        maxcor=whole_number("maxcor", given.get("maxcor", MAXCOR), 0, 1000),
        checkpoint=_path("checkpoint", given.get("checkpoint")),
    )


def no_checkpoint_on_gpu(settings):
    if settings.checkpoint:
        raise ValueError("options['checkpoint'] works on the CPU only; on a GPU leave it out")


def least_eps(kind):
    """Return the epsilon that "auto" uses in place of zero: 1e-15 for the root, 1e-30 inside it.

    With "auto" the first gradient has largest component 1. So epsilon only prevents a division by
    zero, and nothing depends on the units of f. The inverse must not leave float32's range, as
    that of adam's epsilon outside the root would.
    """
    return 1e-15 if "beta2" in kind._fields else 1e-30


def option(name, value, default):
    if isinstance(default, bool):
        return switch(name, value)
    least = 1.0 if name in FROM_ONE else 0.0
    value = number(name, value, least, 1.0 if name in FRACTIONS else math.inf)
    if name in FRACTIONS and value == 1.0 and name != "dampening":
        raise ValueError(f"{name} = 1; it must be below 1")
    if value == math.inf:
        raise ValueError(f"{name} must be finite")
    return value


def floor_limit(limit):
    return limit if limit == math.inf else float(math.floor(limit))


def _path(name, value):
    return None if value is None else os.path.realpath(path_of(name, value))


def _switch(name, value):
    if isinstance(value, bool | int | np.bool_):
        return bool(value)
    raise TypeError(f"{name} must be True or False, not {value!r}")


def schedule_of(rate):
    if isinstance(rate, str):
        if rate == "auto":
            return None
        raise ValueError(f'learning_rate = {rate!r}; it must be "auto", a number or a schedule')
    if isinstance(rate, type):
        raise TypeError(f"learning_rate is the class {rate.__name__}; call it with its numbers")
    if type(rate) in schedules.KINDS:
        kind = type(rate)
        return kind(*(_schedule_field(kind.__name__, *field) for field in rate._asdict().items()))
    if callable(rate):
        return rate
    return schedules.constant(_above_zero("learning_rate", rate))


def _schedule_field(kind, name, value):
    shown = f"learning_rate = {kind}(...): {name}"
    if name in ("staircase", "restarts"):
        return switch(shown, value)
    if name in ("rate", "steps", "every"):
        return _above_zero(shown, value)
    growing = kind == "exponential" and name == "decay"  # above 1 it would overflow in the end
    return number(shown, value, 1.0 if name == "stretch" else 0.0, 1.0 if growing else math.inf)


def _above_zero(name, value):
    try:
        checked = number(name, value, 0.0)
    except ValueError:
        checked = 0.0
    if not 0.0 < checked < math.inf:
        raise ValueError(f"{name} = {value!r}; it must be above zero and finite")
    return checked


def _steps(steps):
    steps = arguments.plain("finite_diff_rel_step", steps)
    if steps.dtype.kind not in "fiu" or not np.all((steps > 0) & np.isfinite(steps)):
        raise ValueError(f"finite_diff_rel_step = {steps}; it must be positive numbers")
    return steps


def unknown(name, rule, kind, common=COMMON):
    """Return the error message for an unknown option."""
    valid = sorted({*common, *kind._fields})
    meant = ALIASES.get(str(name).lower())
    if meant not in valid:
        close = difflib.get_close_matches(str(name), valid, 1)
        meant = close[0] if close else None
    guess = f"; did you mean {meant!r}?" if meant else "."
    method = rule.__name__.rpartition(".")[2]
    return f"unknown option {name!r} for method {method!r}{guess} Options are {', '.join(valid)}."
