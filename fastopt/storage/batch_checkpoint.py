"""The checkpoint of a batch: a row for each finished problem, and the state of those under way.

The rows go to a file beside the checkpoint, each of them once, as they come. The checkpoint itself
is small; it says how much of that file counts, and is written when the rows are on disk.
"""

import os
import time
import zlib

import numpy as np

from fastopt.solver.status_codes import MAXTIME, RAISED
from fastopt.storage.npz import open_own
from fastopt.storage.run_checkpoint import Checkpoint, problem_of

ROWS_PER_WRITE = 65_536  # rows


class BatchCheckpoint:
    """A checkpoint and its rows.

    Parameters
    ----------
    batch : `batch_inputs.Batch`
    rule, fun, jac
        As the user gave them.
    results : `batch_worker.Results`
        Of problems that have not run; those in the file are filled in.

    Attributes
    ----------
    begun : list of (int, dict)
        Problems under way, by number, and their states.

    Raises
    ------
    ValueError, OSError
        As `Checkpoint`. OSError also if the file of rows is a link, or not this run's.
    """

    def __init__(self, batch, rule, fun, jac, results):
        given, path = batch.given, batch.chosen.checkpoint
        box = batch.example.box and (given.low, given.high)
        tables = given.limits, given.options, given.schedule
        decisive = (batch.shape, given.x0), box, given.fields, given.args, batch.chosen, tables
        problem = problem_of("minimize_batch", rule, fun, jac, *decisive)
        self.file, self.path, self.results = Checkpoint(path, problem), f"{path}.rows", results
        columns = [(name, a.dtype, a.shape[1:]) for name, a in results._asdict().items()]
        self.row = np.dtype([("b", np.int64), *columns])
        self.written = np.zeros(batch.problems, bool)
        self.size, self.check, self.begun = 0, 0, []  # bytes of rows and their checksum
        self.new = not self.file.found
        if self.file.found:
            self.read(**self.file.found)
        elif os.path.lexists(self.path):
            self.begin()

    def begin(self, create=False):
        """Raise if there is anything in the file of rows, before there is a checkpoint."""
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
        """What has been finished since the last time, and what is under way."""
        began = time.perf_counter()
        begun = scheduler.pause()
        status = self.results.status  # exceptions are not written: those problems run again
        finished = np.flatnonzero((status < MAXTIME) & (status != RAISED) & ~self.written)
        if not last:
            scheduler.start()
        waited = time.perf_counter() - began  # rows must be written some time: they do not count
        try:
            if self.new:
                self.begin(create=True)
                # With it the file of rows is ours, also if the process is killed in `append`.
                self.file.write(size=0, check=0, begun=[])
                self.new = False
            self.append(finished)
            self.file.write(waited, size=self.size, check=self.check, begun=begun)
        except OSError as error:
            self.file.failed(error)

    def append(self, finished):
        """Rows of these problems, after those that count."""
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
        """The rows that count, into the results."""
        self.size, self.check, self.begun = size, check, begun
        good = 0
        with open_own(self.path) as file:
            for first in range(0, size, ROWS_PER_WRITE * self.row.itemsize):
                data = file.read(min(ROWS_PER_WRITE * self.row.itemsize, size - first))
                good = zlib.crc32(data, good)
                if len(data) % self.row.itemsize == 0:
                    self.take(np.frombuffer(data, self.row))
            if good != check or file.tell() != size:
                raise ValueError(
                    f"{self.path} does not hold the {size:,} bytes that belong to the checkpoint "
                    f"{self.file.path}: it is damaged, or of another run. Delete both to begin anew"
                )

    def take(self, rows):
        at = rows["b"]
        if len(at) and not (0 <= at.min() <= at.max() < len(self.written)):
            return  # damaged, as the checksum will say
        for name, values in self.results._asdict().items():
            values[at] = rows[name]
        self.written[at] = True
