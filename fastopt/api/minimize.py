"""`minimize`: one problem, SciPy's call and SciPy's result."""

from typing import Any

from fastopt.arrays import arguments
from fastopt.drivers import objective_bindings, objective_checks, reused_problems
from fastopt.drivers.compiled_problem import compile_problem, matching_problem
from fastopt.inputs import option_tables, run_options, wrong_keywords
from fastopt.inputs.start_and_bounds import box_of, callback_of, start_point
from fastopt.results.progress import Compiling
from fastopt.storage import run_checkpoint
from fastopt.targets import dispatch


@wrong_keywords.checked
def minimize(
    fun,
    x0,
    args=(),
    method="rmsprop",
    jac=None,
    bounds=None,
    tol=None,
    callback=None,
    options=None,
    *,
    device="auto",
):
    """Minimise a scalar function of one or more variables by an adaptive-gradient method.

    Parameters
    ----------
    fun : callable ``fun(x, *args) -> float``
        The objective. Decorated with `numba.njit` it runs wholly compiled, and must not write to x;
        a plain function is called from Python, with a copy of x in x0's shape. For arguments of
        new shapes, or new integers, a compiled one is evaluated once more to find indices outside
        x, unless its text shows that there are none.
    x0 : array_like of float64, float32 or integers, any shape
        The start. Integers become float64, float32 stays float32.
    args : tuple, optional
        Further arguments of `fun` and `jac`.
    method : str
        One of `fastopt.methods()`; "rmsprop" by default. ``help(fastopt.adam)`` and its like
        describe a rule and its options.
    jac : {None, "autodiff", callable, True, "2-point", "3-point", "cs"}
        The gradient. None: exact derivatives of an @njit `fun`, and "2-point" for a plain one, or
        where something in `fun` has no derivative (with a warning that names the line).
        "autodiff": exact derivatives, of plain functions too. A function ``jac(x, *args)``; True
        where `fun` returns (value, gradient); or how to take differences, which stay inside the
        bounds.
    bounds : `scipy.optimize.Bounds` or sequence of (low, high), optional
        No iterate leaves the box. None in a pair stands for no bound.
    tol : float, optional
        Sets ``options["gtol"]``.
    callback : callable, optional
        ``callback(intermediate_result)`` or ``callback(xk)``, after each iteration; may raise
        StopIteration.
    options : dict, optional
        ``learning_rate`` ("auto", a number or one of `fastopt.schedules`), ``maxiter``,
        ``maxfev``, ``maxtime`` (seconds), ``gtol`` (largest component of the projected gradient),
        ``ftol`` (relative change of f), ``xtol`` (relative change of x), ``disp``,
        ``maxcor`` (with "auto": pairs of moves that the direction is made of, 5; 0: none),
        ``finite_diff_rel_step``, ``fast_math_functions`` (True: exp, log, sin, ... of compiled
        objectives are fastopt's vectorisable ones), ``checkpoint`` (the path of a file that the
        state is written to about once a second: the same call goes on from there after it was cut
        short or killed, with the same bits; `maxtime` counts anew), and the options of the rule
        itself (``help(fastopt.adam)``).
        With "auto": gtol 3e-7 (1e-4 for float32), ftol 4 machine epsilons, maxfev 50,000.
        With a learning rate: the textbook rule for maxiter = 1,000 iterations, no tolerances.
    device : {"auto", "cpu", "cuda"}
        Where to run: by default where x0 lives, host arrays on the CPU. With x0 on a GPU (Numba,
        CuPy, PyTorch, ...), or "cuda", which copies x0 there, `fun` and `jac` take and return
        arrays on the device (`fun` may return a number); `jac` must be a function, or True, and is
        asked for at every point that `fun` is; neither may write to x. ``x, jac, x_last`` of the
        result are CuPy's or PyTorch's arrays where x0 is, else Numba's.

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``x, fun, jac`` of the best point visited, ``x_last, fun_last`` of the last one, ``nit,
        nfev, njev, status, success, message, jac_method, device``.

    Raises
    ------
    ValueError, TypeError
        For arguments that make no sense. What `fun` raises passes through; numerical trouble is a
        status, with the best point kept.

    Notes
    -----
    With ``learning_rate="auto"`` the rule gives a diagonal metric; limited-memory BFGS in it (Liu
    and Nocedal 1989) gives the direction and a projected nonmonotone search the step (Birgin,
    Martinez and Raydan 2000). The rule sees gradients in units of the first one and of x's own
    sizes, so that the iterates depend neither on the units of f nor, unless x0 is zero, on those
    of x; `gtol` does, being absolute. `rho` is 0.99 there unless given, `eps` 1e-30 or,
    where it is added to the root, 1e-15. An explicit learning rate gives exactly the published
    rule.

    Examples
    --------
    >>> import fastopt
    >>> res = fastopt.minimize(lambda x: (x[0] - 3) ** 2 + (x[1] + 1) ** 2, [0.0, 0.0])
    >>> res.success, res.x.round(4).tolist()
    (True, [3.0, -1.0])
    >>> import numba, numpy as np
    >>> @numba.njit
    ... def misfit(p, t, y):
    ...     return np.sum((p[0] * np.exp(-p[1] * t) - y) ** 2)
    >>> t = np.linspace(0, 4, 64)
    >>> res = fastopt.minimize(misfit, [1.0, 1.0], args=(t, 2.5 * np.exp(-1.3 * t)))
    >>> res.jac_method, res.x.round(4).tolist()
    ('autodiff', [2.5, 1.3])
    """
    rule = run_options.find_rule(method)
    target: Any = dispatch.target(device, x0)
    args = args if isinstance(args, tuple) else (args,)
    if target.NAME == "cuda":
        from fastopt.drivers import device_problem

        given = fun, x0, args, rule, jac, bounds, tol, options
        problem = device_problem.build(*given, target)
        return problem.run(callback_of(callback))
    x0 = start_point(x0)
    chosen = run_options.parse(rule, options, tol, x0.dtype)
    box = box_of(bounds, x0)
    checkpoint = None
    if chosen.checkpoint:
        decisive = (
            "minimize",
            rule,
            fun,
            jac,
            x0,
            box,
            (),
            args,
            chosen,
            option_tables.tables(chosen, {}),
        )
        checkpoint = run_checkpoint.Checkpoint(
            chosen.checkpoint, run_checkpoint.problem_of(*decisive)
        )
    if objective_bindings.is_compiled(fun):
        args = arguments.ready(args)
    kind = reused_problems.kind_of(fun, jac, args, rule, x0, box, chosen, target)
    problem = reused_problems.taken(kind, x0, box, args)
    with Compiling(chosen.disp, fun):
        if problem is None:
            problem = matching_problem(fun, jac, args, rule, x0, box, chosen, target)
        if problem.objective.compiled:
            if chosen.disp:
                compile_problem(problem)
            args = problem.objective.data[0]  # as compiled code reads them
            objective_checks.check_indices(fun, problem.objective, x0, args)
    if problem.objective.method == "cs":
        problem.before = objective_checks.check_complex_step(fun, args, x0, box)
    if checkpoint:
        problem.keep(checkpoint)
    result = problem.run(callback_of(callback))
    reused_problems.keep(kind, problem, result.status)
    return result
