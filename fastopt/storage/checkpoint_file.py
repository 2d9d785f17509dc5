"""A checkpoint file: the identity of the problem, and all arrays of its run.

So a run that was killed can continue. `problem_of` lists what the identity is made of. The arrays
are those of `Resumable.snapshot`: the iterates, the rule's state, and the scalars of the loop.
"""

import os
import tempfile
import time

from fastopt._sentences import warn
from fastopt.algorithms.fits.fit_state import FitArrays, FitRun
from fastopt.algorithms.minibatch import TrainingState
from fastopt.algorithms.run_state import SCALARS
from fastopt.storage.npz import clean_up, load, save
from fastopt.storage.problem_identity import differences, identity

# Version of the file format. Increase it when the layout of the arrays of a problem changes.
VERSION = 1, *SCALARS, *FitRun._fields, *FitArrays._fields, *TrainingState._fields
MIN_INTERVAL = 1.0  # seconds between two writes, at least
MAX_TIME_FRACTION = 0.01  # largest share of run time for writing; a slow write delays the next one


def problem_of(call, rule, settings, tables, free=(), **given):
    """Return the identity of everything that decides the answer, by name: see `identity`.

    `given` are arguments of the call, checked. Tuples called `data` and `args` are named one by
    one. `free` are the names of options that may change.
    """
    options = {}
    for template, table in tables:
        columns = zip(getattr(template, "_fields", ()), table.T, strict=True)
        options |= {name: float(c[0]) if (c == c[0]).all() else c for name, c in columns}
    rate = settings.schedule or "auto"
    ours = hasattr(rate, "_fields")  # one of fastopt.schedules: its numbers are in the tables
    options["learning_rate"] = options.pop("rate") if ours else rate
    options |= {"finite_diff_rel_step": settings.steps, "maxcor": settings.maxcor}
    options |= {"fast_math_functions": settings.fast}
    named = {"call": call, "method": rule.__name__.rpartition(".")[2]}
    parts = {name: given.pop(name, ()) for name in ("data", "args")}
    named |= given
    named |= {f"{name}[{k}]": v for name, part in parts.items() for k, v in enumerate(part)}
    named |= {f"options[{name!r}]": v for name, v in options.items() if name not in free}
    return identity({**named, "schedule": type(rate).__name__ if ours else None})


class Checkpoint:
    """A file with the state of a run.

    Parameters
    ----------
    path : str
        The absolute path of the file.
    problem : dict
        The identity of the problem, from `problem_of`.

    Attributes
    ----------
    found : dict or None
        The state in the file; None if there is no file yet.

    Raises
    ------
    ValueError
        If the file is something else, or the checkpoint of another problem.
    OSError
        If the file cannot be read or written.
    """

    def __init__(self, path, problem):
        self.path, self.problem, self.next = path, problem, time.perf_counter() + MIN_INTERVAL
        self.found = self.read() if os.path.exists(path) else None
        clean_up(path)
        with tempfile.TemporaryFile(dir=os.path.dirname(path)):
            pass  # raises now if the folder is not writable, not in the middle of the run

    def read(self):
        found = load(self.path)
        version = found.pop("checkpoint", None)
        if version is None or not isinstance(found.get("problem"), dict):
            raise ValueError(f"{self.path} is no checkpoint, but a file of fastopt.save's")
        if version != VERSION:
            raise ValueError(
                f"{self.path} is the checkpoint of another version of fastopt; delete it to start "
                "again"
            )
        if differs := differences(found.pop("problem"), self.problem):
            raise ValueError(
                f"{self.path} is the checkpoint of another problem; these differ: {differs}. "
                "Delete it to start again, or name another file in options['checkpoint']"
            )
        return found

    def is_due(self):
        return time.perf_counter() > self.next

    def write(self, waited=0.0, **state):
        """Write the state; the run was paused for `waited` seconds to collect it."""
        began = time.perf_counter()
        save(self.path, checkpoint=VERSION, problem=self.problem, **state)
        now = time.perf_counter()
        self.next = now + max(MIN_INTERVAL, (waited + now - began) / MAX_TIME_FRACTION)

    def failed(self, error):
        """Warn that writing failed; the run goes on (after a full disk, for example)."""
        self.next = time.perf_counter() + 10.0 * MIN_INTERVAL
        said = f"the checkpoint {self.path} cannot be written ({error}); the run goes on"
        warn(said, RuntimeWarning)
