"""Optimizers as objects, for those who own the loop: what the class of each rule is made of."""

import math
from typing import Any

import numpy as np

from fastopt import _arrays, _options, _rows, _settings, _states, _works, rules
from fastopt._interrupts import Held
from fastopt._turns import Turns
from fastopt._updates import Updates
from fastopt.rules import _around
from fastopt.targets._tables import FOUND, UNKNOWN

POLICIES = "raise", "skip", "propagate"


class Optimizer(Updates):
    """The base of the public classes, which `_classes` makes, one for each rule."""

    method = ""
    adamw = False

    def __init__(
        self,
        learning_rate=None,
        *,
        groups=None,
        style=None,
        clip_norm=None,
        on_nonfinite=None,
        row_wise=False,
        **options,
    ):
        if learning_rate is not None:
            options["learning_rate"] = learning_rate
        if on_nonfinite not in (None, *POLICIES):
            names = str(POLICIES)[1:-1]
            raise ValueError(f"on_nonfinite = {on_nonfinite!r}; it must be one of {names}")
        parts = [groups or {}, *getattr(groups, "values", list)()]
        if not all(hasattr(part, "items") for part in parts):
            raise TypeError(f"groups must be a dict of dicts of options, not {groups!r}")
        self._known = _settings.defaults(self.method, style, self.adamw)
        self._given, self._groups = options, dict(groups or {})
        self._clip_norm = math.inf
        if clip_norm is not None:
            self._clip_norm = _options.number("clip_norm", clip_norm, 0.0)
        self._on_nonfinite = on_nonfinite
        self._row_wise = _options.option("row_wise", row_wise, False)
        self._turns = Turns()
        self._loaded: Any = None
        self.skipped = 0
        self._set_up()

    def _set_up(self, t=0):
        """Make what follows from the options, and forget the arrays; the next step is t + 1."""
        self._turns.begin(t)
        self._rule = _around.tamed(rules.get(self.method))
        self._sets = {key: self._settings(*key) for key in [(), *((k,) for k in self._groups)]}
        self._state: Any = None
        self._work: Any = None
        self._alone: Any = None  # the same for a single small array, in one call
        self._stepped: Any = None  # the work of the last step

    def _settings(self, *keys):
        given = dict(self._given)
        for key in keys:
            given.update(self._groups[key])
        found = _settings.parse(self.method, self._known, given)
        kept = [slot for slot, use in found.uses._asdict().items() if use]
        if self._row_wise and kept != ["v"]:
            raise ValueError(f"row_wise is for rules that keep v alone, not {kept}")
        return found

    def __repr__(self):
        more = {"groups": self._groups} if self._groups else {}
        given = ", ".join(f"{name}={value!r}" for name, value in {**self._given, **more}.items())
        return f"{type(self).__name__}({given})"

    @property
    def learning_rate(self):
        """The learning rate, or its schedule; may be set at any time."""
        return self._given.get("learning_rate", self._known["learning_rate"])

    @learning_rate.setter
    def learning_rate(self, rate):
        self._turns.take(self._follow, rate)

    def _follow(self, rate):
        before, self._given = self._given, {**self._given, "learning_rate": rate}
        try:
            with Held():
                sets = {keys: self._settings(*keys) for keys in self._sets}
                if self._state is not None:
                    self._state.follow(sets)
                self._sets, self._work, self._alone, before = sets, None, None, self._given
        finally:
            self._given = before

    def step(self, params, grads):
        """Move the parameters one step, in place.

        Parameters
        ----------
        params, grads : array, or list, tuple or dict of arrays, nested as one likes
            Of float32 or float64, on the host or all on one device. `grads` has the structure,
            shapes and dtypes of `params`. Other parameters than in the step before, far from it (in
            other arrays, half of the norm away), begin anew as after `reset`, with a warning.

        Raises
        ------
        ValueError, TypeError
            Naming the array, where structure, shapes or dtypes are not those of the first step,
            where an array cannot be written, shares memory with a parameter, or lives elsewhere.
        FloatingPointError
            If a gradient is not finite and `on_nonfinite` is "raise". Nothing has changed then.

        Examples
        --------
        >>> import numpy as np, fastopt
        >>> x, opt = np.ones(2), fastopt.SGD(0.5)
        >>> opt.step(x, 2.0 * x)
        >>> x.tolist()
        [0.0, 0.0]
        """
        alone = self._alone
        if alone is not None and type(params) is type(grads) is np.ndarray:
            run, schedule, rest, _ = alone
            if schedule is None:
                found = run(id(params), id(grads), UNKNOWN, 0.0, 0, *rest)
            else:
                t = self.t
                rate = _settings.rate_at(schedule, t + 1)
                found = run(id(params), id(grads), t, rate, 0, *rest)
            if found == FOUND:
                return
        self._turns.take(self._step, params, grads)

    def _step(self, params, grads):
        if self._row_wise:
            self._touch(params, grads, _rows.all_of)
            return
        if self._alone is not None and self._one(params, grads):
            return
        work = self._work
        try:
            if work is None or not work.look(params, grads):
                work = self._prepare(params, grads)
        except _arrays.Sparse:
            self._touch(params, grads, _rows.of_matrix)
            return
        self._advance(work)

    def step_rows(self, params, indices, grads):
        """One step of some rows of matrices, in place; the other rows, and their state, stay.

        So a row's moving averages and its weight decay stand still while it is not touched, and
        `t` counts calls ("lazy" updates, as those of torch's SparseAdam). For AdaGrad without
        weight decay this is the same as a step with zeros elsewhere.

        Parameters
        ----------
        params : array (rows, ...), or a list or dict of them
            On the host.
        indices : array of int (k,), or a list or dict of them
            Which rows; one that occurs several times gets the sum of its gradients.
        grads : array (k, ...), or a list or dict of them

        Examples
        --------
        >>> import numpy as np, fastopt
        >>> table = np.zeros((1000, 2))
        >>> opt = fastopt.AdaGrad(0.1)
        >>> opt.step_rows(table, [7, 3, 7], np.ones((3, 2)))
        >>> np.flatnonzero(table.any(axis=1))
        array([3, 7])
        """
        self._turns.take(self._touch, params, grads, _rows.of_rows, indices)

    def _touch(self, params, grads, touched, *more):
        """One step of what ``touched(x, g, *more, names)`` says of each array."""
        state = self._state or self._begin(params)
        if state.device:
            raise TypeError("rows and sparse gradients are for arrays of the host")
        work = _rows.Rows(state.tree, state.layout)
        work.prepare(params, grads, more, touched, state, self._row_wise)
        if not self._follows(work):
            self._touch(params, grads, touched, *more)
            return
        self._keep(work, state)
        self._advance(work)

    def _advance(self, work):
        if work.checks and not self._survey(work):
            return
        t = self.t + 1
        for numbers, schedule, _ in work.clocks:
            numbers[-2] = t
            if schedule is not None:
                numbers[0] = _settings.rate_at(schedule, t)
        work.step(self._turns.table)

    def _one(self, x, g):
        """Step a single small array, which may lie elsewhere; whether that is done."""
        _, schedule, rest, (work, _) = self._alone
        if type(x) is not np.ndarray or type(g) is not np.ndarray:
            return False
        if schedule is not None:
            work.clocks[0][0][0] = _settings.rate_at(schedule, self.t + 1)
        if work.prepared.take(id(x), id(g), *rest[-2:]) != FOUND:
            return False
        work.xs[0] = x  # alive, for the next step
        return True

    def _survey(self, work):
        """Look at the gradients before a step; whether to take it."""
        if self._clip_norm < math.inf:
            norm = math.sqrt(work.squares())
            work.scale(self._clip_norm / norm if norm > self._clip_norm else 1.0)
            good = math.isfinite(norm)
        else:
            good = work.finite()
        if good or self._policy(work) == "propagate":
            return True
        if self._policy(work) == "raise":
            raise FloatingPointError(
                "a gradient is not finite; nothing has changed (on_nonfinite='skip' leaves such a "
                "step out, 'propagate' takes it)"
            )
        self.skipped += 1
        return False

    def _policy(self, work):
        return self._on_nonfinite or ("raise" if work.synchronous else "propagate")

    def _prepare(self, params, grads):
        """Check the arrays, and look up what the steps need."""
        state = self._state or self._begin(params)
        work = (_works.Device if state.device else _works.Host)(state.tree, state.layout)
        work.prepare(params, grads, state.slots, state.groups)
        if not self._follows(work):
            return self._prepare(params, grads)
        self._keep(work, state)
        if work.alone is not None and self._clip_norm == math.inf:
            (run, rest), (_, schedule, _) = work.alone, work.clocks[0]
            rest = *rest, work.checks, self._turns.table
            self._alone = run, schedule, rest, (work, state)  # alive: `rest` has addresses
        self._work = work
        return work

    def _keep(self, work, state):
        """The state begun, and what a piece of work must know of the options."""
        for group, keys in zip(state.groups, state.keys, strict=True):
            options, schedule, _ = self._sets[keys]
            work.clocks.append((group.numbers, schedule, options.scale))
        work.checks = self._clip_norm < math.inf or self._policy(work) != "propagate"
        self._state, self._loaded = state, None

    def _begin(self, params):
        how = self._rule, self._sets, self._settings, self._groups, self._row_wise, self._loaded
        return _states.begin(params, *how)

    def coefficients(self, steps):
        """Return the coefficients of steps t = 1, 2, ..., for `fastopt.kernels`.

        Parameters
        ----------
        steps : int
            The number of steps.

        Returns
        -------
        array of float64, shape (steps, k)
            A row for each step.
        """
        if not isinstance(steps, int | np.integer) or steps < 0:
            raise ValueError(f"steps = {steps!r}; it must be a whole number, 0 or more")
        options, schedule, _ = self._sets[()]
        rows, carry = [], 1.0
        for t in range(1, steps + 1):
            rate = options.learning_rate if schedule is None else _settings.rate_at(schedule, t)
            c, carry = self._rule.coefficients(options, rate, float(t), carry)
            rows.append(c)
        return np.array(rows, np.float64).reshape(steps, len(self._rule.C._fields))

    def _less(self):
        """Return an optimizer that subtracts its gradients."""
        return Less(1.0, on_nonfinite="propagate")


class Less(Optimizer):
    """Subtraction of arrays, wherever they live: a step of length 1."""

    method = "sgd"
