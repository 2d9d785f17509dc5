"""Checks that `fun` stays inside of its arguments, for the rows of mini-batches."""

import numpy as np

from fastopt.arrays import data_rows
from fastopt.drivers import objective_checks


class IndexChecks:
    """Evaluates `fun` with checked indices for rows of all lengths, and for extreme numbers.

    Labels may be indices, so those with the least and the largest whole numbers are among them.

    Parameters
    ----------
    fun, objective, x, args, before
        As in `objective_checks.check_indices`; `before` are the arguments between x and the row.
    batch : int
        Rows in a mini-batch.
    together : bool
        Whether `fun` gets all rows of a mini-batch.
    """

    def __init__(self, fun, objective, x, args, before, batch, together):
        self.fun, self.objective, self.x, self.args = fun, objective, x, args
        self.before, self.batch, self.together = before, batch, together
        self.needed = False  # whether whole numbers may be indices outside
        self.seen: list = []  # the least and the largest whole numbers of a stream, by columns

    def rows_of(self, fields, order, most, whose="the data"):
        """Check rows of all shapes: longest and shortest, or full and last mini-batches.

        `most` is the largest number of rows that `fun` gets at once, `whose` is for errors.
        """
        if self.together:
            batches = min(self.batch, len(order)), len(order) % self.batch
            sizes = {min(rows, most) for rows in batches} | {rows % most for rows in batches}
            samples = [np.arange(size) for size in sizes - {0}]
        else:
            samples = data_rows.extremes(fields)
        for b in samples:
            where = " in one of the mini-batches" if self.together else f", in row {b} of {whose}"
            self.needed |= self._check(fields, b, where)
        if self.needed:
            self._extremes_of(fields, f" of {whose}")

    def stream_of(self, fields, rows):
        """Check the present mini-batch of a stream, if its whole numbers leave the range so far."""
        if not self.needed:
            return
        whole = [field[:rows] for field in fields if field.dtype.kind in "biu"]
        ranges = [end(field, axis=0) for field in whole for end in (np.min, np.max)]
        if not self.seen or any(map(_exceeds, ranges[::2], ranges[1::2], *self.seen)):
            self._extremes_of([field[:rows] for field in fields], " of a mini-batch")
            lows, highs = self.seen or (ranges[::2], ranges[1::2])
            lows = [np.minimum(*pair) for pair in zip(lows, ranges[::2], strict=True)]
            highs = [np.maximum(*pair) for pair in zip(highs, ranges[1::2], strict=True)]
            self.seen = [lows, highs]

    def _extremes_of(self, fields, where):
        size = min(self.batch, data_rows.count(fields[0]))
        for b in data_rows.whole_number_extremes(fields):
            self._check(fields, np.full(size, b) if self.together else b, f", in row {b}{where}")

    def _check(self, fields, b, where):
        if self.together:
            rows = tuple(np.array(field[b], order="C") for field in fields)
        else:
            rows = tuple(data_rows.row(field, b) for field in fields)
        given = self.fun, self.objective, self.x, (*rows, *self.args), where
        return objective_checks.check_indices(*given, written=self.before)


def _exceeds(low, high, least, largest):
    return (low < least).any() or (high > largest).any()
