"""The compiled functions of `minimize_stochastic`, and the mode of a mini-batch's gradient."""

from typing import NamedTuple

from fastopt.derivatives.gradient_methods import MODES
from fastopt.drivers import objective_bindings
from fastopt.inputs.single_values import switch

ADD = "add"  # the jac of a fun that adds its gradient to an array


class GradientMode(NamedTuple):
    """The way in which the gradient of a mini-batch is computed."""

    name: str  # name of a function of `minibatch_gradients`
    together: bool  # True if fun gets all rows of the mini-batch at once


def functions(fun, jac, vectorized):
    """Return (fun, jac, gradient mode), with both functions compiled."""
    together = switch("vectorized", vectorized)
    if isinstance(jac, str) and jac == ADD:
        return (
            objective_bindings.for_batch(fun, "2-point", "minimize_stochastic")[0],
            "2-point",
            GradientMode("added", together),
        )
    objective_bindings.method_of(jac, fun, ADD)
    fun, jac = objective_bindings.for_batch(fun, jac, "minimize_stochastic")
    return (
        fun,
        jac,
        GradientMode("derived" if isinstance(jac, str) and jac in MODES else "written", together),
    )
