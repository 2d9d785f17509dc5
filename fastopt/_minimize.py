"""`minimize`: one problem, SciPy's call and SciPy's result."""

import inspect
import math
import time

import numpy as np

from fastopt import _dispatch, _objective, _options, _result, rules
from fastopt._progress import Progress, report
from fastopt._run import Run
from fastopt._status import INTERRUPTED, MAXTIME, RUNNING, STOPPED

SLICE = 0.05  # seconds of compiled work between looks at the clock, the callback and Ctrl-C


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
        a plain function is called from Python, with a copy of x in x0's shape.
    x0 : array_like of float64, float32 or integers, any shape
        The start. Integers become float64, float32 stays float32.
    args : tuple, optional
        Further arguments of `fun` and `jac`.
    method : str
        One of `fastopt.methods()`; "rmsprop" by default.
    jac : {callable, True, "2-point", "3-point", "cs", None}
        The gradient: a function ``jac(x, *args)``; True where `fun` returns (value, gradient);
        or how to take differences, which stay inside the bounds. None means "2-point".
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
        ``finite_diff_rel_step``, and the options of the rule itself (`fastopt.rules`).
        With "auto": gtol 3e-7 (1e-4 for float32), ftol 4 machine epsilons, maxfev 50,000.
        With a learning rate: the textbook rule for maxiter = 1,000 iterations, no tolerances.
    device : {"auto", "cpu", "cuda"}
        Where to run. So far `minimize` works on the CPU.

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
    With ``learning_rate="auto"`` the step is found by a projected nonmonotone search along the
    rule's own direction from a Barzilai-Borwein step in the rule's metric (Birgin, Martinez and
    Raydan 2000). The rule sees gradients in units of the first one and of |x0|, so that neither
    the units of f nor those of x matter. An explicit learning rate gives exactly the published
    rule.

    Examples
    --------
    >>> import fastopt
    >>> res = fastopt.minimize(lambda x: (x[0] - 3) ** 2 + (x[1] + 1) ** 2, [0.0, 0.0])
    >>> res.success, res.x.round(4).tolist()
    (True, [3.0, -1.0])
    """
    rule = _options.find_rule(method)
    target = _dispatch.target(device, x0)
    if not hasattr(target, "compiled_solver"):
        raise NotImplementedError(
            "minimize does not run on CUDA devices yet (its sweeps do); use device='cpu'"
        )
    x0 = start_point(x0)
    chosen = _options.parse(rule, options, tol, x0.dtype)
    box = box_of(bounds, x0)
    args = args if isinstance(args, tuple) else (args,)
    objective = _objective.build(fun, jac, args, chosen.schedule, chosen.steps, x0)
    problem = _Problem(rule, x0, box, chosen, objective, target)
    return problem.run(callback_of(callback, x0.shape))


def start_point(x0):
    """x0 as a fresh float array of at least one dimension."""
    x = np.asarray(x0)
    if x.dtype.kind in "iu":
        x = x.astype(np.float64)
    if x.dtype not in (np.float32, np.float64):
        raise TypeError(
            f"x0 has dtype {x.dtype}; float64, float32 and integers are accepted"
            + (" (minimise over real and imaginary parts)" if x.dtype.kind == "c" else "")
        )
    if x.size == 0:
        raise ValueError("x0 is empty; it needs at least one component")
    if not np.isfinite(x).all():
        raise ValueError(f"x0 is not finite at component {_first(~np.isfinite(x))}")
    return np.array(np.atleast_1d(x), dtype=x.dtype.newbyteorder("="), order="C")


def box_of(bounds, x):
    """(low, high) as flat arrays in x's type, or None."""
    if bounds is None:
        return None
    if hasattr(bounds, "lb"):
        low, high = (np.broadcast_to(np.asarray(b, float), x.shape) for b in (bounds.lb, bounds.ub))
    else:
        pairs = [tuple(pair) for pair in bounds]
        if len(pairs) != x.size or any(len(pair) != 2 for pair in pairs):
            raise ValueError(
                f"bounds must be {x.size} pairs (low, high), one a component of x0, "
                f"or a scipy.optimize.Bounds; {len(pairs)} were given"
            )
        low = np.array([-math.inf if a is None else a for a, _ in pairs], float)
        high = np.array([math.inf if b is None else b for _, b in pairs], float)
    low, high = (np.ascontiguousarray(b, x.dtype).reshape(-1) for b in (low, high))
    if (bad := ~(low <= high)).any():  # NaN too
        i = _first(bad)
        raise ValueError(f"bounds of component {i} are ({low[i]:g}, {high[i]:g}): low above high")
    flat = x.reshape(-1)
    if (bad := (flat < low) | (flat > high)).any():
        i = _first(bad)
        raise ValueError(
            f"x0[{i}] = {flat[i]:g} lies outside its bounds ({low[i]:g}, {high[i]:g}); "
            "numpy.clip(x0, low, high) moves it inside"
        )
    return low, high


