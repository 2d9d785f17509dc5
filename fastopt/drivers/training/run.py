"""A run of `minimize_stochastic`: its arrays, its slices, and the results of its epochs."""

import math
import time
from typing import Any

import numpy as np

from fastopt import rules
from fastopt.algorithms.minibatch import (
    AVERAGED,
    KEY,
    LOSS,
    NIT,
    ROW,
    SHUFFLED,
    STATUS,
    EpochSettings,
    Part,
    TrainingState,
)
from fastopt.algorithms.run_state import apart
from fastopt.algorithms.status_codes import (
    DIVERGED,
    EARLY,
    EPOCHS,
    INTERRUPTED,
    MAXITER,
    MAXTIME,
    NONFINITE,
    RUNNING,
    STOPPED,
)
from fastopt.arrays import data_rows
from fastopt.derivatives import gradient_methods
from fastopt.drivers import objective_bindings, objective_checks
from fastopt.drivers.training import saved_state
from fastopt.drivers.training.automatic_rate import AutomaticRate
from fastopt.drivers.training.index_checks import IndexChecks
from fastopt.drivers.training.slices import StepsPerSlice
from fastopt.drivers.training.training_result import result_of
from fastopt.results.progress import Counter, report
from fastopt.targets.cpu.training import minibatch_step


