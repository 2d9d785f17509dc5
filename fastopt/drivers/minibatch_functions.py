"""The functions of `minimize_stochastic`, compiled, and how a mini-batch's gradient is made."""

from typing import NamedTuple

from fastopt.drivers import objective_bindings
from fastopt.inputs.stochastic_inputs import switch

ADD = "add"  # jac where fun adds its gradient to an array


class GradientMode(NamedTuple):
    """How the gradient of a mini-batch comes about."""

    name: str  # a function of `minibatch_gradients`
    together: bool  # fun is given all rows of the mini-batch


def functions(fun, jac, vectorized):
    """(fun, jac, way), the functions compiled."""
    together = switch("vectorized", vectorized)
    if isinstance(jac, str) and jac == ADD:
        return (
            objective_bindings.for_batch(fun, "2-point", "minimize_stochastic")[0],
            "2-point",
            GradientMode("added", together),
        )
    objective_bindings.method_of(jac, fun, ADD)
    fun, jac = objective_bindings.for_batch(fun, jac, "minimize_stochastic")
    return fun, jac, GradientMode("derived" if jac == "autodiff" else "written", together)
