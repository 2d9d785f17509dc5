"""The slices in which a single problem is solved, and its state, which a checkpoint can keep."""

import math
import time
from typing import Any

from fastopt.algorithms.run_state import NFEV, NIT, STATUS
from fastopt.algorithms.status_codes import MAXFEV, MAXITER, MAXTIME, RUNNING, STOPPED
from fastopt.concurrency.time_slices import next_amount
from fastopt.inputs import option_tables
from fastopt.storage import checkpoint_file

# Options that may differ when a run is resumed: it continues as if it had always had the new ones.
MAY_CHANGE = "maxiter", "maxfev"


def checkpoint_of(call, rule, settings, **given):
    """Return the `Checkpoint` that the options ask for, or None; see `problem_of`."""
    if not settings.checkpoint:
        return None
    tables = option_tables.tables(settings, {})
    problem = checkpoint_file.problem_of(call, rule, settings, tables, MAY_CHANGE, **given)
    return checkpoint_file.Checkpoint(settings.checkpoint, problem)


class Resumable:
    """The state of a problem between two slices: `arrays` and `scalars`.

    The first of the scalars are in `record`, which has the places of `run_state.Run`. Besides, a
    problem has ``advance(until)``, ``scalars_now()`` and ``iterate()``, a copy of x.
    """

    checkpoint: Any = None
    evaluations_before = 0.0  # evaluations when the loop was last called
    first_budget = 1.0  # evaluations in the first slice, while nothing is known of their speed
    last_budget = 1.0  # those in the last slice
    compiled = False  # whether the objective is
    advance: Any
    scalars_now: Any
    iterate: Any
    arrays: Any
    scalars: Any
    record: Any
    settings: Any

    def keep(self, checkpoint):
        """Restore the state in a checkpoint, and write to it from now on."""
        self.checkpoint = checkpoint
        if checkpoint.found:
            self.restore(**checkpoint.found)
        status, nit, nfev = self.record[[STATUS, NIT, NFEV]]
        limits = self.settings.limits
        if status in (MAXITER, MAXFEV) and nit < limits.maxiter and nfev < limits.maxfev:
            self.record[STATUS] = RUNNING  # a limit was raised

    def snapshot(self):
        """Return the complete state of the loop, which a checkpoint file holds."""
        return {"arrays": self.arrays, "scalars": self.scalars}

    def restore(self, arrays, scalars):
        self.arrays[:], self.scalars[:] = arrays, scalars

    def write(self):
        try:
            self.checkpoint.write(**self.snapshot())
        except OSError as error:
            self.checkpoint.failed(error)

    def run_until_done(self, callback, progress):
        """Run the loop slice by slice until it ends; return its status."""
        record, began = self.record, time.perf_counter()
        # A plain objective runs one evaluation a slice, so that Ctrl-C finds all of them counted.
        budget, nit = self.first_budget, record[NIT]
        watched, entered = callback or progress.bar, began
        while True:
            self.evaluations_before = before = record.item(NFEV)
            until_nit = record[NIT] + 1.0 if callback else math.inf
            self.advance((until_nit, before + budget))
            status, now = record.item(STATUS), time.perf_counter()
            if not watched and status != RUNNING:
                return status
            run = self.scalars_now()
            progress.update(run)
            if callback and run.nit > nit:
                nit = run.nit
                callback_info = {"fun": run.f, "nit": int(run.nit), "nfev": int(run.nfev)}
                if callback(self.iterate(), **callback_info):
                    return STOPPED
            if run.status != RUNNING:
                return run.status
            left = self.settings.maxtime - (now - began)
            if left < 0.0:
                return MAXTIME
            if self.checkpoint and self.checkpoint.is_due():
                self.write()
            if self.compiled:
                budget = next_amount(budget, run.nfev - before, now - entered, left)
                self.last_budget = budget
            entered = time.perf_counter()
