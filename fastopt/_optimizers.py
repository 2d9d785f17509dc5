"""Optimizers as objects, for those who own the loop: what the class of each rule is made of."""

import copy
import math
from typing import Any

import numpy as np

from fastopt import _arrays, _options, _settings, _states, _works, rules
from fastopt._tree import Tree
from fastopt.rules import _around

POLICIES = "raise", "skip", "propagate"


class Optimizer:
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
        **options,
    ):
        if learning_rate is not None:
            options["learning_rate"] = learning_rate
        if on_nonfinite not in (None, *POLICIES):
            accepted = ", ".join(map(repr, POLICIES))
            raise ValueError(f"on_nonfinite = {on_nonfinite!r}; it must be one of {accepted}")
        if groups is not None and not all(hasattr(g, "items") for g in dict(groups).values()):
            raise TypeError("groups must be a dict of dicts of options")
        self._rule = _around.tamed(rules.get(self.method))
        self._known = _settings.defaults(self.method, style, self.adamw)
        self._given, self._groups = options, dict(groups or {})
        self._clip_norm = math.inf
        if clip_norm is not None:
            self._clip_norm = _options.number("clip_norm", clip_norm, 0.0)
        self._on_nonfinite = on_nonfinite
        self._sets = {key: self._settings(*key) for key in [(), *((k,) for k in self._groups)]}
        self._state: Any = None
        self._loaded: Any = None
        self._work: Any = None
        self._alone: Any = None  # the same for a single small array, in one call
        self.t = 0
        self.skipped = 0

    def _settings(self, *keys):
        given = dict(self._given)
        for key in keys:
            given.update(self._groups[key])
        return _settings.parse(self.method, self._known, given)

    @property
    def learning_rate(self):
        """The learning rate, or its schedule; may be set at any time."""
        return self._given.get("learning_rate", self._known["learning_rate"])

    @learning_rate.setter
    def learning_rate(self, rate):
        before, self._given = self._given, {**self._given, "learning_rate": rate}
        try:
            self._sets = {keys: self._settings(*keys) for keys in self._sets}
        except Exception:
            self._given = before
            raise
        if self._state is not None:
            for group, keys in zip(self._state.groups, self._state.keys, strict=True):
                group.numbers[:-2] = self._sets[keys].options
        self._work = self._alone = None

    def step(self, params, grads):
        """Move the parameters one step, in place.

        Parameters
        ----------
        params, grads : array, or list, tuple or dict of arrays, nested as one likes
            Of float32 or float64, on the host or all on one device. `grads` has the structure,
            shapes and dtypes of `params`.

        Raises
        ------
        ValueError, TypeError
            Naming the array, where structure, shapes or dtypes are not those of the first step,
            where an array cannot be written, shares memory with a parameter, or lives elsewhere.
        FloatingPointError
            Where a gradient is not finite and `on_nonfinite` is "raise". Nothing has changed then.
        """
        if self._alone is not None and type(params) is type(grads) is np.ndarray:
            step, numbers, schedule, look = self._alone
            numbers[-2] = t = self.t + 1
            if schedule is not None:
                numbers[0] = schedule(t)
            if step(params, grads, numbers, look):
                self.t = t
                return
        work = self._work
        if work is None or not work.look(params, grads):
            work = self._prepare(params, grads)
        if work.checks and not self._survey(work):
            return
        self.t = t = self.t + 1
        for numbers, schedule, _ in work.clocks:
            numbers[-2] = t
            if schedule is not None:
                numbers[0] = schedule(t)
        work.step()

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
        for group, keys in zip(state.groups, state.keys, strict=True):
            options, schedule, _ = self._sets[keys]
            work.clocks.append((group.numbers, schedule, options.scale))
        work.checks = self._clip_norm < math.inf or self._policy(work) != "propagate"
        if work.alone is not None and self._clip_norm == math.inf:
            self._alone = work.alone, *work.clocks[0][:2], work.checks
        self._state, self._loaded, self._work = state, None, work
        return work

    def _begin(self, params):
        how = self._rule, self._sets, self._settings, self._groups, self._loaded
        return _states.begin(params, *how)

    def coefficients(self, steps):
        """The coefficients of steps t = 1, 2, ..., a row each, for `fastopt.kernels`."""
        options, schedule, _ = self._sets[()]
        rows, carry = [], 1.0
        for t in range(1, steps + 1):
            rate = options.learning_rate if schedule is None else float(schedule(t))
            c, carry = self._rule.coefficients(options, rate, float(t), carry)
            rows.append(c)
        return np.array(rows, np.float64).reshape(steps, len(self._rule.C._fields))

    def state_dict(self):
        """All that the steps have made: a dict of numbers, strings and NumPy arrays (copies)."""
        arrays = self._packed()
        kept = {
            name: {k: v if k == "carry" else _arrays.to_host(v) for k, v in own.items()}
            for name, own in arrays.items()
        }
        return {
            "format": _states.FORMAT,
            "method": self.method,
            "t": self.t,
            "skipped": self.skipped,
            "arrays": kept,
        }

    def _packed(self):
        return self._state.packed() if self._state is not None else self._loaded or {}

    def load_state_dict(self, state):
        """Go on where `state_dict` was taken, with this optimizer's own options.

        With the same options the steps are the same to the last bit.
        """
        if not hasattr(state, "items") or state.get("format") != _states.FORMAT:
            raise ValueError("this is no state_dict of an optimizer, or one of another format")
        if state["method"] != self.method:
            raise ValueError(f"this is the state of {state['method']}, not of {self.method}")
        self.t, self.skipped = int(state["t"]), int(state["skipped"])
        self._loaded = {
            name: {k: float(v) if k == "carry" else np.array(v) for k, v in own.items()}
            for name, own in state["arrays"].items()
        } or None
        self._state = self._work = self._alone = None

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
        other.t, other._loaded = state["t"], state["arrays"]
        decays = any(s.options.decay or s.options.shrink for s in other._sets.values())
        if decays and params is None:
            raise ValueError("weight decay needs params: update(grads, state, params)")
        tree = Tree(grads)
        if decays:
            leaves = [_arrays.like(p) for p in tree.leaves(params, "params")]
        else:
            leaves = [_arrays.like(g, 0.0) for g in tree.leaves(grads, "grads")]
        updates = tree.rebuilt(leaves)
        other.step(updates, grads)
        if decays:  # updates <- updates - 1 params, wherever they live
            less = Less(1.0, on_nonfinite="propagate")
            less.step(updates, params)
        self.skipped += other.skipped
        return updates, {"t": other.t, "arrays": other._packed()}

    def _other(self):
        """An optimizer with the same options, and nothing done yet."""
        other = copy.copy(self)
        other._state = other._loaded = other._work = other._alone = None
        other._sets, other.t, other.skipped = dict(self._sets), 0, 0
        return other

    def __getstate__(self):
        left_out = "_rule", "_sets", "_state", "_work", "_alone"
        own = {name: value for name, value in vars(self).items() if name not in left_out}
        return {**own, "_loaded": self.state_dict()["arrays"] or None}

    def __setstate__(self, own):
        vars(self).update(own, _rule=_around.tamed(rules.get(self.method)), _state=None)
        self._work = self._alone = None
        self._sets = {key: self._settings(*key) for key in [(), *((k,) for k in self._groups)]}


class Less(Optimizer):
    """Subtraction of arrays, wherever they live: a step of length 1."""

    method = "sgd"
