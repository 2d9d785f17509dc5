"""The kind of problem that suits a function: compiled, interpreted, or with differences."""

from fastopt._sentences import warn
from fastopt.arrays import arguments
from fastopt.derivatives.derived_mode import NoReverse
from fastopt.derivatives.gradient_methods import DERIVED, MODES
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


def _compiled_or_reason(problem):
    """Compile a problem; return None, or the error that says why it cannot be compiled."""
    try:
        problem.compile()
        return None
    except Exception as error:  # from compiling: no function of the user has run yet
        if problem.objective.method == "reverse":
            return problem.why_not_reversible(error)
        return problem.why_not_differentiable(error)


def _in_other_mode(build, problem):
    """Return the problem with the other mode of derivatives, compiled; None if it has none."""
    try:
        other = build("forward" if problem.objective.method == "reverse" else "reverse")
        return other if _compiled_or_reason(other) is None else None
    except NoReverse:
        return None


def matching_problem(fun, jac, args, rule, x0, box, settings, target):
    """Return the problem, compiled; with jac=None and no exact gradient, with differences."""

    def build(jac, interpreted=False):
        objective = objective_bindings.build(fun, jac, args, settings, x0, interpreted)
        return Problem(rule, x0, box, settings, objective, target)

    reason, derived = None, isinstance(jac, str) and jac in MODES
    if derived and not objective_bindings.is_compiled(fun):
        reason = arguments.why_unready(args)  # Python accepts more arguments
    plain = isinstance(jac, str) and not objective_bindings.can_be_compiled(fun)
    try:
        problem = build(jac, interpreted=plain or reason is not None)
        problem.reason = reason
        if problem.objective.method not in DERIVED or not problem.objective.compiled:
            return problem
        reason = _compiled_or_reason(problem)
        if reason is None:
            return problem
        other = None if derived and jac in DERIVED else _in_other_mode(build, problem)
        if other is not None:
            return other
    except NoReverse as error:
        reason = error
    if not objective_bindings.is_compiled(fun):
        problem = build(jac, interpreted=True)
        problem.reason = reason
        return problem
    if jac is not None:
        raise reason
    problem = build("2-point")
    compile_problem(problem)
    warn(f"{reason} Differences are used instead (jac='2-point').")
    return problem
