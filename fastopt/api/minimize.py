"""`minimize`: one problem, SciPy's call and SciPy's result."""

from typing import Any

from fastopt.arrays import arguments
from fastopt.derivatives import derived_mode
from fastopt.drivers import objective_bindings, objective_checks, resumable, reused_problems
from fastopt.drivers.problem_builder import compile_problem, matching_problem
from fastopt.inputs import run_options, wrong_keywords
from fastopt.inputs.start_and_bounds import box_of, callback_of, start_point
from fastopt.results.progress import Compiling
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
        The objective. With `numba.njit` the whole run is compiled, and `fun` must not write to x.
        A plain function is called from Python, with a copy of x in x0's shape. For arguments of
        new shapes, or new integers, a compiled one is evaluated once more to find indices outside
        x. This is left out if its code proves that there are none.
    x0 : array_like of float64, float32 or integers, any shape
        The start. Integers become float64, float32 stays float32.
    args : tuple, optional
        Further arguments of `fun` and `jac`.
    method : str
        One of `fastopt.methods()`; "rmsprop" by default. ``help(fastopt.adam)`` describes a rule
        and its options.
    jac : {None, "autodiff", "forward", "reverse", callable, True, "2-point", "3-point", "cs"}
        The gradient. None: exact derivatives of an @njit `fun`, "2-point" for a plain one. If
        something in `fun` has no derivative, it is "2-point" too, and a warning names the line.
        "autodiff": exact derivatives, of plain functions too, by forward mode for few parameters
        and reverse mode for many. "forward", "reverse": by that mode. A function
        ``jac(x, *args)``. True if `fun` returns (value, gradient). The others are kinds of
        differences, which stay inside the bounds.
    bounds : `scipy.optimize.Bounds` or sequence of (low, high), optional
        No iterate leaves the box. None in a pair means no bound.
    tol : float, optional
        Sets ``options["gtol"]``. By default the end of "auto" does not depend on units.
    callback : callable, optional
        ``callback(intermediate_result)`` or ``callback(xk)``, after each iteration; may raise
        StopIteration.
    options : dict, optional
        The options of the run, and those of the rule itself (``help(fastopt.adam)``).

        - ``learning_rate``: "auto", a number or one of `fastopt.schedules`.
        - ``maxiter``, ``maxfev``, ``maxtime`` (seconds): limits.
        - ``gtol`` (largest component of the projected gradient), ``ftol`` (relative change of f),
          ``xtol`` (relative change of x): tolerances.
        - ``disp``: show a progress bar and a summary.
        - ``maxcor``: with "auto", pairs of moves that make up the direction (10; 0: none).
        - ``finite_diff_rel_step``: relative step of differences.
        - ``fast_math_functions``: True means that exp, log, sin, ... of compiled objectives are
          fastopt's vectorisable ones.
        - ``checkpoint``: path of a file to which the state is written about once a second. After
          an interrupt or a crash the same call continues from there, with the same bits; `maxtime`
          starts again.

        With "auto": ftol 4 machine epsilons, maxfev 50,000, and in place of gtol tests without
        units (see Notes). A gtol that is given, 0 too, replaces them and is absolute.
        With a learning rate: the textbook rule for maxiter = 1,000 iterations, no tolerances.
    device : {"auto", "cpu", "cuda"}
        Where to run. By default this is the device of x0, the CPU for host arrays; "cuda" copies
        x0 to the GPU. With x0 on a GPU (Numba, CuPy, PyTorch, ...), `fun` and `jac` take and return
        arrays on the device (`fun` may return a number). `jac` must be a function, or True; it is
        evaluated at every point at which `fun` is. Neither may write to x. ``x, jac, x_last`` of
        the result are CuPy's or PyTorch's arrays if x0 is, else Numba's.

    Returns
    -------
    scipy.optimize.OptimizeResult
        ``x, fun, jac`` of the best point visited, ``x_last, fun_last`` of the last one, ``nit,
        nfev, njev, status, success, message, jac_method, device``.

    Raises
    ------
    ValueError, TypeError
        For arguments that make no sense. Exceptions of `fun` pass through. Numerical trouble is a
        status, with the best point kept.

    Notes
    -----
    With ``learning_rate="auto"`` the rule gives a diagonal metric. Limited-memory BFGS in this
    metric gives the direction (Liu and Nocedal 1989). A projected nonmonotone search gives the step
    (Birgin, Martinez and Raydan 2000). The rule gets gradients in units of the first one and of
    x's own sizes. So the iterates do not depend on the units of f, nor on those of x unless x0 is
    zero. The default of `rho` is then 0.99. That of `eps` is 1e-30, or 1e-15 if it is added to the
    root. An explicit learning rate gives exactly the published rule.

    By default "auto" ends where no step can gain more than the rounding of f. At a minimum of zero
    it ends where no step moves x visibly. The units are those of f and the sizes of x (after Gill,
    Murray and Wright 1981, section 8.2.3).

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
    ('forward', [2.5, 1.3])
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
    settings = run_options.parse(rule, options, tol, x0.dtype)
    box = box_of(bounds, x0)
    checkpoint = None
    if settings.checkpoint:
        given = {"fun": fun, "jac": jac, "x0": x0, "bounds": box, "args": args}
        checkpoint = resumable.checkpoint_of("minimize", rule, settings, **given)
    if objective_bindings.is_compiled(fun):
        args = arguments.ready(args)
    kind = reused_problems.kind_of(fun, jac, args, rule, x0, box, settings, target)
    problem = reused_problems.taken(kind, x0, box, args)
    if problem is None or not problem.is_checked:
        with Compiling(settings.disp, fun):
            if problem is None:
                problem = matching_problem(fun, jac, args, rule, x0, box, settings, target)
            if problem.objective.compiled:
                if settings.disp:
                    compile_problem(problem)
                args = problem.objective.data[0]  # as compiled code reads them
                objective_checks.check_indices(fun, problem.objective, x0, args)
    if problem.objective.method == "cs":
        problem.before = objective_checks.check_complex_step(fun, args, x0, box)
    if checkpoint:
        problem.keep(checkpoint)
    try:
        result = problem.run(callback_of(callback))
    except ValueError as error:
        raise objective_checks.shapes_misfit(error, x0, args) or error from None
    except MemoryError as error:
        if derived_mode.keeping_less(problem.objective.bindings.get("reverse_gradient"), error):
            return minimize(
                fun, x0, args, method, jac, bounds, tol, callback, options, device=device
            )
        raise
    reused_problems.keep(kind, problem, result.status)
    return result
