"""`solver` and `least_squares_solver`: prepared once, called from Python and compiled code."""

from typing import Any

from fastopt.algorithms.fits.fit_state import F
from fastopt.compiling import compiler
from fastopt.drivers import objective_bindings, prepared_solver
from fastopt.drivers.fits import compiled_residuals, one_fit
from fastopt.drivers.fits.fit_problem import FitProblem
from fastopt.drivers.objective_checks import check_complex_step, check_indices
from fastopt.drivers.problem_builder import compiled_problem
from fastopt.inputs import (
    compiled_arguments,
    fit_inputs,
    run_options,
    solver_inputs,
    wrong_keywords,
)
from fastopt.inputs.start_and_bounds import box_of, start_point
from fastopt.results.solution import FitSolution, Solution
from fastopt.targets import dispatch


@wrong_keywords.checked
def solver(fun, x0, args=(), *, method="rmsprop", jac=None, bounds=None, tol=None, options=None):
    """Prepare the minimisation of a function: everything is checked and compiled once.

    Parameters
    ----------
    fun : callable ``fun(x, *args) -> float``
        The objective, as for `minimize`. A plain function is compiled.
    x0 : array_like of float64, float32 or integers, any shape
        An example of a start: its shape and type are those of all starts.
    args : tuple, optional
        Examples of the further arguments of `fun`. Their types are those of all calls: other
        numbers, and arrays of other lengths.
    method, jac, bounds, tol, options
        As for `minimize`; without the options ``maxtime``, ``disp`` and ``checkpoint``. With
        ``jac=None`` derivatives are exact.

    Returns
    -------
    callable ``solve(x0, *args, out=None)``
        It has the same meaning in Python and in `@njit` functions, in `prange` loops too. It
        returns a named tuple ``x, fun, status, nit, nfev, success`` of the best point visited, with
        the bits of `minimize`. The result's x is a new array, or `out`. In compiled code `x0` is an
        array or a tuple, and arguments are not converted from lists.
        ``solve.message(status)`` returns the sentence of a status.

    Raises
    ------
    ValueError, TypeError
        For arguments that make no sense, and for a `fun` that cannot be compiled or differentiated.
        Compiled callers get a TypingError for arguments of other types, a ValueError for shapes.

    Notes
    -----
    Several threads may call one solver. It calls `fun` as it was when it was prepared. An
    exception of `fun` passes through. In a `prange` loop Numba loses it, or raises a SystemError.
    Numerical trouble is a status; a start that is not finite has -1. A start outside of the bounds
    is moved onto them. Status -2 is final: `minimize` would look for a minimum at a kink there.

    Compiled code does not check again that `fun` stays inside of its arguments, Python does. It
    takes the memory of a call from the stack, or from the heap if there are many parameters.

    As a global of an `@njit` function a solver is a constant, and ``cache=True`` has no effect.
    Passed as an argument, it does not prevent caching.

    Examples
    --------
    >>> import fastopt, numba, numpy as np
    >>> @numba.njit
    ... def misfit(p, t, y):
    ...     return np.sum((p[0] * np.exp(-p[1] * t) - y) ** 2)
    >>> t = np.linspace(0, 4, 64)
    >>> solve = fastopt.solver(misfit, [1.0, 1.0], args=(t, t))
    >>> solve([1.0, 1.0], t, 3.0 * np.exp(-0.5 * t)).x.round(4).tolist()
    [3.0, 0.5]
    >>> @numba.njit
    ... def rates(solve, t, decays):
    ...     found, p = np.empty(len(decays)), np.ones(2)
    ...     for k in range(len(decays)):
    ...         p = solve(p, t, decays[k]).x
    ...         found[k] = p[1]
    ...     return found
    >>> decays = 3.0 * np.exp(-np.array([[0.5], [0.6], [0.7]]) * t)
    >>> rates(solve, t, decays).round(4).tolist()
    [0.5, 0.6, 0.7]
    """
    rule = run_options.find_rule(method)
    given = {"method": method, "jac": jac, "bounds": bounds, "tol": tol, "options": options}
    again = solver, (fun, x0, args), given
    fun, jac = objective_bindings.for_batch(fun, jac, "a solver")
    args = compiled_arguments.checked(args)
    x0 = start_point(x0)
    settings = solver_inputs.options_of(run_options.parse(rule, options, tol, x0.dtype))
    box = box_of(bounds, x0)
    target = dispatch.target("cpu", x0)
    problem = compiled_problem(fun, jac, args, rule, x0, box, settings, target)

    def check(args):
        check_indices(fun, problem.objective, x0, args)

    check(args)
    if problem.objective.method == "cs":
        check_complex_step(fun, args, x0, box)
    own = problem.workspace
    places = {"X": problem.x, "BEST_X": own.best_x, "BEST_F": own.best_f}
    if box is not None:
        places |= {"LOW": own.low, "HIGH": own.high}
    if problem.objective.method == "reverse":
        places["STORE"] = problem.objective.data[1]
    return prepared_solver.PreparedSolver(problem, places, x0, args, Solution, again, check)


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
    args = compiled_arguments.checked(args)
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

    problem: Any = one_fit.compiled_or_none(fun, build, "autodiff")
    own = problem.workspace
    places = {"X": problem.x, "BEST_X": problem.x, "BEST_F": problem.record[F:], "USED": own.found}
    if box is not None:
        places |= {"LOW": own.low, "HIGH": own.high}
    return prepared_solver.PreparedSolver(problem, places, x0, args, FitSolution, again, check)