class Training:
    """The arrays and the compiled loops of a run."""

    checkpoint: Any = None

    def __init__(self, fun, jac, args, rule, x0, work, settings, way):
        self.fun, self.work, self.settings, self.way = fun, work, settings, way
        self.began, n, dtype = time.perf_counter(), x0.size, x0.dtype
        uses = rules.uses(rule, settings.rule)
        self.block = apart((3 + sum(uses)) * n, dtype).reshape(-1, n)
        x, g, own, *slots = self.block
        x[:], slots = x0.reshape(-1), iter(slots)
        self.x, self.mean, self.record = x, np.zeros(n), np.array(TrainingState())
        self.x_shaped, self.own = x.reshape(x0.shape), own
        state = tuple(next(slots) if used else x for used in uses)
        # Arguments of fun between x and the row: the array to which it adds its gradient.
        self.before = (g.reshape(x0.shape),) if way.name == "added" else ()

        def objective(jac, rows):
            given, by_rows = (*self.before, *rows, *args), not way.together
            return objective_bindings.build(fun, jac, given, settings, x0, by_rows=by_rows)

        self.passes = [
            (work.fields, work.order, work.rows or work.batch),
            *([(*work.validation_rows, work.batch)] if work.validation_rows else []),
        ]
        self.part, rows = self.rows(*self.passes[0])
        self.example_args, self.objective = (*rows, *args), objective(jac, rows)
        if self.objective.method == "reverse" and not way.together:
            self.way = way = way._replace(name="in reverse")
        self.data = self.before, args, *self.objective.data[1:]
        self.rate = AutomaticRate(rule, x, self.record) if work.automatic else None
        points = x, g, self.mean, *(self.rate.points if self.rate else ())
        own = self.record, points, self.part.order, state, settings.rule
        threads = [((x, self.x_shaped, g, self.own), self.part, self.data)]
        if work.parts:
            threads = [self.own_of_a_thread(x0) for _ in range(work.threads)]
        self.solve = minibatch_step.stepper(
            rule, uses, dtype, self.objective, way, own, threads, settings.schedule, work
        )
        self.validation_rows: Any = None
        if work.validation_rows is not None:
            self.validation_rows, rows = self.rows(*self.passes[1])
            values = objective("2-point", rows) if self.is_derived() else self.objective
            self.measure = minibatch_step.meter(dtype, values, way)
        self.steps, self.validation_steps = StepsPerSlice(), StepsPerSlice()
        given = fun, self.objective, self.x_shaped, args, self.before
        self.checks = IndexChecks(*given, work.batch, way.together)
        self.epoch, self.key = 0, np.zeros(1, np.uint64)  # of the epoch that has begun last
        self.loss, self.validation_loss = [], []
        self.best, self.lowest, self.best_epoch = x0.copy(), math.inf, 0

    def is_derived(self):
        return self.objective.method in gradient_methods.DERIVED

    def moves_x(self):
        """Return True if the gradient is computed by changes of x."""
        differences = self.objective.method in gradient_methods.DIFFERENCES
        return differences and self.way.name == "written"

    def own_of_a_thread(self, x0):
        """Return what a thread needs for itself: see `minibatch_parts.work`."""
        own, x = apart(2 * x0.size, x0.dtype).reshape(2, -1)
        x = x if self.moves_x() else self.x
        data = *self.data[:2], *self.objective.again().data[1:]
        return x, x.reshape(x0.shape), own, self.rows(*self.passes[0])[0], data

    def rows(self, fields, order, most):
        """Return the rows as the loop needs them, and an example of the rows that `fun` gets.

        `most` is the largest number of rows that it gets at once.
        """
        if self.way.together:
            row_buffers = tuple(np.empty((most, *f.shape[1:]), f.dtype) for f in fields)
            return Part(order, fields, row_buffers), row_buffers
        longest = data_rows.longest(fields)
        rows = tuple(data_rows.row(field, longest) for field in fields)
        return Part(order, fields, tuple(map(data_rows.row_buffer, fields))), rows

    def prepare(self):
        """Compile or load the loop, and check for faults that compiled code does not notice."""
        try:
            self.solve.compile()
        except Exception as error:
            raise self.as_user_error(error) from None
        for rows, whose in zip(self.passes, ("the data", "validation"), strict=False):
            self.checks.rows_of(*rows, whose=whose)
        if self.objective.method == "cs":
            objective_checks.check_complex_step(self.fun, self.example_args, self.x_shaped, None)

    def as_user_error(self, error):
        """Return an error that explains why the user's functions do not compile."""
        from fastopt.derivatives import error_messages  # late: slow to import

        derived = self.objective.method == "forward"
        explain = error_messages.why_not_differentiable if derived else error_messages.explain
        own = error_messages.is_of_compiling(error)
        return explain(error, self.objective, self.x_shaped) if own else error

    def run(self, callback):
        """Run the epochs, and return the result."""
        counter = None
        if self.checkpoint and self.checkpoint.found:
            saved_state.restore(self, self.checkpoint.found)
        try:
            counter = Counter(self.settings.disp, self.rows_of_run(), "row")
            status = self.run_until_done(callback, counter)
        except KeyboardInterrupt:
            status = INTERRUPTED
        except ValueError as error:
            raise (
                objective_checks.shapes_misfit(error, self.x_shaped, self.example_args) or error
            ) from None
        finally:
            if counter:
                counter.close()
            if self.checkpoint:
                self.write()
        result = result_of(self, status)
        if self.settings.disp:
            report(result)
        return result

    def write(self):
        try:
            self.checkpoint.write(**saved_state.snapshot(self))
        except OSError as error:
            self.checkpoint.failed(error)

    def run_until_done(self, callback, counter):
        """Run epoch after epoch; return the final status."""
        while True:
            if self.epoch == len(self.loss):
                if self.epoch - self.best_epoch >= self.work.patience:
                    return EARLY
                if self.epoch >= self.work.epochs:
                    return EPOCHS
                self.begin_epoch()
            status = self.one_epoch(self.epoch, counter)
            if status != RUNNING:
                return status
            if not self.end_epoch(self.epoch):
                return NONFINITE
            if callback and callback(self.copy(self.x), **self.callback_info(self.epoch)):
                return STOPPED

    def begin_epoch(self):
        self.epoch += 1
        self.key[0] = self.work.keys.integers(2**64, dtype=np.uint64)
        self.record[ROW] = self.record[LOSS] = self.record[SHUFFLED] = 0.0

    def one_epoch(self, epoch, counter):
        """Take the steps of an epoch, slice by slice; return the status after them."""
        work, record, rows = self.work, self.record, len(self.part.order)
        average, rate = epoch >= work.average, self.constant_rate()
        self.solve.plan[:] = EpochSettings(work.batch, work.shuffle, work.decay, average, rate)
        self.solve.calls[KEY] = self.key.view(np.int64)[0]
        while record[ROW] < rows:
            left = self.settings.limits.maxiter - record[NIT]
            if left <= 0.0:
                return MAXITER
            if time.perf_counter() - self.began > self.settings.maxtime:
                return MAXTIME
            left = min(left, (rows - record[ROW]) / work.batch)
            try:
                self.steps.run(self.solve, left)
            except Exception:
                if self.moves_x():  # a probe may be in x
                    self.checkpoint = None
                raise
            counter.update((epoch - 1) * rows + int(record[ROW]))
            status = self.status_after()
            if status != RUNNING:
                return status
            if self.checkpoint and self.checkpoint.is_due():
                self.write()
        return RUNNING

    def status_after(self):
        """Return the status after some steps; begin again with a shorter one if that can help."""
        record = self.record
        if record[STATUS] == RUNNING and not np.isfinite(self.x).all():
            record[STATUS] = NONFINITE  # x has overflowed; fun may still be finite there
        if record[STATUS] != RUNNING and not (self.rate and self.rate.begin_again()):
            return NONFINITE if record[STATUS] == DIVERGED else record[STATUS]
        return RUNNING

    def constant_rate(self):
        return getattr(self.settings.schedule, "rate", 0.0)

    def rows_of_run(self):
        return self.work.epochs * len(self.part.order)

    def rows_of_epoch(self):
        """Return the number of rows of the epoch so far."""
        return self.record[ROW]

    def rows_done(self):
        """Return the number of rows of all epochs so far."""
        rows, row = len(self.part.order), self.record[ROW]
        return len(self.loss) * rows + (row if row < rows else 0)

    def end_epoch(self, epoch):
        """Record the loss of an epoch, and keep its point if it is the best so far.

        Return False if the loss has overflowed to minus infinity.
        """
        point = self.point()
        score = loss = self.record[LOSS] / self.rows_of_epoch()
        if self.validation_rows is not None:
            score = self.validate(point)
            self.validation_loss.append(score)
        self.loss.append(loss)
        if -math.inf < score < self.lowest:
            self.best, self.lowest, self.best_epoch = point, score, epoch
        return score != -math.inf

    def point(self):
        """Return the current point: the average, once iterates are averaged."""
        return self.copy(self.mean if self.record[AVERAGED] > 0.0 else self.x)

    def copy(self, point):
        """Return a copy of a point in x0's shape and type."""
        return point.astype(self.x.dtype).reshape(self.x_shaped.shape)

    def validate(self, point):
        """Return the mean of fun over the rows held out."""
        total, rows, batch = np.zeros(2), len(self.validation_rows.order), self.work.batch
        fixed = total, point, self.own, self.validation_rows, self.data[:2], batch
        while total[1] < rows:
            left = (rows - total[1]) / batch
            self.validation_steps.run(lambda steps: self.measure(*fixed, steps), left)
        return total[0] / rows

    def callback_info(self, epoch):
        """Return the keywords of a callback in addition to x."""
        info = {"fun": self.loss[-1], "epoch": epoch, "nit": int(self.record[NIT])}
        if self.validation_loss:
            info["validation_loss"] = self.validation_loss[-1]
        return info
