"""A prepared solver: checked and compiled once, then called from Python or from compiled code."""

import time
from typing import Any

import numpy as np

from fastopt.algorithms.status_codes import MESSAGES, NEGATIVE_RATE, RUNNING
from fastopt.arrays import arguments
from fastopt.compiling import compiler, content_digest
from fastopt.concurrency.time_slices import next_amount
from fastopt.drivers.objective_checks import shapes_misfit
from fastopt.inputs.start_and_bounds import floats
from fastopt.targets.cpu.solvers import solver_arguments, solver_type
from fastopt.targets.cpu.solvers.solver_call import OBJECT
from fastopt.targets.cpu.solvers.solver_plan import Plan, Scratch

LABEL = "the solver"
MOST_IDLE = 64  # pieces of memory kept for later calls
NEGATIVE = "The schedule's learning_rate(t) is negative at the next step, t = nit + 1."


class PreparedSolver:
    """A solver of one function for starts of one shape and arguments of the same types.

    ``solve(x0, *args, out=None)`` returns a named tuple: x, the value there, ``status, nit, nfev,
    success``. Python and compiled code call it in the same way. See `fastopt.solver`.
    """

    def __init__(self, problem, places, x0, args, result, again, check):
        self._plan = plan = Plan(problem, places)
        plan.plan[OBJECT] = id(self)
        self.plan_address = plan.address
        self.shape, self.dtype, self._result = x0.shape, x0.dtype, result
        self._again = again  # (function, its positional and its keyword arguments)
        self._contents = _contents(again)
        self._kinds = plan.kinds
        self._numba_type_ = solver_type.SolverType(plan.real, x0.shape, plan.kinds, result, LABEL)
        self._fingerprint = solver_arguments.fingerprint(args)
        self._problem, self._fun, self._check_indices = problem, again[1][0], check
        self._whole = any(map(_may_be_index, args))
        self._checked = {_shapes(args)}
        self._budget, self._idle = 1.0, [Scratch(plan, x0)]

    def __call__(self, x0, *args, out=None):
        """Solve one problem; see `fastopt.solver`."""
        ready = arguments.ready(args)
        if ready is not args or solver_arguments.fingerprint(args) != self._fingerprint:
            args = solver_arguments.matched(args, self._kinds, LABEL)
        if self._whole or _shapes(args) not in self._checked:
            self._check(args)
        if type(x0) is not np.ndarray or x0.dtype != self.dtype or x0.shape != self.shape:
            x0 = self._start(x0)
        if out is not None:
            self._require_out(out)
        try:
            own = self._idle.pop()
        except IndexError:  # other threads have them
            own = Scratch(self._plan, x0)
        own.x[...] = x0
        try:
            own.begin(self._budget, args)
        except ValueError as error:
            raise shapes_misfit(error, x0, args) or error from None
        f, status, nit, nfev, success = own.found.tolist()
        if status == RUNNING:
            f, status, nit, nfev, success = self._go_on(own, args)
        x = own.x.copy() if out is None else out
        if out is not None:
            out[...] = own.x
        if len(self._idle) < MOST_IDLE:
            self._idle.append(own)
        return self._result(x, f, int(status), int(nit), int(nfev), success != 0.0)

    def _go_on(self, own, args):
        """Run the problem to its end, in slices between which Ctrl-C is heard."""
        budget, done = self._budget, own.found.item(3)
        try:
            while True:
                entered = time.perf_counter()
                own.go_on(budget, args)
                found = own.found.tolist()
                if found[1] != RUNNING:
                    self._budget = budget
                    return found
                budget = next_amount(budget, found[3] - done, time.perf_counter() - entered)
                done = found[3]
        except BaseException:
            own.give_up()
            raise

    def _start(self, x0):
        """Return x0 as an array; raise an error if it is not of the right shape and type."""
        x = floats(x0)
        x = x if x.ndim else x.reshape(1)
        if x.shape != self.shape:
            raise ValueError(
                f"x0 has shape {x.shape}, but the solver was prepared for {self.shape}; prepare "
                "another one with such a start"
            )
        if x.dtype != self.dtype and isinstance(x0, np.ndarray) and x0.dtype.kind == "f":
            raise TypeError(
                f"x0 has dtype {x0.dtype}, but the solver was prepared for {self.dtype}; convert "
                f"it with .astype(np.{self.dtype})"
            )
        return x

    def _require_out(self, out):
        if type(out) is not np.ndarray or out.shape != self.shape or out.dtype != self.dtype:
            given = type(out).__name__
            if isinstance(out, np.ndarray):
                given = f"an array of {out.dtype} and shape {out.shape}"
            raise TypeError(
                f"out is {given}; it must be an array of {self.dtype} and shape {self.shape}"
            )
        if not out.flags.writeable:
            raise ValueError(
                "out is read-only; give an array to write x to, such as a copy (.copy())"
            )

    def _check(self, args):
        """Check that `fun` does not index outside of arguments of new shapes."""
        self._check_indices(args)
        if len(self._checked) > 1000:
            self._checked.clear()
        self._checked.add(_shapes(args))
        self._budget = 1.0  # evaluations may take longer now

    @staticmethod
    def message(status):
        """Return the sentence of a status, that of `minimize`'s ``result.message``."""
        try:
            if isinstance(status, bool) or int(status) != status:
                raise ValueError
            return NEGATIVE if status == NEGATIVE_RATE else MESSAGES[int(status)]
        except (KeyError, TypeError, ValueError, OverflowError):
            raise ValueError(f"status = {status!r}; it must be the status of a solution") from None

    @property
    def jac_method(self):
        """Return the source of the gradient, as in ``result.jac_method`` of `minimize`."""
        return self._problem.objective.source()

    def __repr__(self):
        name = getattr(self._fun, "__name__", "?")
        kinds = ", ".join(map(str, self._kinds)) or "none"
        return f"<solver of {name}: x0 {self.dtype} {self.shape}, args {kinds}>"

    def __reduce__(self):
        if _contents(self._again) != self._contents:
            raise TypeError(
                "the function of this solver, or one that it calls, has been redefined since; "
                "prepare the solver again before you send it to another process"
            )
        return _rebuilt, (compiler.dumps(self._again, "the solver"),)


def _rebuilt(recipe):
    call, args, keywords = compiler.loads(recipe)
    return call(*args, **keywords)


def _contents(again):
    """Return digests of the user's functions with their present globals."""
    _, args, keywords = again
    functions = args[0], keywords.get("jac")
    found = (content_digest.of(f, plain=True) for f in functions if callable(f))
    return tuple(content.digest for content in found)


def _may_be_index(value) -> bool:
    """Return True for arguments whose values are checked in every call: see `check_indices`."""
    if isinstance(value, tuple):
        return True
    kind: Any = getattr(value, "dtype", None)
    return kind.kind in "biu" if kind is not None else isinstance(value, int)


def _shapes(args):
    """Return what of arguments decides whether indices are inside."""
    return tuple([a.shape if type(a) is np.ndarray else type(a) for a in args])
