"""A run of `minimize_stochastic`: its arrays, its slices, and what is kept of its epochs."""

import math
import time

import numpy as np

from fastopt import _fields, _objective, _result, rules
from fastopt._epochs import Part, Pass, Plan
from fastopt._objective import name_of
from fastopt._problem import SLICE, apart
from fastopt._progress import Counter, report
from fastopt._status import (
    EARLY,
    EPOCHS,
    INTERRUPTED,
    MAXITER,
    MAXTIME,
    NONFINITE,
    RUNNING,
    STOPPED,
)
from fastopt.targets import _epochs
from fastopt.targets._threads import room

PROBES = {"2-point": 1, "3-point": 2, "cs": 1}  # evaluations for each component of a gradient


class Pace:
    """How many mini-batches take 50 ms."""

    def __init__(self):
        self.amount = 1.0

    def run(self, job, left):
        """``job(steps)``, of those that are left as many as that."""
        steps, began = min(self.amount, math.ceil(left)), time.perf_counter()
        job(steps)
        seconds = max(time.perf_counter() - began, 1e-7)
        self.amount = max(1.0, min(SLICE * steps / seconds, 1000.0 * self.amount))


class Training:
    """The arrays and the compiled loops of a run."""

    def __init__(self, fun, jac, args, rule, x0, work, chosen, way):
        self.work, self.chosen, self.way = work, chosen, way
        n, dtype = x0.size, x0.dtype
        uses = rules.uses(rule, chosen.rule)
        x, g, own, *slots = apart((3 + sum(uses)) * n + 0, dtype)[: (3 + sum(uses)) * n].reshape(-1, n)
        x[:] = x0.reshape(-1)
        self.x, self.mean, slots = x, np.zeros(n), iter(slots)
        shaped, shaped_g = x.reshape(x0.shape), g.reshape(x0.shape)
        self.points = x, shaped, g, shaped_g, own, self.mean
        self.state = tuple(next(slots) if used else x for used in uses)
        self.record = np.array(Pass())
        self.part, example = self.rows(work.fields, work.order)
        # What fun is called with, beside x.
        first = (shaped_g,) if way.name == "added" else ()
        self.example, self.written = (*example, *args), first
        self.objective = _objective.build(fun, jac, (*first, *self.example), chosen, x0)
        self.solve = _epochs.stepper(rule, uses, dtype, n, self.objective, way)
        schedule = chosen.schedule if hasattr(chosen.schedule, "_fields") else ()
        self.fixed = chosen.rule, schedule, (tuple(args), *self.objective.data[1:])
        self.held = None
        if work.held is not None:
            self.held, example = self.rows(*work.held)
            reader = self.objective
            if way.name == "derived":
                reader = _objective.build(fun, "2-point", (*example, *args), chosen, x0)
            self.measure = _epochs.meter(dtype, reader, way)
        self.pace, self.held_pace = Pace(), Pace()
        self.loss, self.held_loss = [], []
        self.best, self.lowest, self.best_epoch = x0.copy(), math.inf, 0
        self.began = time.perf_counter()

    def rows(self, fields, order):
        """The rows as the loop has them, and as `fun` is given them."""
        if self.way.together:
            rooms = tuple(np.empty((self.work.batch, *f.shape[1:]), f.dtype) for f in fields)
            return Part(order, fields, rooms), rooms
        longest = _fields.longest(fields)
        example = tuple(_fields.row(field, longest) for field in fields)
        return Part(order, fields, tuple(map(room, fields))), example

    def prepare(self, fun):
        """Compile the loop, and look for what compiled code would not notice."""
        try:
            self.compile()
        except Exception as error:
            raise self.explained(error) from None
        x = self.points[1]
        _objective.check_indices(fun, self.objective, x, self.example, written=self.written)
        if self.objective.method == "cs":
            _objective.check_complex_step(fun, self.example, x, None)

    def explained(self, error):
        """What is wrong with the user's functions, for an error of compiling them."""
        from fastopt.derivatives import _explain  # takes time to import

        if not type(error).__module__.startswith("numba."):
            return error
        if self.way.name == "derived":
            return _explain.why_not_differentiable(error, self.objective, self.points[1])
        return _explain.explain(error, self.objective, self.points[1])

    def run(self, callback):
        """Train, and say what came of it."""
        counter = Counter(self.chosen.disp, self.work.epochs * len(self.part.order), "row")
        try:
            status = self.drive(callback, counter)
        except KeyboardInterrupt:
            status = INTERRUPTED
        finally:
            counter.close()
        result = self.result(status)
        if self.chosen.disp:
            report(result)
        return result

    def drive(self, callback, counter):
        """Epoch after epoch; the status that it ends with."""
        for epoch in range(1, self.work.epochs + 1):
            status = self.one_epoch(epoch, counter)
            if status != RUNNING:
                return status
            self.look(epoch)
            if callback and callback(self.shaped(self.x), **self.told(epoch)):
                return STOPPED
            if epoch - self.best_epoch >= self.work.patience:
                return EARLY
        return EPOCHS

    def one_epoch(self, epoch, counter):
        """Take all steps of an epoch, slice by slice; the status after them."""
        work, record, rows = self.work, self.record, len(self.part.order)
        key = work.keys.integers(2**64, dtype=np.uint64)
        plan = Plan(work.batch, work.shuffle, key, work.decay, epoch >= work.average)
        record[2:4] = 0.0
        while record[2] < rows:
            left = self.chosen.limits.maxiter - record[1]
            if left <= 0.0:
                return MAXITER
            if time.perf_counter() - self.began > self.chosen.maxtime:
                return MAXTIME
            left = min(left, (rows - record[2]) / work.batch)
            self.pace.run(lambda steps: self.advance(plan, steps), left)
            counter.update((epoch - 1) * rows + int(record[2]))
            if record[0] != RUNNING:
                return record[0]
        return RUNNING

    def advance(self, plan, steps):
        self.solve(self.record, self.points, self.part, self.state, *self.fixed, plan, steps)

    def compile(self):
        """Compile the loop (or load it), without a step."""
        self.advance(Plan(self.work.batch, True, np.uint64(0), 0.0, False), 0.0)

    def look(self, epoch):
        """Take down what an epoch came to, and keep its point where it is the best."""
        self.loss.append(self.record[3] / len(self.part.order))
        averaged, held = self.record[5] > 0.0, self.held is not None
        point = self.shaped(self.mean if averaged else self.x)
        if held:
            self.held_loss.append(self.validate(point))
        score = self.held_loss[-1] if held else self.loss[-1]
        if (averaged and not held) or score < self.lowest:
            self.best, self.lowest, self.best_epoch = point, score, epoch

    def shaped(self, point):
        """A copy of a point in x0's shape and type."""
        return point.astype(self.x.dtype).reshape(self.points[1].shape)

    def validate(self, point):
        """The mean of fun over the rows held out."""
        total, rows, batch = np.zeros(2), len(self.held.order), self.work.batch
        _, _, _, shaped_g, own, _ = self.points
        fixed = total, point, shaped_g, own, self.held, self.fixed[2][:1], batch
        while total[1] < rows:
            self.held_pace.run(lambda steps: self.measure(*fixed, steps), (rows - total[1]) / batch)
        return total[0] / rows

    def counts(self, run):
        """Evaluations of fun and of its gradient: of rows, or of whole mini-batches."""
        tests, rows = len(self.held_loss), len(self.part.order)
        if self.way.together:
            steps = run.nit
            tests *= -(-len(self.held.order) // self.work.batch) if tests else 0
        else:
            steps = len(self.loss) * rows + (run.row if run.row < rows else 0)
            tests *= len(self.held.order) if tests else 0
        probes = PROBES.get(self.objective.method, 0) if self.way.name == "written" else 0
        return {"nfev": int(steps * (1 + probes * self.x.size) + tests), "njev": int(steps)}

    def told(self, epoch):
        """What a callback is given beside x."""
        run = Pass(*self.record.tolist())
        held = {"validation_loss": self.held_loss[-1]} if self.held_loss else {}
        return {"fun": self.loss[-1], "epoch": epoch, "nit": int(run.nit), **held}

    def result(self, status):
        run, epochs = Pass(*self.record.tolist()), len(self.loss)
        fun = self.lowest
        if epochs == 0 and status != NONFINITE:
            self.best = self.shaped(self.x)
            fun = run.loss / run.row if run.row else math.nan
        elif epochs == 0:
            fun = math.nan
        more = {"x_average": self.shaped(self.mean)} if run.averaged else {}
        more |= {"validation_loss": np.array(self.held_loss)} if self.held is not None else {}
        return _result.build(
            status,
            x=self.best,
            fun=float(fun),
            x_last=self.shaped(self.x),
            loss=np.array(self.loss),
            nit=int(run.nit),
            epochs=epochs,
            best_epoch=self.best_epoch,
            **self.counts(run),
            **more,
            jac_method="add" if self.way.name == "added" else name_of(self.objective.method),
            device="cpu",
        )
