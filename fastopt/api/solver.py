"""`solver`: a minimisation prepared once, for calls from Python and from compiled code."""

from fastopt.drivers import objective_bindings, prepared_solver
from fastopt.drivers.objective_checks import check_complex_step, check_indices
from fastopt.drivers.problem_builder import compiled_problem
from fastopt.inputs import run_options, solver_inputs, wrong_keywords
from fastopt.inputs.start_and_bounds import box_of, start_point
from fastopt.results.solution import Solution
from fastopt.targets import dispatch


@wrong_keywords.checked
def solver(
    fun,
    x0,
    args=(),
    *,
    method="rmsprop",
    jac=None,
    bounds=None,
    tol=None,
    options=None,
):
    """Prepare the minimisation of a function.

    TODO
    """
    rule = run_options.find_rule(method)
    given = {"method": method, "jac": jac, "bounds": bounds, "tol": tol, "options": options}
    again = solver, (fun, x0, args), given
    fun, jac = objective_bindings.for_batch(fun, jac, "a solver")
    args = solver_inputs.arguments_of(args)
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
