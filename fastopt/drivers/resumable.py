"""The state of a single problem, which a checkpoint can keep."""

from typing import Any

from fastopt.inputs import option_tables
from fastopt.solver.run_state import NFEV, NIT, STATUS
from fastopt.solver.status_codes import MAXFEV, MAXITER, RUNNING
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
    """The state of a problem between two calls of its loop: `arrays` and `scalars`.

    The first of the scalars are in `record`, which has the places of `run_state.Run`.
    """

    checkpoint: Any = None
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
