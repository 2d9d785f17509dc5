"""The compiled loops of `minimize_stochastic`."""

from fastopt import _epochs
from fastopt._compile import jit
from fastopt.derivatives import _sums
from fastopt.targets import _rows, cpu

_OWN = {name: getattr(_rows, name) for name in ("rows", "gather")}


def stepper(rule, uses, dtype, size, objective, way):
    """`_epochs.advance` around the objective, whose gradients come in this way."""
    name, together = way
    bindings, key = cpu.bound(rule, uses, dtype, False)
    names = {"added": _sums.added, "written": _sums.written, "derived": _sums.derived}
    summed = _sums.together if together else names[name]
    small = size if size <= cpu.UNROLL else 0
    more = {"mean_and_gradient": summed, "SIZE": small, "write": objective.bindings["write"]}
    bindings = {**bindings, **_OWN, **objective.bindings, **more}
    key = key, objective.key, small, way
    return jit(_epochs.advance, bindings, key, objective.lasting, objective.counted)


def meter(dtype, objective, way):
    """`_epochs.measure` around the objective."""
    name, together = way
    summed = _sums.value_together if together else _sums.value_of_rows
    summed = _sums.value_of_added if name == "added" else summed
    own = {**cpu.numbers(dtype), "real": dtype.type, "SIZE": 0, "sum_of_values": summed}
    bindings = {**own, **_OWN, **objective.bindings}
    key = dtype.str, objective.key, way
    return jit(_epochs.measure, bindings, key, objective.lasting, objective.counted)
