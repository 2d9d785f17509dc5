"""The compiled loops of `minimize_stochastic`."""

from fastopt import _epochs, derivatives
from fastopt._compile import jit
from fastopt.derivatives import _sums
from fastopt.targets import _rows, cpu

_OWN = {name: getattr(_rows, name) for name in ("rows", "put", "leading", "prefetch")}


def stepper(rule, uses, dtype, size, objective, way):
    """`_epochs.advance` around the objective."""
    bindings = cpu.rule_bindings(rule, uses, dtype)
    small = size if size <= cpu.UNROLL else 0
    own: dict = {"mean_and_gradient": _sums.together if way.together else _sums.BY_ROWS[way.name]}
    if way.name == "added":
        own["gradient"] = derivatives.already
    bindings = {**bindings, **_OWN, **objective.bindings, **own, "SIZE": small}
    return jit(_epochs.advance, bindings, objective.counted)


def meter(dtype, objective, way):
    """`_epochs.measure` around the objective."""
    summed = _sums.sum_together if way.together else _sums.sum_of_rows
    own = {**cpu.numbers(dtype), "real": dtype.type, "SIZE": 0, "sum_of_values": summed}
    bindings = {**own, **_OWN, **objective.bindings}
    return jit(_epochs.measure, bindings, objective.counted)
