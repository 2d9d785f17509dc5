"""A run of `minimize_stochastic` over a stream of mini-batches."""

import time

from fastopt.algorithms.minibatch import NIT, ROW, STATUS, EpochSettings
from fastopt.algorithms.status_codes import MAXITER, MAXTIME, RUNNING
from fastopt.drivers.training.run import Training


class StreamTraining(Training):
    """A run whose rows lie in the stream's arrays for one step only."""

    def __init__(self, stream, *given):
        super().__init__(*given)
        self.stream = stream
        self.seen = self.before_epoch = 0  # rows: in this epoch, and in the epochs before

    def begin_epoch(self):
        super().begin_epoch()
        self.before_epoch, self.seen = self.before_epoch + self.seen, 0

    def rows_of_run(self):
        return None  # not known

    def rows_of_epoch(self):
        return self.seen

    def rows_done(self):
        return self.before_epoch + self.seen

    def one_epoch(self, epoch, counter):
        """Take a step for each mini-batch of the stream; return the status after them."""
        for rows in self.stream.epoch(epoch):
            if self.record[NIT] >= self.settings.limits.maxiter:
                return MAXITER
            if time.perf_counter() - self.began > self.settings.maxtime:
                return MAXTIME
            self.checks.stream_of(self.stream.fields, rows)
            status = self.one_step(epoch, rows)
            counter.update(self.rows_done())
            if status != RUNNING:
                return status
        return RUNNING

    def one_step(self, epoch, rows):
        """Take the step of a mini-batch, or several if the run begins again; return the status."""
        average, rate = epoch >= self.work.average, self.constant_rate()
        self.solve.plan[:] = EpochSettings(rows, False, self.work.decay, average, rate)
        self.record[ROW] = 0.0
        while self.record[ROW] == 0.0:
            self.solve(1.0)
            status = self.status_after()
            if status != RUNNING:
                return status
        self.seen += rows
        return self.record[STATUS]
