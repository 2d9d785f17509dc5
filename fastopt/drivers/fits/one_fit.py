"""One fit from its checked arguments to its result."""

from typing import Any, NamedTuple

import numpy as np

from fastopt._sentences import counted, warn
from fastopt.algorithms.fits.fit_state import NFEV, NIT, NJEV
from fastopt.compiling import compiler
from fastopt.drivers.fits import compiled_residuals
from fastopt.drivers.fits.fit_problem import FitProblem
from fastopt.drivers.fits.residuals_from_python import PythonResiduals, weighed
from fastopt.results import fit_result
from fastopt.results.active_bounds import free_and_mask
from fastopt.targets.cpu import fit_target

# Relative errors of differences: a singular value below counts as zero.
NOISE = {"2-point": 1e-7, "3-point": 1e-10}


class Setup(NamedTuple):
    """The checked arguments of a fit that do not belong to its residuals."""

    rule: Any
    x0: np.ndarray
    box: Any  # (low, high) or None
    settings: Any  # `run_options.Options`
    loss: str
    f_scale: float


class Fit:
    """Residuals to make small: as a function of Python's, and as compiled code if there is any.

    Parameters
    ----------
    values : callable ``x -> array``
        The residuals.
    objective : Objective or None
        The same, compiled.
    finish : callable ``(values, jacobian) -> (r, jacobian)``
        It makes residuals of the values that the compiled code returns.
    counts : array or None
        The data, if they are counts. Then `finish` leaves the model's values as they are.
    size : int or None
        The number of values of the compiled code, if it is known.
    """

    def __init__(self, values, objective=None, finish=None, counts=None, size=None):
        self.values, self.objective, self.finish = values, objective, finish
        self.counts, self.size = counts, size


def solve(fit, setup, jac, *, scale, callback=None, checkpoint=None):
    """Run a fit; return its OptimizeResult. With `scale`, errors are scaled by the residuals."""
    rule, x0, box, settings, loss, f_scale = setup
    steps = _steps(settings.steps, x0.size)
    python = PythonResiduals(fit.values, jac, steps, box, loss, f_scale)
    problem = FitProblem(rule, x0, box, settings, fit.objective or python)
    if checkpoint:
        problem.keep(checkpoint)
    status = problem.run(callback)
    x = problem.x.copy()
    with np.errstate(all="ignore"):
        if fit.objective is None:
            r = python.values(x.copy())
            jacobian = python.jacobian(x, r)
        else:
            r, jacobian = _compiled_end(fit, x)
        jacobian = np.asarray(jacobian)
        losses, slope, curvature = weighed(r, loss, f_scale, fit.counts)
        cost, grad = 0.5 * float(losses.sum()), slope @ jacobian
        weighted = jacobian * np.sqrt(curvature)[:, None]
        if fit.counts is not None:
            r = np.copysign(np.sqrt(np.maximum(losses, 0.0)), slope)
    free, mask = free_and_mask(x, grad, box)
    moving = np.abs(grad[free == 1.0])
    record = problem.record
    return fit_result.build(
        status,
        weighted,
        free,
        scale,
        np.sum(free != 0.0),
        0.0 if fit.objective else NOISE.get(jac, 0.0) if isinstance(jac, str) else 0.0,
        x=x,
        cost=cost if record[NJEV] else np.nan,
        fun=r,
        grad=grad,
        optimality=float(moving.max(initial=0.0)),
        active_mask=mask,
        nfev=int(record[NFEV]) + python.evaluations,
        njev=int(record[NJEV]),
        nit=int(record[NIT]),
        jac_method="autodiff" if fit.objective else jac if isinstance(jac, str) else "jac",
        device="cpu",
    )


def _steps(steps, n):
    if steps is None:
        return None
    try:
        return np.broadcast_to(np.asarray(steps, float), (n,))
    except ValueError:
        raise ValueError(
            f"finite_diff_rel_step has shape {np.shape(steps)}; x0 has {counted(n, 'component')}"
        ) from None


def _compiled_end(fit, x):
    objective = fit.objective
    count = fit.size or fit.values(x.copy()).size
    values, jacobian = np.empty(count), np.empty((count, x.size))
    fit_target.jacobian_writer(objective)(x, values, jacobian, objective.data)
    return fit.finish(values, jacobian) if fit.finish else (values, jacobian)


def method_of(jac, fun, n):
    """Return the kind of derivatives for a `jac`."""
    if callable(jac):
        return jac
    if jac is None or jac is False:
        few = n <= compiled_residuals.MOST
        return "autodiff" if compiler.is_compiled(fun) and few else "2-point"
    if isinstance(jac, str) and jac in ("autodiff", "2-point", "3-point", "cs"):
        if jac == "autodiff" and n > compiled_residuals.MOST:
            most = compiled_residuals.MOST
            raise ValueError(f"jac='autodiff' is for at most {most} parameters of a fit, not {n}")
        return jac
    raise ValueError(
        f"jac = {jac!r}; it must be a function, 'autodiff', '2-point', '3-point', 'cs' or None"
    )


def compiled_or_none(fun, build, jac):
    """Return what `build` returns, an objective whose code is compiled.

    If it cannot be compiled, and `jac` is None, warn and return None.
    """
    try:
        return build()
    except Exception as error:
        from fastopt.derivatives import error_messages  # late: slow to import

        if not error_messages.is_of_compiling(error):
            raise
        why = error_messages.reason(error, compiler.ensure_njit(fun, "fun"), derivative=True)
        reason = f"fun cannot be compiled with derivatives{why}."
        if jac is not None or not compiler.is_compiled(fun):
            raise TypeError(reason) from None
        warn(f"{reason} Differences are used instead (jac='2-point').")
        return None


def compile(objective, setup):
    """Compile the loop and the residuals."""
    FitProblem(setup.rule, setup.x0, setup.box, setup.settings, objective).compile()
