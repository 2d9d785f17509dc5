"""Options of a batch that may differ from problem to problem, as tables of numbers."""

import numpy as np

from fastopt import rules
from fastopt.algorithms.run_state import Limits
from fastopt.arrays import arguments
from fastopt.inputs import run_options


def per_problem_options(options, tol):
    """Return the shared options, a dict of arrays for those given per problem, and tol."""
    shared = run_options.given_options(options)
    columns = {}
    if np.ndim(tol) == 1:
        shared.setdefault("gtol", tol)
        tol = None
    for name, value in list(shared.items()):
        if name != "finite_diff_rel_step" and _is_column(value):
            columns[name] = arguments.plain(name, shared.pop(name))
    return shared, columns, tol


def _is_column(value):
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return not any(hasattr(item, "__len__") for item in value)
    return hasattr(value, "__array__") and np.ndim(value) == 1


def parse(rule, shared, columns, tol, dtype):
    """Return the options, checked; per-problem options have the largest of their values."""
    settings = None
    for pick in (np.min, np.max):
        single = {name: _pick(pick, name, column) for name, column in columns.items()}
        settings = run_options.parse(rule, {**shared, **single}, tol, dtype)
    possible = {*Limits._fields, *rules.options_class(rule)._fields, "learning_rate"}
    for name, column in columns.items():
        if name not in possible or column.dtype == bool:
            raise TypeError(f"{name} cannot differ from problem to problem; give one value")
    for name in set(getattr(rule, "NEEDS", {}).values()) & set(columns):
        if columns[name].size and columns[name].any() != columns[name].all():
            raise ValueError(
                f"{name} is zero for some problems and not for others: they follow other rules, "
                "and need a batch of their own"
            )
    return settings


def _pick(pick, name, column):
    if column.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, not {column!r}")
    return pick(column) if column.size else None


def tables(settings, columns):
    """Return (template, table) for each of the limits, the rule's options and the schedule."""
    columns = dict(columns)
    for name in {"maxiter", "maxfev"} & set(columns):
        columns[name] = np.floor(columns[name])
    if "eps" in columns and settings.schedule is None:
        least = run_options.least_eps(type(settings.rule))
        columns["eps"] = np.where(columns["eps"] == 0.0, least, columns["eps"])
    schedule = settings.schedule if hasattr(settings.schedule, "_fields") else ()
    rate = {"rate": columns.pop("learning_rate")} if "learning_rate" in columns else {}
    return _table(settings.limits, columns), _table(settings.rule, columns), _table(schedule, rate)


def _table(template, columns):
    names = getattr(template, "_fields", ())
    rows = max((len(columns[name]) for name in names if name in columns), default=1)
    table = np.empty((rows, len(names)))
    for k, name in enumerate(names):
        table[:, k] = columns.get(name, getattr(template, name))
    return template, table


def count(columns):
    """Return a dict of the names of the columns and their lengths."""
    return {f"options[{name!r}]": len(column) for name, column in columns.items()}
