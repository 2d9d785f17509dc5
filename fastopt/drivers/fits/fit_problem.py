"""One fit during its run: its arrays, its loop, and the checks between slices of it."""

import math
import time

import numpy as np

from fastopt import rules
from fastopt.concurrency.time_slices import next_amount
from fastopt.results.progress import Progress
from fastopt.solver.fits.fit_state import (
    FRESH,
    NFEV,
    NIT,
    FitArrays,
    FitPoints,
    FitRun,
    places,
)
from fastopt.solver.run_state import apart
from fastopt.solver.status_codes import INTERRUPTED, MAXTIME, RUNNING, STOPPED
from fastopt.targets.cpu import fit_target

_MATRICES = "equations", "factor"


class FitProblem:
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
        self.record = apart(len(FRESH), float)
        vectors = [f for f in FitArrays._fields if f not in (*_MATRICES, "found")]
        names = *FitPoints._fields, *vectors, *(f"slot {k}" for k in range(len(uses)))
        rows, square = len(names), n * n
        memory = apart(rows * n + 2 * square + places(n)[-1], float)
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

    def call(self, until):
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

    def run(self, callback):
        """Run the loop slice by slice until it ends; return its status."""
        progress, began = Progress(self.settings.disp, self.settings.limits), time.perf_counter()
        record, budget = self.record, 1.0
        try:
            while True:
                before, entered = record[NFEV], time.perf_counter()
                nit = record[NIT]
                until = nit + 1.0 if callback else math.inf
                self.call((until, before + budget))
                run, now = FitRun(*record.tolist()), time.perf_counter()
                progress.update(run)
                if callback and run.nit > nit:
                    told = {"fun": run.f, "nit": int(run.nit), "nfev": int(run.nfev)}
                    if callback(self.x.copy(), **told):
                        return STOPPED
                if run.status != RUNNING:
                    return run.status
                left = self.settings.maxtime - (now - began)
                if left < 0.0:
                    return MAXTIME
                if self.compiled:
                    budget = next_amount(budget, run.nfev - before, now - entered, left)
        except KeyboardInterrupt:
            return INTERRUPTED
        finally:
            progress.close()
