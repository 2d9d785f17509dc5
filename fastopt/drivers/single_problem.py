"""One problem during its run: its arrays, its loop, and the checks between slices of it."""

import math
import time
from typing import Any

import numpy as np

from fastopt import rules
from fastopt.algorithms import fused_passes, problem_arrays
from fastopt.algorithms.run_state import FRESH, NFEV, NIT, F, apart, run_of, width
from fastopt.algorithms.status_codes import INTERRUPTED, NO_STEP
from fastopt.drivers import kinks_of_problem
from fastopt.drivers.resumable import Resumable
from fastopt.results import optimize_result
from fastopt.results.progress import Progress, report

FAR = 1e3  # size of x over that of x0 from which a failure is told as a fall to infinity
INITIAL_RUN = np.array(FRESH)


class Problem(Resumable):
    """The arrays and the compiled loop of one problem."""

    shapes: Any = None  # those of the arguments of its last run: see `reused_problems`
    is_checked = False  # whether the indices of `fun` are known to be inside of them

    def __init__(self, rule, x0, box, settings, objective, target):
        dtype, n = x0.dtype, x0.size
        uses = rules.uses(rule, settings.rule)
        auto = settings.schedule is None
        pairs = 2 * settings.maxcor if auto else 0
        names, wide = problem_arrays.vectors(auto, box is not None, uses), width(n)
        rows, run = pairs + len(names), len(FRESH)
        self.arrays = block = apart(rows * wide, dtype).reshape(rows, wide)
        self.fused = fused = auto and box is None and pairs > 0 and n >= fused_passes.LEAST_SIZE
        numbers = fused_passes.shapes(settings.maxcor, n) if fused else ((pairs,),)
        self.scalars = scalars = apart(run + 1 + sum(map(math.prod, numbers)), float)
        self.record = scalars[:run]
        at = {**dict(zip(names, block[pairs:, :n], strict=True)), "best_f": scalars[run : run + 1]}
        if auto:
            parts = np.split(scalars[run + 1 :], np.cumsum([*map(math.prod, numbers)])[:-1])
            along = [part.reshape(shape) for part, shape in zip(parts, numbers, strict=True)]
            at["pairs"] = block[:pairs]
            at["along"] = fused_passes.PairNumbers(*along) if fused else along[0]
        self.x, self.iterates, self.workspace, self.state = problem_arrays.assembled(at, uses)
        self.x_shaped = self.iterates.new.reshape(x0.shape)
        self.put_start(x0, box)
        schedule = settings.schedule if hasattr(settings.schedule, "_fields") else ()
        self.fixed = settings.limits, settings.rule, schedule, objective.data
        self.settings, self.objective, self.before = settings, objective, 0
        self.compiled = objective.compiled
        bound = rule, uses, dtype, box is not None
        if objective.compiled:
            self.solve = target.compiled_solver(*bound, self)
        else:
            self.solve = target.plain_solver(*bound, self)
        # The error of compiling `fun` for duals, if Python runs it instead.
        self.reason: Exception | None = None

    def put_start(self, x0, box):
        """Put the start into arrays of zeros."""
        own, self.start = self.workspace, x0.reshape(-1)
        self.x[:] = own.best_x[:] = self.start
        own.best_g.fill(math.nan)
        if box is not None:
            own.low[:], own.high[:] = box
        self.record[:], own.best_f[0] = INITIAL_RUN, math.nan

    def begin(self, x0, box, args):
        """Reset the arrays for another problem of the same kind, with its own start."""
        self.arrays.fill(0.0)
        self.scalars[len(FRESH) :] = 0.0
        self.put_start(x0, box)
        self.before, self.evaluations_before = 0, 0.0
        self.hold(args)

    def hold(self, args):
        """Set the arguments of a compiled objective."""
        limits, rule, schedule, data = self.fixed
        if not args and not data[0]:
            return
        data = args, *data[1:]
        self.fixed = limits, rule, schedule, data
        self.objective = self.objective.holding(data)
        self.solve.hold(data)

    def compile(self):
        """Compile the loop (or load it), without running it."""
        if self.compiled:
            self.solve.compile()
        else:
            self.call((0.0, 0.0))

    def call(self, until):
        """Run the loop until it reaches these numbers of iterations and evaluations."""
        if self.compiled:
            self.solve(until)
        else:
            self.solve(*self.arguments(until))

    def advance(self, until):
        """Run `call`; an error becomes one in the user's terms."""
        try:
            self.call(until)
        except Exception as error:
            user_error = self.as_user_error(error)
            if user_error is error:
                raise
            raise user_error from None

    def arguments(self, until):
        """Return the arguments of the solver."""
        arrays = self.record, self.iterates, self.workspace, self.x_shaped, self.state
        return (*arrays, *self.fixed, until)

    def run(self, callback):
        settings, began = self.settings, time.perf_counter()
        progress = Progress(settings.disp, settings.limits)
        try:
            status = self.run_until_done(callback, progress)
            whole = True
        except KeyboardInterrupt:
            status = INTERRUPTED
            # If Ctrl-C interrupted an evaluation in Python, the state is between two iterations.
            whole = self.compiled and self.record[NFEV] > self.evaluations_before
            self.interrupted()
        finally:
            progress.close()
        if self.checkpoint and whole:
            self.write()
        if status == NO_STEP:  # after the checkpoint: a resumed run does the same
            status = self.examine(began + settings.maxtime)
        result = self.result(status)
        if settings.disp:
            report(result)
        return result

    def examine(self, until):
        """Return the status of a point at which no step reduces f: it may be a minimum."""
        return kinks_of_problem.examine(self, until)

    def iterate(self):
        """Return a copy of x for the callback."""
        return self.x.reshape(self.x_shaped.shape).copy()

    def interrupted(self):
        """Return x to the best point after a Ctrl-C inside fun: the last point has no value."""
        if not self.compiled:
            self.x[:], self.record[F] = self.workspace.best_x, self.workspace.best_f[0]

    def scalars_now(self):
        return run_of(self.record)

    def why_not_differentiable(self, error):
        """Return an error that explains why `fun` has no exact derivatives, or cannot compile."""
        from fastopt.derivatives import error_messages, kept_refusals

        if isinstance(error, kept_refusals.Refusal):
            return TypeError(str(error))
        found = error_messages.why_not_differentiable(error, self.objective, self.x_shaped)
        if found is not error:
            self.keep_refusal(found)
        return found

    def why_not_reversible(self, error):
        """Return an error that explains why `fun` has no reverse, or cannot be compiled."""
        from fastopt.derivatives import derived_mode, kept_refusals

        if isinstance(error, kept_refusals.Refusal):
            return derived_mode.NoReverse(str(error))
        bindings, args = self.objective.bindings, self.objective.data[0]
        found = derived_mode.why_not(bindings["reverse_gradient"], self.x_shaped, args)
        if found is None:
            return self.as_user_error(error)
        if found.__cause__ is None:
            self.keep_refusal(found)
        return found

    def keep_refusal(self, error):
        """Keep the error for later processes, so that they do not compile in vain."""
        from fastopt.derivatives import kept_refusals

        if self.solve.kind is not None:  # None: args have no Numba type
            fun = self.objective.bindings["fun"]
            kept_refusals.keep(self.solve.evaluate, self.solve.kinds(), fun, error)

    def as_user_error(self, error):
        if self.reason is not None and isinstance(error, TypeError):
            from_python = str(error).startswith("fun cannot be differentiated")
            return error if from_python else self.reason
        if self.compiled:
            from fastopt.derivatives import error_messages

            if error_messages.is_of_compiling(error):
                return error_messages.explain(error, self.objective, self.x_shaped)
        return error

    def result(self, status):
        nit, nfev, njev, f = self.record[NIT : F + 1].tolist()
        own, source = self.workspace, self.objective.source()
        x, g, last = own.best_x.copy(), own.best_g.copy(), self.x.copy()
        shape = self.x_shaped.shape
        if len(shape) != 1:
            x, g, last = x.reshape(shape), g.reshape(shape), last.reshape(shape)
        result = optimize_result.build(
            status,
            x=x,
            fun=own.best_f.item(),
            jac=g,
            nit=int(nit),
            nfev=int(nfev) + self.before,
            njev=int(njev),
            x_last=last,
            fun_last=f,
            jac_method=source,
            device="cpu",
        )
        if status == NO_STEP:
            far = FAR * np.max(abs(self.start), initial=0.0)
            if np.max(abs(own.best_x)) >= far > 0.0:
                result.message = optimize_result.no_step(source, far=True)
        return result
