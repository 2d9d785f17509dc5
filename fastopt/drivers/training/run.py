"""A run of `minimize_stochastic`: its arrays, its slices, and the results of its epochs."""

import itertools
import math
import time
from typing import Any

import numpy as np

from fastopt import rules
from fastopt.arrays import data_rows
from fastopt.concurrency.time_slices import next_amount
from fastopt.derivatives import gradient_methods
from fastopt.drivers import objective_bindings, objective_checks
from fastopt.drivers.training.automatic_rate import AutomaticRate
from fastopt.results import optimize_result
from fastopt.results.progress import Counter, report
from fastopt.solver.minibatch import (
    AVERAGED,
    KEY,
    LOSS,
    NIT,
    ROW,
    STATUS,
    EpochSettings,
    Part,
    TrainingState,
)
from fastopt.solver.run_state import apart
from fastopt.solver.status_codes import (
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
from fastopt.targets.cpu import minibatch_step

# Evaluations for each component of a gradient.
EVALUATIONS_PER_COMPONENT = {"2-point": 1, "3-point": 2, "cs": 1}


class StepsPerSlice:
    """The number of mini-batches that fit into a slice, for the training or for the validation."""

    def __init__(self):
        self.number = 1.0

    def run(self, job, left):
        """Call ``job(steps)`` for one slice, with at most the steps that are left."""
        steps, began = float(min(self.number, math.ceil(left))), time.perf_counter()
        job(steps)
        seconds = time.perf_counter() - began
        self.number = next_amount(self.number, steps, seconds)


class Training:
    """The arrays and the compiled loops of a run."""

    def __init__(self, fun, jac, args, rule, x0, work, settings, way):
        self.fun, self.work, self.settings, self.way = fun, work, settings, way
        self.began, n, dtype = time.perf_counter(), x0.size, x0.dtype
        uses = rules.uses(rule, settings.rule)
        x, g, own, *slots = apart((3 + sum(uses)) * n, dtype).reshape(-1, n)
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
            (work.fields, work.order),
            *([work.validation_rows] if work.validation_rows else []),
        ]
        self.part, rows = self.rows(work.fields, work.order)
        self.example_args, self.objective = (*rows, *args), objective(jac, rows)
        schedule = settings.schedule if hasattr(settings.schedule, "_fields") else ()
        if self.objective.method == "reverse" and not way.together:
            self.way = way = way._replace(name="in reverse")
        self.data = self.before, args, *self.objective.data[1:]
        self.rate = AutomaticRate(rule, x, self.record) if work.automatic else None
        points = x, g, self.mean, *(self.rate.points if self.rate else ())
        own = self.record, points, self.part.order, state, settings.rule
        data = (x, self.x_shaped, g, self.own), self.part, self.data
        self.solve = minibatch_step.stepper(
            rule, uses, dtype, self.objective, way, own, data, schedule, work.automatic
        )
        self.validation_rows: Any = None
        if work.validation_rows is not None:
            self.validation_rows, rows = self.rows(*work.validation_rows)
            values = objective("2-point", rows) if self.is_derived() else self.objective
            self.measure = minibatch_step.meter(dtype, values, way)
        self.steps, self.validation_steps = StepsPerSlice(), StepsPerSlice()
        self.loss, self.validation_loss = [], []
        self.best, self.lowest, self.best_epoch = x0.copy(), math.inf, 0

    def is_derived(self):
        return self.objective.method in gradient_methods.DERIVED

    def rows(self, fields, order):
        """Return the rows as the loop needs them, and an example of the rows that `fun` gets."""
        if self.way.together:
            row_buffers = tuple(np.empty((self.work.batch, *f.shape[1:]), f.dtype) for f in fields)
            return Part(order, fields, row_buffers), row_buffers
        longest = data_rows.longest(fields)
        rows = tuple(data_rows.row(field, longest) for field in fields)
        return Part(order, fields, tuple(map(data_rows.row_buffer, fields))), rows

    def samples(self, data):
        """Yield rows of all shapes: longest and shortest, or full and last mini-batches."""
        fields, order = data
        if self.way.together:
            whole, last = min(self.work.batch, len(order)), len(order) % self.work.batch
            for size in {whole, last} - {0}:
                yield tuple(np.zeros((size, *f.shape[1:]), f.dtype) for f in fields)
        else:
            for b in data_rows.extremes(fields):
                yield tuple(data_rows.row(field, b) for field in fields)

    def prepare(self):
        """Compile or load the loop, and check for faults that compiled code does not notice."""
        try:
            self.solve.compile()
        except Exception as error:
            raise self.as_user_error(error) from None
        args = self.data[1]
        for rows in itertools.chain.from_iterable(map(self.samples, self.passes)):
            given = self.fun, self.objective, self.x_shaped, (*rows, *args), " in one of the rows"
            objective_checks.check_indices(*given, written=self.before)
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
        try:
            counter = Counter(self.settings.disp, self.work.epochs * len(self.part.order), "row")
            status = self.run_until_done(callback, counter)
        except KeyboardInterrupt:
            status = INTERRUPTED
        finally:
            if counter:
                counter.close()
        result = self.result(status)
        if self.settings.disp:
            report(result)
        return result

    def run_until_done(self, callback, counter):
        """Run epoch after epoch; return the final status."""
        for epoch in range(1, self.work.epochs + 1):
            status = self.one_epoch(epoch, counter)
            if status != RUNNING:
                return status
            if not self.end_epoch(epoch):
                return NONFINITE
            if callback and callback(self.copy(self.x), **self.callback_info(epoch)):
                return STOPPED
            if epoch - self.best_epoch >= self.work.patience:
                return EARLY
        return EPOCHS

    def one_epoch(self, epoch, counter):
        """Take the steps of an epoch, slice by slice; return the status after them."""
        work, record, rows = self.work, self.record, len(self.part.order)
        key = work.keys.integers(2**64, dtype=np.uint64)
        rate = getattr(self.settings.schedule, "rate", 0.0)
        self.solve.plan[:] = EpochSettings(
            work.batch, work.shuffle, work.decay, epoch >= work.average, rate
        )
        self.solve.calls[KEY] = key.view(np.int64)
        record[[ROW, LOSS]] = 0.0
        while record[ROW] < rows:
            left = self.settings.limits.maxiter - record[NIT]
            if left <= 0.0:
                return MAXITER
            if time.perf_counter() - self.began > self.settings.maxtime:
                return MAXTIME
            left = min(left, (rows - record[ROW]) / work.batch)
            self.steps.run(self.solve, left)
            counter.update((epoch - 1) * rows + int(record[ROW]))
            if record[STATUS] == RUNNING and not np.isfinite(self.x).all():
                record[STATUS] = NONFINITE  # x has overflowed; fun may still be finite there
            if record[STATUS] != RUNNING and not (self.rate and self.rate.begin_again()):
                return NONFINITE if record[STATUS] == DIVERGED else record[STATUS]
        return RUNNING

    def end_epoch(self, epoch):
        """Record the loss of an epoch, and keep its point if it is the best so far.

        Return False if the loss has overflowed to minus infinity.
        """
        point = self.point()
        score = loss = self.record[LOSS] / len(self.part.order)
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
        validation_rows = (
            {"validation_loss": self.validation_loss[-1]} if self.validation_loss else {}
        )
        return {
            "fun": self.loss[-1],
            "epoch": epoch,
            "nit": int(self.record[NIT]),
            **validation_rows,
        }

    def result(self, status):
        """Return the result of the run."""
        run, x = TrainingState(*self.record.tolist()), self.point()
        fun = run.loss / run.row if run.row else (self.loss or [math.nan])[-1]
        if status == NONFINITE or (self.validation_rows is not None and self.best_epoch):
            x, fun = self.best, self.lowest if self.best_epoch else math.nan
        more = {}
        if run.averaged:
            more["x_average"] = self.copy(self.mean)
        if self.rate:
            more["learning_rate"] = self.rate.rate()
        if self.validation_rows is not None:
            more["validation_loss"] = np.array(self.validation_loss)
        given = {"added": "add"}.get(self.way.name)
        return optimize_result.build(
            status,
            x=x,
            fun=float(fun),
            x_last=self.copy(self.x),
            loss=np.array(self.loss),
            nit=int(run.nit),
            epochs=len(self.loss),
            best_epoch=self.best_epoch,
            **self.counts(run),
            **more,
            jac_method=given or self.objective.source(),
            device="cpu",
        )

    def counts(self, run):
        """Return the numbers of evaluations of fun and its gradient: rows, or mini-batches."""
        rows, validation_rows = (
            len(self.part.order),
            0 if self.validation_rows is None else len(self.validation_rows.order),
        )
        done = len(self.loss) * rows + (run.row if run.row < rows else 0)
        if self.way.together:
            done, validation_rows = run.nit, -(-validation_rows // self.work.batch)
        probes = (
            EVALUATIONS_PER_COMPONENT.get(self.objective.method, 0)
            if self.way.name == "written"
            else 0
        )
        nfev = done * (1 + probes * self.x.size) + validation_rows * len(self.validation_loss)
        return {"nfev": int(nfev), "njev": int(done)}
