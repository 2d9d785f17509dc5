"""The compiled loops of `minimize_stochastic`."""

from fastopt import _epochs
from fastopt._compile import jit
from fastopt.derivatives import _sums
from fastopt.targets import _rows, cpu

_OWN = {name: getattr(_rows, name) for name in ("rows", "put", "leading", "prefetch")}


def stepper(rule, uses, dtype, size, objective, way):
    """`_epochs.advance` around the objective."""
    bindings, key = cpu.bound(rule, uses, dtype, False)
    small = size if size <= cpu.UNROLL else 0
    bindings = {**bindings, **_OWN, **objective.bindings, "SIZE": small}
    bindings["mean_and_gradient"] = _sums.WAYS[way][0]
    key = key, objective.key, small, way
    return jit(_epochs.advance, bindings, key, objective.lasting, objective.counted)


def meter(dtype, objective, way):
    """`_epochs.measure` around the objective."""
    own = {**cpu.numbers(dtype), "real": dtype.type, "SIZE": 0}
    bindings = {**own, **_OWN, **objective.bindings, "sum_of_values": _sums.WAYS[way][1]}
    key = dtype.str, objective.key, way
    return jit(_epochs.measure, bindings, key, objective.lasting, objective.counted)
