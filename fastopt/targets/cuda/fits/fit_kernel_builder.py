"""Kernels of batches of fits, linked for a rule, residuals and a number of parameters."""

import numpy as np

from fastopt import rules
from fastopt.algorithms.fits.fit_state import FRESH, FitArrays, FitPoints, FitRun, places
from fastopt.algorithms.fits.losses import LOSSES, poisson
from fastopt.derivatives import fit_equations
from fastopt.derivatives.forward.duals import dual_choice, normal_sums
from fastopt.targets.cuda import kernel_builder
from fastopt.targets.cuda.fits import fit_kernel_source, residuals_on_device, simulated_sums
from fastopt.targets.cuda.thread_layout import Layout, local_array

FLOAT64 = np.dtype(np.float64)
SUMS = "no_sums", "with_residual", "write_sums", "seeded_items", "as_dual"
# Sources of residuals on the CPU -> what takes their place.
SOURCES = {
    fit_equations.all_residuals: fit_kernel_source.ARRAY,
    fit_equations.model_values: fit_kernel_source.ALL_POINTS,
    fit_equations.model_parameters: {},
}


class FitLayout(Layout):
    """The rows of a fit of n parameters."""

    def __init__(self, uses, n):
        super().__init__(len(FRESH), n)
        own = {"equations": (n, n), "factor": (n, n), "found": (places(n)[-1],)}
        arrays = FitArrays(*(self.add(*own.get(name, (n,))) for name in FitArrays._fields))
        points = FitPoints(x=self.add(n), new=self.point)
        state = tuple(self.add(n) if used else points.x for used in uses)
        self.arrays = points.x, points, arrays, state


def fit_kernel(batch, fits, rule, key, linker, compiler):
    """Return the kernel for a batch of fits and the layout of its threads' state.

    `fits` has the function, its loss, and the bindings of `compiled_residuals`. `key` identifies
    the content of the function.
    """
    uses, n = rules.uses(rule, batch.settings.rule), batch.shape[0]
    bounded, bindings = batch.example.box is not None, fits.bindings
    how = (type(batch.settings.rule), fits.loss, *((k, bindings[k]) for k in sorted(bindings)))

    def build():
        return plain_loop(rule, batch.settings, uses, bounded, n, fits, linker())

    return kernel_builder.once(
        ("fits", rule, tuple(uses), bounded, n, key, how), build, compiler, fits
    )


def plain_loop(rule, settings, uses, bounded, n, fits, target):
    """Return `batch_kernel_source.solve_many` for fits, undecorated, and its layout."""
    layout = FitLayout(uses, n)
    few = n <= dual_choice.MAX_SCALAR_PARTIALS
    dual = target.dual(FLOAT64, n)
    given = rule, settings, uses, FLOAT64, bounded, (n,), target, layout
    bound = {
        **kernel_builder.thread_bindings(*given),
        **target.seeds,
        **{name: getattr(normal_sums, name) for name in SUMS},
        "listed": residuals_on_device.listed,
        "root_in": residuals_on_device.root_of(n),
        **fits.bindings,
        **SOURCES[fits.bindings["source"]],
        "RUN": FitRun(),
        "DUAL": dual,
        "CHUNK": n,
        "loss": poisson if fits.loss == "poisson" else LOSSES[fits.loss],
        "equations": fit_equations.in_registers if few else fit_equations.in_memory,
        "fun": target.user(fits.fun, FLOAT64, dual),
        **{name: getattr(fit_kernel_source, name) for name in kernel_builder.OF_A_PROBLEM},
    }
    if target.simulated:
        bound |= simulated_sums.BINDINGS
    elif SOURCES[fits.bindings["source"]] is fit_kernel_source.ARRAY:
        bound["scratch"] = local_array(((n + 1) * n,))
    return kernel_builder.linked(bound, target, FLOAT64), layout
