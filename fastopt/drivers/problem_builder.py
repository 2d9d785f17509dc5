"""The kind of problem that suits a function: compiled, interpreted, or with differences."""

import warnings

from fastopt.arrays import arguments
from fastopt.drivers import objective_bindings
from fastopt.drivers.single_problem import Problem


def compiled_problem(fun, jac, args, rule, x0, box, settings, target):
    """Return the problem, compiled; raise an error that explains why it cannot be compiled."""
    problem = matching_problem(fun, jac, args, rule, x0, box, settings, target)
    compile_problem(problem)
    return problem


def compile_problem(problem):
    """Compile the problem; raise an error that explains why it cannot be compiled."""
    try:
        problem.compile()
    except Exception as error:
        raise problem.as_user_error(error) from None


def matching_problem(fun, jac, args, rule, x0, box, settings, target):
    """Return the problem, compiled; with jac=None and no exact gradient, with differences."""

    def build(jac, interpreted=False):
        objective = objective_bindings.build(fun, jac, args, settings, x0, interpreted)
        return Problem(rule, x0, box, settings, objective, target)

    reason = None
    if isinstance(jac, str) and jac == "autodiff" and not objective_bindings.is_compiled(fun):
        reason = arguments.why_unready(args)  # Python accepts more arguments
    plain = isinstance(jac, str) and not objective_bindings.can_be_compiled(fun)
    problem = build(jac, interpreted=plain or reason is not None)
    problem.reason = reason
    if problem.objective.method != "autodiff" or not problem.objective.compiled:
        return problem
    try:
        problem.compile()
        return problem
    except Exception as error:  # from compiling: no function of the user has run yet
        reason = problem.why_not_differentiable(error)
    if not objective_bindings.is_compiled(fun):
        problem = build(jac, interpreted=True)
        problem.reason = reason
        return problem
    if jac is not None:
        raise reason
    problem = build("2-point")
    compile_problem(problem)
    warnings.warn(f"{reason} Differences are used instead (jac='2-point').", stacklevel=4)
    return problem
