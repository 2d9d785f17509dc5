"""Optimizers as objects, for those who own the loop: what the class of each rule is made of."""

import copy
import math
import threading
from typing import Any

import numpy as np

from fastopt import _arrays, _options, _rows, _settings, _states, _works, rules
from fastopt._saved import Saved
from fastopt._tree import Tree
from fastopt.rules import _around

POLICIES = "raise", "skip", "propagate"


class Optimizer(Saved):
    """What `_classes` makes a class of for each rule; what is public is documented there."""

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
        self._lock = threading.RLock()
        self._loaded: Any = None
        self.t = 0
        self.skipped = 0
        self._set_up()

    def _set_up(self):
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
        with self._lock:
            before, self._given = self._given, {**self._given, "learning_rate": rate}
            try:
                sets = {keys: self._settings(*keys) for keys in self._sets}
                if self._state is not None:
                    self._state.follow(sets)
            except Exception:
                self._given = before
                raise
            self._sets, self._work, self._alone = sets, None, None

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
            Where a gradient is not finite and `on_nonfinite` is "raise". Nothing has changed then.
        """
        with self._lock:
            if self._alone is not None and self._one(params, grads):
                return None
            if self._row_wise:
                return self._touch(params, grads, _rows.all_of)
            work = self._work
            try:
                if work is None or not work.look(params, grads):
                    work = self._prepare(params, grads)
                    if self._alone is not None and self._one(params, grads):
                        return None
            except _arrays.Sparse:
                return self._touch(params, grads, _rows.of_matrix)
            return self._advance(work)

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
        with self._lock:
            self._touch(params, grads, _rows.of_rows, indices)

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
        self.t = t
        work.step()

    def _one(self, x, g):
        """Step a single small array in one call; whether that is done."""
        step, numbers, schedule, look = self._alone
        if type(x) is not np.ndarray or type(g) is not np.ndarray:
            return False
        numbers[-2] = t = self.t + 1
        if schedule is not None:
            numbers[0] = _settings.rate_at(schedule, t)
        if step(x, g, numbers, look):
            self.t = t
            return True
        return False

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
            self._alone = work.alone, *work.clocks[0][:2], work.checks
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
        """The coefficients of steps t = 1, 2, ..., a row each, for `fastopt.kernels`."""
        if not isinstance(steps, int | np.integer) or steps < 0:
            raise ValueError(f"steps = {steps!r}; it must be a whole number, 0 or more")
        options, schedule, _ = self._sets[()]
        rows, carry = [], 1.0
        for t in range(1, steps + 1):
            rate = options.learning_rate if schedule is None else _settings.rate_at(schedule, t)
            c, carry = self._rule.coefficients(options, rate, float(t), carry)
            rows.append(c)
        return np.array(rows, np.float64).reshape(steps, len(self._rule.C._fields))

    def init(self, params):
        """The state before the first step, for `update`: dicts of arrays and numbers."""
        other = self._other()
        other._state = other._begin(params)
        return {"t": 0, "arrays": other._packed()}

    def update(self, grads, state, params=None):
        """What a step adds to the parameters, and the state after it; nothing given is written.

        Parameters
        ----------
        grads, params
            As in `step`. Weight decay needs the parameters.
        state
            What `init` or `update` returned.

        Returns
        -------
        updates, state
            ``params + updates`` is what `step` makes of them.
        """
        other = self._other()
        if not isinstance(state, dict) or not {"t", "arrays"} <= state.keys():
            raise TypeError("state must be what init(params) or update(...) returned")
        other.t, other._loaded = state["t"], state["arrays"]
        decays = any(s.options.decay or s.options.shrink for s in other._sets.values())
        if decays and params is None:
            raise ValueError("weight decay needs params: update(grads, state, params)")
        tree = Tree(grads)
        like = (params, "params") if decays else (grads, "grads")
        leaves = [_arrays.like(a, *(() if decays else (0.0,))) for a in tree.leaves(*like)]
        updates = tree.rebuilt(leaves)
        other.step(updates, grads)
        if decays:  # updates <- updates - 1 params, wherever they live
            Less(1.0, on_nonfinite="propagate").step(updates, params)
        self.skipped += other.skipped
        return updates, {"t": other.t, "arrays": other._packed()}

    def _other(self):
        """An optimizer with the same options, and nothing done yet."""
        other = copy.copy(self)
        other._loaded, other.t, other.skipped = None, 0, 0
        return other


class Less(Optimizer):
    """Subtraction of arrays, wherever they live: a step of length 1."""

    method = "sgd"
