"""The checkpoint of a batch: a row for each finished problem, and the state of unfinished ones.

The rows go to a second file, each row once. The checkpoint itself is small. It is written when the
rows are on disk, and holds the size of the valid part of their file.
"""

import os
import time
import zlib

import numpy as np

from fastopt.algorithms.status_codes import MAXTIME, RAISED
from fastopt.storage.checkpoint_file import Checkpoint, problem_of
from fastopt.storage.npz import open_own

ROWS_PER_WRITE = 65_536  # rows written or read at a time; it bounds the memory


class BatchCheckpoint:
    """A checkpoint and its file of rows.

    Parameters
    ----------
    call : str
        The name of the user's call.
    batch : `batch_inputs.Batch`
    rule
    results : `batch_worker.Results` or `fit_worker.FitResults`
        Results of problems that have not run; those in the file are filled in.
    start : str
        The name of the argument with the start.
    given
        Further arguments of `problem_of`: the functions as the user gave them, and the data.

    Attributes
    ----------
    begun : list of (int, dict)
        Unfinished problems, by number, and their states.

    Raises
    ------
    ValueError, OSError
        As for `Checkpoint`. OSError also if the file of rows is a link, or of another run.
    """

    def __init__(self, call, batch, rule, results, start="x0", **given):
        problem_data, path = batch.problem_data, batch.settings.checkpoint
        box = batch.example.box and (problem_data.low, problem_data.high)
        tables = problem_data.limits, problem_data.options, problem_data.schedule
        given |= {start: (batch.shape, problem_data.x0), "bounds": box}
        problem = problem_of(call, rule, batch.settings, tables, **given)
        self.file, self.path, self.results = Checkpoint(path, problem), f"{path}.rows", results
        columns = [(name, a.dtype, a.shape[1:]) for name, a in results._asdict().items()]
        self.row = np.dtype([("b", np.int64), *columns])
        self.written = np.zeros(batch.problems, bool)
        self.size, self.check, self.begun = 0, 0, []  # size of the rows in bytes, checksum
        self.new = not self.file.found
        if self.file.found:
            self.read(**self.file.found)
        elif os.path.lexists(self.path):
            self.begin()

    @classmethod
    def wanted(cls, call, batch, *given, **named):
        """Return the checkpoint of a batch if its options ask for one, else None."""
        wanted = batch.settings.checkpoint and batch.problems
        return cls(call, batch, *given, **named) if wanted else None

    def begin(self, create=False):
        """Raise if the file of rows has contents although there is no checkpoint yet."""
        with open_own(self.path, create=create) as file:
            if file.read(1):
                raise FileExistsError(
                    f"{self.path} exists, but the checkpoint {self.file.path} that it would belong "
                    "to does not. Delete or move it, or name another file in "
                    "options['checkpoint']"
                )

    def is_due(self):
        return self.file.is_due()

    def write(self, scheduler, last=False):
        """Write the rows finished since the last write, and the states of unfinished problems."""
        began = time.perf_counter()
        begun = scheduler.pause()
        status = self.results.status  # exceptions are not written: those problems run again
        finished = np.flatnonzero((status < MAXTIME) & (status != RAISED) & ~self.written)
        if not last:
            scheduler.start()
        # Time the threads were paused. Writing rows is excluded: each row is written once anyway.
        waited = time.perf_counter() - began
        try:
            if self.new:
                self.begin(create=True)
                # Written first, so that the rows have a checkpoint if `append` is killed.
                self.file.write(size=0, check=0, begun=[])
                self.new = False
            self.append(finished)
            self.file.write(waited, size=self.size, check=self.check, begun=begun)
        except OSError as error:
            self.file.failed(error)

    def append(self, finished):
        """Append the rows of these problems to the valid ones."""
        size, check = self.size, self.check
        with open_own(self.path) as file:
            file.seek(size)
            for first in range(0, len(finished), ROWS_PER_WRITE):
                some = finished[first : first + ROWS_PER_WRITE]
                rows = np.empty(len(some), self.row)
                rows["b"] = some
                for name, values in self.results._asdict().items():
                    rows[name] = values[some]
                data = rows.tobytes()
                file.write(data)
                size, check = size + len(data), zlib.crc32(data, check)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        self.size, self.check = size, check
        self.written[finished] = True

    def read(self, size, check, begun):
        """Read the valid rows into the results."""
        self.size, self.check, self.begun = size, check, begun
        if not os.path.lexists(self.path):
            raise FileNotFoundError(
                f"{self.path} is missing: it holds the finished problems of the checkpoint "
                f"{self.file.path}. Delete this one too to start again"
            )
        good = 0
        with open_own(self.path) as file:
            for first in range(0, size, ROWS_PER_WRITE * self.row.itemsize):
                data = file.read(min(ROWS_PER_WRITE * self.row.itemsize, size - first))
                good = zlib.crc32(data, good)
                if len(data) % self.row.itemsize == 0:
                    self.load_rows(np.frombuffer(data, self.row))
            if good != check or file.tell() != size:
                raise ValueError(
                    f"{self.path} does not hold the {size:,} bytes that belong to the checkpoint "
                    f"{self.file.path}: it is damaged, or of another run. Delete both to start "
                    "again"
                )

    def load_rows(self, rows):
        at = rows["b"]
        if len(at) and not (0 <= at.min() <= at.max() < len(self.written)):
            return  # damaged: the checksum will not match
        for name, values in self.results._asdict().items():
            values[at] = rows[name]
        self.written[at] = True
