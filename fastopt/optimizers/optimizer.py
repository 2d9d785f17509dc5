"""Optimizers as objects, for users with a loop of their own: the base class of all rules."""

import math
from typing import Any

import numpy as np

from fastopt import rules
from fastopt.concurrency.delayed_interrupts import DelayedInterrupts
from fastopt.concurrency.turns import Turns
from fastopt.inputs import single_values
from fastopt.optimizers import foreign_arrays, hyperparameters, partial_step, slot_arrays
from fastopt.optimizers.found_rate import FoundRate
from fastopt.optimizers.pure_update import Updates
from fastopt.rules import _clipping_and_decay
from fastopt.targets.cpu.steps.array_headers import FOUND, UNKNOWN

POLICIES = "raise", "skip", "propagate"


class Optimizer(Updates, FoundRate):
    """Base class from which `rule_classes` makes a documented class for each rule."""

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
        self._known = hyperparameters.defaults(self.method, style, self.adamw)
        self._given, self._groups, self._style = options, dict(groups or {}), style
        self._clip_norm = math.inf
        if clip_norm is not None:
            self._clip_norm = single_values.number("clip_norm", clip_norm, 0.0)
        self._on_nonfinite = on_nonfinite
        self._row_wise = single_values.switch("row_wise", row_wise)
        self._turns = Turns()
        self._loaded: Any = None
        self.skipped = 0
        self._set_up()

    def _set_up(self, t=0):
        """Compute everything that follows from the options, and drop the arrays.

        The next step is t + 1.
        """
        self._turns.begin(t)
        self._rule = _clipping_and_decay.with_clipping_and_decay(rules.get(self.method))
        self._sets = {key: self._settings(*key) for key in [(), *((k,) for k in self._groups)]}
        self._begin_search()
        self._state: Any = None
        self._work: Any = None
        self._fast_path: Any = None  # the prepared step for a single small array, in one call
        self._stepped: Any = None  # the prepared step that ran last
        self._functional = False  # whether `init` or `update` has been called

    def _settings(self, *keys):
        given = dict(self._given)
        for key in keys:
            given.update(self._groups[key])
        found = hyperparameters.parse(self.method, self._known, given)
        kept = [slot for slot, use in found.uses._asdict().items() if use]
        if self._row_wise and found.automatic:
            raise ValueError('row_wise needs a learning_rate that is given, not "auto"')
        if self._row_wise and kept != ["v"]:
            raise ValueError(f"row_wise is for rules that keep v alone, not {kept}")
        return found

    def __repr__(self):
        more = {"style": self._style, "on_nonfinite": self._on_nonfinite, "groups": self._groups}
        more |= {"clip_norm": None if self._clip_norm == math.inf else self._clip_norm}
        more |= {"row_wise": self._row_wise}
        shown = {**self._given, **{name: value for name, value in more.items() if value}}
        given = ", ".join(f"{name}={value!r}" for name, value in shown.items())
        return f"{type(self).__name__}({given})"

    @property
    def learning_rate(self):
        """The learning rate, or its schedule; it may be set at any time."""
        return self._given.get("learning_rate", self._known["learning_rate"])

    @learning_rate.setter
    def learning_rate(self, rate):
        self._turns.take(self._follow, rate)

    def _follow(self, rate):
        before, self._given = self._given, {**self._given, "learning_rate": rate}
        try:
            with DelayedInterrupts():
                sets = {keys: self._settings(*keys) for keys in self._sets}
                self._require_same_kind(sets)
                if self._state is not None:
                    self._state.follow(sets)
                self._sets, self._work, self._fast_path, before = sets, None, None, self._given
        finally:
            self._given = before

    def step(self, params, grads):
        """Move the parameters one step, in place.

        Parameters
        ----------
        params, grads : array, or list, tuple or dict of arrays, nested as one likes
            Arrays of float32 or float64, on the host or all on one device. `grads` has the
            structure, shapes and dtypes of `params`. New arrays half of the norm away from those of
            the last step are another problem. The optimizer then starts again as after `reset`,
            with a warning.

        Raises
        ------
        ValueError, TypeError
            If structure, shapes or dtypes are not those of the first step. Also if an array is
            read-only, shares memory with a parameter, or is on another device. The message names
            the array.
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
        fast = self._fast_path
        if fast is not None and type(params) is type(grads) is np.ndarray:
            run, schedule, step_args, _ = fast
            if schedule is None:
                found = run(id(params), id(grads), UNKNOWN, 0.0, 0, *step_args)
            else:
                t = self.t
                rate = hyperparameters.rate_at(schedule, t + 1)
                found = run(id(params), id(grads), t, rate, 0, *step_args)
            if found == FOUND:
                return
        self._turns.take(self._step, params, grads)

    def _step(self, params, grads):
        if self._row_wise:
            self._step_partially(params, grads, partial_step.all_rows)
            return
        if self._fast_path is not None and self._try_fast_path(params, grads):
            return
        work = self._work
        try:
            if work is None or not work.refresh(params, grads):
                work = self._prepare(params, grads)
        except foreign_arrays.Sparse:
            self._step_partially(params, grads, partial_step.touched_elements)
            return
        self._take_step(work)

    def step_rows(self, params, indices, grads):
        """Step some rows of matrices, in place; the other rows and their state do not change.

        A row that is not touched keeps its moving averages, and its weights do not decay. `t`
        counts calls. These are "lazy" updates, as those of torch's SparseAdam. For AdaGrad without
        weight decay this is the same as a step with zeros elsewhere.

        Parameters
        ----------
        params : array (rows, ...), or a list or dict of them
            On the host.
        indices : array of int (k,), or a list or dict of them
            Numbers of the rows; a row that occurs several times gets the sum of its gradients.
        grads : array (k, ...), or a list or dict of them

        Raises
        ------
        ValueError, TypeError, IndexError
            If shapes or dtypes do not fit, or if there is no row of a number. Also for arrays on a
            device, and with ``learning_rate="auto"``.

        Examples
        --------
        >>> import numpy as np, fastopt
        >>> table = np.zeros((1000, 2))
        >>> opt = fastopt.AdaGrad(0.1)
        >>> opt.step_rows(table, [7, 3, 7], np.ones((3, 2)))
        >>> np.flatnonzero(table.any(axis=1))
        array([3, 7])
        """
        self._turns.take(self._step_partially, params, grads, partial_step.touched_rows, indices)

    def _step_partially(self, params, grads, touched, *more):
        """Step the elements that ``touched(x, g, *more, name)`` selects in each array."""
        self._require_given_rate("rows and sparse gradients")
        state = self._state or self._initial_state(params)
        if state.device:
            raise TypeError("rows and sparse gradients are for arrays of the host")
        work = partial_step.PartialStep(state.tree, state.layout)
        work.prepare(params, grads, more, touched, state, self._row_wise)
        if not self._follows(work):
            self._step_partially(params, grads, touched, *more)
            return
        self._bind_options(work, state)
        self._take_step(work)

    def _take_step(self, work):
        if work.checks and not self._gradients_acceptable(work):
            return
        t = self.t + 1
        for numbers, schedule, _ in work.group_schedules:
            numbers[-2] = t
            if schedule is not None:
                numbers[0] = hyperparameters.rate_at(schedule, t)
        work.step(self._turns.table)

    def _try_fast_path(self, x, g):
        """Step a single small array, at a new address perhaps; return True if that succeeded."""
        _, schedule, step_args, (work, _) = self._fast_path
        if type(x) is not np.ndarray or type(g) is not np.ndarray:
            return False
        if schedule is not None:
            work.group_schedules[0][0][0] = hyperparameters.rate_at(schedule, self.t + 1)
        if work.prepared.take(id(x), id(g), *step_args[-2:]) != FOUND:
            return False
        work.xs[0] = x  # keepalive until the next step
        return True

    def _gradients_acceptable(self, work):
        """Check the gradients before a step, scale them if necessary; return False to skip it."""
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
        """Check the arrays, and return a prepared step."""
        state = self._state or self._initial_state(params)
        work = self._kind_of_step(state.device)(state.tree, state.layout)
        work.prepare(params, grads, state.slots, state.groups)
        if not self._follows(work):
            return self._prepare(params, grads)
        self._bind_options(work, state)
        if work.single_array_step is not None and self._clip_norm == math.inf:
            run, step_args = work.single_array_step
            _, schedule, _ = work.group_schedules[0]
            step_args = *step_args, work.checks, self._turns.table
            keepalive = work, state  # `step_args` has addresses
            self._fast_path = run, schedule, step_args, keepalive
        self._work = work
        return work

    def _bind_options(self, work, state):
        """Give a prepared step the schedules and scalars of the options; adopt the state."""
        for group, keys in zip(state.groups, state.keys, strict=True):
            options, schedule, *_ = self._sets[keys]
            work.group_schedules.append((group.numbers, schedule, options.scale))
        work.checks = self._clip_norm < math.inf or self._policy(work) != "propagate"
        self._state, self._loaded = state, None

    def _initial_state(self, params):
        how = self._rule, self._sets, self._settings, self._groups, self._row_wise, self._loaded
        return slot_arrays.begin(params, *how)

    def _subtraction(self):
        """Return an optimizer that subtracts its gradients."""
        return Subtraction(1.0, on_nonfinite="propagate")


class Subtraction(Optimizer):
    """Subtraction of arrays, on the host or on a device: a step of length 1."""

    method = "sgd"