def _first(flags):
    return int(np.flatnonzero(flags)[0])


def callback_of(callback, shape):
    """The user's callback as a function of (x, run), true where it asks to stop."""
    if callback is None:
        return None
    if not callable(callback):
        raise TypeError(f"callback must be a function, not {type(callback).__name__}")
    try:
        names = set(inspect.signature(callback).parameters)
    except ValueError:  # some builtins have no signature
        names = set()

    def call(x, run):
        x = x.reshape(shape).copy()
        try:
            if names == {"intermediate_result"}:
                callback(
                    intermediate_result=_result.intermediate(
                        x=x, fun=run.f, nit=int(run.nit), nfev=int(run.nfev)
                    )
                )
            else:
                callback(x)
        except StopIteration:
            return True
        return False

    return call


class _Problem:
    """The arrays and the compiled loop of one problem."""

    def __init__(self, rule, x0, box, chosen, objective, target):
        dtype, n = x0.dtype, x0.size
        uses = rules.uses(rule, chosen.rule)
        auto = chosen.schedule is None
        rows = iter(np.zeros((4 + 5 * auto + sum(uses), n), dtype))
        x, g, best_x, best_g = (next(rows) for _ in range(4))
        x[:] = best_x[:] = x0.reshape(-1)
        best_g[:] = math.nan
        low, high = box or (x, x)
        self.moving, self.still = (g, x), (low, high, best_x, best_g, np.full(1, math.nan))
        if auto:
            self.moving = (x, g, *(next(rows) for _ in range(4)))
            self.still += (next(rows),)
            self.still[-1][:] = typical(x)
        self.x, self.shaped = x, self.moving[-1].reshape(x0.shape)
        self.state = tuple(next(rows) if used else x for used in uses)
        if not auto:
            v0 = getattr(chosen.rule, "initial_accumulator", 0.0)
            target.fill_state(rule, uses, dtype)(self.state, n, v0)
        solver = target.compiled_solver if objective.compiled else target.plain_solver
        self.solve = solver(rule, uses, dtype, box is not None, x0.shape, objective)
        schedule = chosen.schedule if hasattr(chosen.schedule, "_fields") else ()
        self.fixed = chosen.limits, chosen.rule, schedule, objective.data
        self.record = np.array(Run())
        self.chosen, self.objective = chosen, objective

    def run(self, callback):
        progress = Progress(self.chosen.disp, self.chosen.limits)
        try:
            status = self.drive(callback, progress)
        except KeyboardInterrupt:
            status = INTERRUPTED
        finally:
            progress.close()
        result = self.result(status)
        if self.chosen.disp:
            report(result)
        return result

    def drive(self, callback, progress):
        """Run the loop slice by slice until it ends; the status it ends with."""
        record, began = self.record, time.perf_counter()
        budget, nit = 8.0, 0.0
        while True:
            nfev, entered = record[2], time.perf_counter()
            until_nit = record[1] + 1.0 if callback else math.inf
            try:
                until = until_nit, record[2] + budget
                self.solve(
                    record, self.moving, self.still, self.shaped, self.state, *self.fixed, until
                )
            except Exception as error:
                explained = self.explained(error)
                if explained is error:
                    raise
                raise explained from None
            run, now = Run(*record.tolist()), time.perf_counter()
            progress.update(run)
            if callback and run.nit > nit:
                nit = run.nit
                if callback(self.x, run):
                    return STOPPED
            if run.status != RUNNING:
                return run.status
            if now - began > self.chosen.maxtime:
                return MAXTIME
            speed = (run.nfev - nfev) / max(now - entered, 1e-7)
            budget = max(1.0, min(SLICE * speed, 32.0 * budget))
            if self.chosen.maxtime < math.inf:
                budget = max(1.0, min(budget, speed * (self.chosen.maxtime - now + began)))

    def explained(self, error):
        if self.objective.compiled and type(error).__module__.startswith("numba."):
            from fastopt.derivatives import _explain

            return _explain.explain(error, self.objective, self.shaped)
        return error

    def result(self, status):
        run = Run(*self.record.tolist())
        best_x, best_g, best_f = self.still[2:5]
        shape = self.shaped.shape
        return _result.build(
            status,
            x=best_x.reshape(shape).copy(),
            fun=float(best_f[0]),
            jac=best_g.reshape(shape).copy(),
            nit=int(run.nit),
            nfev=int(run.nfev),
            njev=int(run.njev),
            x_last=self.x.reshape(shape).copy(),
            fun_last=run.f,
            jac_method=METHOD_NAMES.get(self.objective.method, self.objective.method),
            device="cpu",
        )


METHOD_NAMES = {"fun": "fun", "callable": "jac"}


def typical(x):
    """Sizes of the components of x0, in whose units the rule sees the problem; zeros get the
    largest, and an x0 of zeros has 1.
    """
    size = np.abs(x)
    return np.where(size > 0, size, size.max() or 1)
