"""The loop in the interpreter, for objectives in Python; its functions over arrays are compiled."""

from fastopt.algorithms import convergence, direction, run_state, solve_loop
from fastopt.compiling.compiler import jit, numba_config
from fastopt.targets.cpu import magnitudes

_HELPERS = (
    solve_loop.largest,
    solve_loop.settle,
    solve_loop.measure_sizes,
    solve_loop.projected_gradient_norm,
    solve_loop.fill,
    solve_loop.store_best,
    solve_loop.sweep,
    direction.update_metric,
    direction.common_weight,
    direction.search_direction,
    direction.trial_point,
    direction.accept_trial,
    direction.initialise_scaling,
    direction.far_move,
    direction.limited_fraction,
    convergence.size_and_pull,
)


def helpers(bindings):
    """Return the bindings of a loop in the interpreter, from those of the compiled loop."""
    plain = {"cast": plain_cast, "load_run": plain_run, "store_run": run_state.store_run}
    if numba_config.DISABLE_JIT:
        return {**bindings, **plain, **magnitudes.PLAIN}
    compiled = {h.__name__: jit(h, bindings) for h in _HELPERS}
    return {**bindings, **plain, "C": plain_tuple, **compiled}


def plain_cast(cls, real, values):
    return cls(*map(float, values))


def plain_run(template, real, record):
    return run_state.load_run(template, float, record)


def plain_tuple(*values):
    """Return a plain tuple: named tuples are slow to pass to compiled functions.

    The helpers convert it back.
    """
    return values
