"""One fit during its run: its arrays, its loop, and the checks between slices of it."""

import math

import numpy as np

from fastopt import rules
from fastopt.algorithms.fits.fit_state import FRESH, NFEV, FitArrays, FitPoints, FitRun, places
from fastopt.algorithms.run_state import apart
from fastopt.algorithms.status_codes import INTERRUPTED
from fastopt.drivers.resumable import Resumable
from fastopt.results.progress import Progress
from fastopt.targets.cpu import fit_target

_MATRICES = "equations", "factor"


class FitProblem(Resumable):
    """The arrays and the loop of one fit.

    Parameters
    ----------
    rule : module
    x0 : ndarray (n,) of float64
    box : (low, high) or None
    settings : Options
    objective : Objective or PythonResiduals
    """

    def __init__(self, rule, x0, box, settings, objective):
        n, self.settings, self.objective = x0.size, settings, objective
        self.compiled = hasattr(objective, "bindings")
        uses, bounded = rules.uses(rule, settings.rule), box is not None
        self.scalars = apart(len(FRESH) + 1, float)  # the last: evaluations beyond the loop's
        self.record = self.scalars[:-1]
        vectors = [f for f in FitArrays._fields if f not in (*_MATRICES, "found")]
        names = *FitPoints._fields, *vectors, *(f"slot {k}" for k in range(len(uses)))
        rows, square = len(names), n * n
        self.arrays = memory = apart(rows * n + 2 * square + places(n)[-1], float)
        at = dict(zip(names, memory[: rows * n].reshape(rows, n), strict=True))
        rest = memory[rows * n :]
        for k, name in enumerate(_MATRICES):
            at[name] = rest[k * square : (k + 1) * square].reshape(n, n)
        at["found"] = rest[2 * square :]
        self.iterates = FitPoints(*(at[name] for name in FitPoints._fields))
        self.workspace = FitArrays(*(at[name] for name in FitArrays._fields))
        self.state = tuple(at[f"slot {k}"] for k in range(len(uses)))
        self.x = self.iterates.x
        self.x[:], self.record[:] = x0, FRESH
        self.workspace.low[:], self.workspace.high[:] = box or (-math.inf, math.inf)
        schedule = ()
        if self.compiled:
            self.fixed = settings.limits, settings.rule, schedule, objective.data
            self.solve = fit_target.FitSolver(self, rule, uses, bounded)
        else:
            self.loop = fit_target.plain_loop(rule, uses, bounded, n)

    def compile(self):
        """Compile the loop (or load it), without running it."""
        if self.compiled:
            self.solve.compile()

    def advance(self, until):
        """Run the loop until it reaches these numbers of iterations and evaluations."""
        if self.compiled:
            self.solve(until)
            return
        limits, options = self.settings.limits, self.settings.rule
        run = FitRun(*self.record.tolist())
        own = self.iterates, self.workspace, self.state
        with np.errstate(all="ignore"):
            run = self.loop(run, *own, limits, options, self.objective, until)
        self.record[:] = tuple(run)

    def snapshot(self):
        if not self.compiled:
            self.scalars[-1] = self.objective.evaluations
        return super().snapshot()

    def restore(self, arrays, scalars):
        super().restore(arrays, scalars)
        if not self.compiled:
            self.objective.evaluations = int(scalars[-1])

    def run(self, callback):
        """Run the loop until it ends, and write its state if that is kept; return its status."""
        progress = Progress(self.settings.disp, self.settings.limits)
        whole = True
        try:
            status = self.run_until_done(callback, progress)
        except KeyboardInterrupt:
            status = INTERRUPTED
            # If Ctrl-C interrupted an evaluation in Python, the state is between two iterations.
            whole = self.compiled and self.record[NFEV] > self.evaluations_before
        finally:
            progress.close()
        if self.checkpoint and whole:
            self.write()
        return status

    def scalars_now(self):
        return FitRun(*self.record.tolist())

    def iterate(self):
        return self.x.copy()
