"""The model of a curve and its data, as residuals."""

import numpy as np

from fastopt.compiling import compiler
from fastopt.drivers.fits import compiled_residuals, one_fit
from fastopt.drivers.fits.one_fit import Fit
from fastopt.inputs import fit_inputs

MOST_COORDINATES = 3  # of a model that is called point by point


def weights_of(sigma):
    """Return 1 / sigma, or the root of a matrix of covariances; None for none."""
    if sigma is None:
        return None
    return 1.0 / sigma if sigma.ndim == 1 else fit_inputs.root_of(sigma)


def fit_of(f, x, y, weights, p, jac):
    """Return the `Fit` of a model that Python calls, and its Jacobian by `jac`."""
    called = compiler.called(f)

    def residuals(parameters):
        return whitened(model_values(called, x, y, parameters) - y, weights)

    if callable(jac):
        given = compiler.called(jac)

        def jacobian(parameters):
            found = np.asarray(given(x, *parameters), dtype=np.float64)
            if found.shape != (y.size, p.size):
                raise ValueError(
                    f"jac returned an array of shape {found.shape}; it must be "
                    f"{(y.size, p.size)}, points by parameters"
                )
            return whitened(found, weights)

        return Fit(residuals), jacobian
    return Fit(residuals), jac


def model_values(called, x, y, parameters):
    """Return the model's values in Python, checked."""
    found = fit_inputs.require_real("f", called(x, *parameters), parameters)
    if found.shape != y.shape and found.ndim:
        raise ValueError(f"f returned an array of shape {found.shape}; ydata has {y.shape}")
    if found.dtype.kind not in "fiubc":
        raise TypeError(f"f must return real numbers, not {found.dtype}")
    return found


def whitened(r, weights):
    """Return residuals, or their derivatives, in units of their errors."""
    if weights is None:
        return r
    if weights.ndim == 2:
        from scipy.linalg import solve_triangular  # late: slow to import

        return solve_triangular(weights, r, lower=True)
    return r * (weights if r.ndim == 1 else weights[:, None])


def objective_of(f, x, y, weights, setup):
    """Return the compiled objective of a model."""
    p, fast = setup.x0, setup.settings.fast
    fun = compiler.ensure_njit(f, "f")
    values = values_of(fun, x, y)
    columns = columns_of(fun, x, y, values, tuple(p.tolist()))
    own, axes = ((), 0) if weights is None else ((weights,), weights.ndim)
    places = compiled_residuals.of_curve(
        len(columns or ()), axes, 0, 1, 1 + len(own), counts=setup.loss == "poisson"
    )
    args = y, *own, *(columns or (x,))
    return compiled_residuals.build(fun, p.size, args, fast, setup.loss, setup.f_scale, places)


def values_of(fun, x, y):
    """Return a function that gives the compiled model's values for parameters, checked."""
    probe = compiled_residuals.curve_probe(fun)
    return lambda parameters: model_values(lambda x, *p: probe(x, p), x, y, parameters)


def columns_of(fun, x, y, values, p):
    """Return the coordinates of x as vectors if `fun` may be called point by point, else None."""
    if not isinstance(x, np.ndarray) or x.shape[-1:] != y.shape or x.ndim > 2:
        values(p)
        return None
    columns = tuple(np.ascontiguousarray(row) for row in x.reshape(-1, y.size))
    try:
        values(p)
    except Exception as error:
        if not takes_no_arrays(error) or len(columns) > MOST_COORDINATES:
            raise
        values = None  # a model of numbers: with math.exp, or a branch
    if len(columns) > MOST_COORDINATES:
        return None
    try:
        alone = compiled_residuals.is_elementwise(fun, columns, values, p, y.size)
    except Exception as error:
        if not is_of_compiling(error) and not isinstance(error, IndexError):
            raise
        if values is None:
            raise
        return None  # it needs arrays
    return columns if alone else None


def takes_no_arrays(error):
    """Return whether the error of a model that got arrays says that it needs numbers."""
    return is_of_compiling(error) or "truth value of an array" in str(error)


def is_of_compiling(error):
    """Return `error_reasons.is_of_compiling`."""
    from fastopt.derivatives import error_reasons  # late: slow to import

    return error_reasons.is_of_compiling(error)


def compiled_fit(f, x, y, weights, setup, jac):
    """Return the `Fit` of a compiled model; its objective is None if it cannot be compiled."""

    def build():
        objective = objective_of(f, x, y, weights, setup)
        one_fit.compile(objective, setup)
        return objective

    def finish(values, jacobian):
        if counts is not None or np.ndim(weights) == 2:
            return values, jacobian
        return whitened(values - y, weights), whitened(jacobian, weights)

    fit, _ = fit_of(f, x, y, weights, setup.x0, None)
    counts = y if setup.loss == "poisson" else None
    return Fit(fit.values, one_fit.compiled_or_none(f, build, jac), finish, counts, y.size)
