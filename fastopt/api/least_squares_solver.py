"""`least_squares_solver`: a fit prepared once, for calls from Python and from compiled code."""

from fastopt.compiling import compiler
from fastopt.drivers import prepared_solver
from fastopt.drivers.fits import compiled_residuals, one_fit
from fastopt.drivers.fits.fit_problem import FitProblem
from fastopt.inputs import fit_inputs, run_options, solver_inputs, wrong_keywords
from fastopt.results.solution import FitSolution
from fastopt.solver.fits.fit_state import F


@wrong_keywords.checked
def least_squares_solver(
    fun,
    x0,
    args=(),
    *,
    method="adamax",
    bounds=None,
    loss="linear",
    f_scale=1.0,
    tol=None,
    options=None,
):
    """Prepare a least-squares fit: everything is checked and compiled once.

    Parameters
    ----------
    fun : callable ``fun(x, *args) -> residuals``
        It returns a vector, or a tuple of numbers. A plain function is compiled. It has exact
        derivatives, and at most 64 parameters.
    x0 : array_like, shape (n,)
        An example of a start. The fits are done in float64.
    args : tuple, optional
        Examples of the further arguments of `fun`, as for `solver`.
    method, bounds, loss, f_scale, tol, options
        As for `least_squares`; without ``maxtime``, ``disp`` and ``checkpoint``.

    Returns
    -------
    callable ``solve(x0, *args, out=None)``
        As `solver` does. The named tuple has ``x, cost, status, nit, nfev, success``. The cost is
        half the sum of the losses.

    Raises
    ------
    ValueError, TypeError
        As for `solver`.

    Examples
    --------
    >>> import fastopt, numpy as np
    >>> def residuals(p, t, y):
    ...     return p[0] * np.exp(-p[1] * t) - y
    >>> t = np.linspace(0, 4, 64)
    >>> fit = fastopt.least_squares_solver(residuals, [1.0, 1.0], (t, t))
    >>> fit([1.0, 1.0], t, 3.0 * np.exp(-0.5 * t)).x.round(4).tolist()
    [3.0, 0.5]
    """
    rule = run_options.find_rule(method)
    given = {"method": method, "bounds": bounds, "loss": loss, "f_scale": f_scale}
    given |= {"tol": tol, "options": options}
    again = least_squares_solver, (fun, x0, args), given
    compiler.require_compiler("a solver", "; call fastopt.least_squares")
    x0 = fit_inputs.start_of(x0)
    settings = solver_inputs.options_of(fit_inputs.options_of(rule, options, tol))
    box, (loss, f_scale) = fit_inputs.box_of(bounds, x0), fit_inputs.loss_of(loss, f_scale)
    args = solver_inputs.arguments_of(args)
    if not callable(fun):
        raise TypeError(f"fun must be a function, not {type(fun).__name__}")
    fit_inputs.require_arguments("fun", fun, 1 + len(args), f"x and the {len(args)} of args")
    one_fit.method_of("autodiff", fun, x0.size)  # raises for too many parameters
    fun = compiler.ensure_njit(fun, "fun")

    def check(args):
        fit_inputs.require_vector(compiled_residuals.probe(fun, x0.copy(), args))

    def build():
        check(args)
        how = settings.fast, loss, f_scale, compiled_residuals.of_residuals()
        objective = compiled_residuals.build(fun, x0.size, args, *how)
        problem = FitProblem(rule, x0, box, settings, objective)
        problem.compile()
        return problem

    problem = one_fit.compiled_or_none(fun, build, "autodiff")
    own = problem.workspace
    places = {"X": problem.x, "BEST_X": problem.x, "BEST_F": problem.record[F:], "USED": own.found}
    if box is not None:
        places |= {"LOW": own.low, "HIGH": own.high}
    return prepared_solver.PreparedSolver(problem, places, x0, args, FitSolution, again, check)
