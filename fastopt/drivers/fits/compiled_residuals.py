"""Compiled residuals, or the compiled model of a curve, as an objective for the loop."""

import numpy as np

from fastopt.algorithms.fits.losses import LOSSES, poisson
from fastopt.compiling import compiler
from fastopt.derivatives import fit_equations
from fastopt.drivers.objective_bindings import Objective
from fastopt.drivers.objective_checks import shapes_misfit

MOST = 64  # parameters; duals have a partial for each
_SUMS = "no_sums", "with_residual", "write_sums", "seeded_items", "as_dual", "listed", "fresh"


def build(fun, n, args, fast, loss, f_scale, places):
    """Return the objective; `places` are bindings that say what `fun` is, and where its data are.

    They are those of `of_residuals` or `of_curve`.
    """
    from fastopt.derivatives import substitutions  # late: slow to import
    from fastopt.derivatives.forward.duals import dual_choice, normal_sums  # late: slow to import

    dual = dual_choice.whole(np.dtype(np.float64), n, fast)
    user, content = compiler.user(fun, substitutions.meanings(dual, fast))
    few = n <= dual_choice.MAX_SCALAR_PARTIALS
    bindings = {
        **dual_choice.SEEDS,
        **{name: getattr(normal_sums, name) for name in _SUMS},
        **places,
        "fun": user,
        "loss": poisson if loss == "poisson" else LOSSES[loss],
        "root_in": fit_equations.transposed,
        "equations": fit_equations.in_registers if few else fit_equations.in_memory,
        "DUAL": dual,
        "CHUNK": dual.size,
        "SIZE": n,
    }
    scratch, row = np.empty((dual.size + 1) * n), np.empty(n)
    data = args, scratch, row, float(f_scale)
    # A source of all residuals returns an array that it owns.
    refcounted = places["source"] is not fit_equations.model_parameters
    return Objective(bindings, (content.digest,), refcounted, data, True, "autodiff")


def of_residuals():
    """Return the bindings of a function that returns all residuals."""
    return fit_equations.ARRAY


def of_curve(coordinates, weights, y, w, x, omit=False, counts=False):
    """Return the bindings of a model; `y`, `w` and `x` are the places of its data in args.

    `weights` is the number of axes that a problem's have: 2 for a root of covariances, 0 for none.
    With `coordinates`, their number, it is called for each point, else once for all points. With
    `omit`, points whose y is NaN are left out. `counts` says that y has Poisson's distribution.
    """
    bindings = dict(fit_equations.POINTS if coordinates else fit_equations.ALL_POINTS)
    bindings["weight"] = fit_equations.own_weight if weights else fit_equations.no_weight
    if weights == 2:
        own = {name: bindings[of] for name, of in fit_equations.MODEL.items()}
        bindings = own | fit_equations.CORRELATED
    elif counts:
        ways = fit_equations.weigh_count, fit_equations.weigh_present_count
        bindings["weigh"] = ways[omit]
    elif omit:
        bindings["weigh"] = fit_equations.weigh_present
    if coordinates:
        bindings["x_at"] = fit_equations.COORDINATES[coordinates - 1]
    return {**bindings, "Y": y, "W": w, "X": x, "X_2": x + 1, "X_3": x + 2}


def probe(fun, x, args):
    """Return the residuals at x; raise an error if an index is outside, or shapes do not fit."""
    try:
        return _checked(fit_equations.probe, fun, {})(x, args)
    except (IndexError, ValueError) as error:
        raise shapes_misfit(error, x, args) or error from None


def curve_probe(fun):
    """Return a function ``(x, parameters)`` that calls the compiled model with numbers."""
    called = _checked(fit_equations.probe_curve, fun, {})

    def probe(x, parameters):
        try:
            return called(x, parameters)
        except (IndexError, ValueError) as error:
            raise shapes_misfit(error, x, parameters, name="f") or error from None

    return probe


def _checked(text, fun, bindings):
    checked, _ = compiler.user(fun, checked=True)
    return compiler.jit(text, {**bindings, "fun": checked}, refcounted=True)


def is_elementwise(fun, columns, values, p, n_points):
    """Return whether the model of one point depends on its coordinates alone.

    Then the compiled model may be called with numbers, for one point after the other. It is so if
    this gives the values that it has for arrays, at p and near it. Without `values` there are none.
    """
    x_at = fit_equations.COORDINATES[len(columns) - 1]
    bindings = {"x_at": x_at, "X": 0, "X_2": 1, "X_3": 2}
    by_points = _checked(fit_equations.probe_points, fun, bindings)
    for parameters in (p, tuple(1.03125 * v + 0.015625 for v in p)):
        found = np.empty(n_points)
        by_points(columns, parameters, found)
        wanted = found if values is None else np.broadcast_to(values(parameters), found.shape)
        both = np.isnan(wanted) & np.isnan(found)
        with np.errstate(invalid="ignore"):
            close = np.abs(wanted - found) <= 1e-12 * np.abs(wanted)
        if not np.all(close | both | (wanted == found)):
            return False
    return True
