"""Optimizers as objects, for those who own the loop: one class, made for each rule."""

import copy
import functools
import inspect
import math
from typing import Any

import numpy as np

from fastopt import _arrays, _options, _settings, _states, _works, rules
from fastopt._tree import Tree
from fastopt.rules import _around

POLICIES = "raise", "skip", "propagate"


class Optimizer:
    """What `optimizer` makes a class of for each rule; their docstring is `DOC`."""

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
        self._work = None

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
        self._state, self._loaded, self._work = state, None, work
        return work

    def _begin(self, params):
        how = self._rule, self._sets, self._settings, self._groups, self._loaded
        return _states.begin(params, *how)

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
        self._state = self._work = None

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
            optimizer("SGD")(1.0, on_nonfinite="propagate").step(updates, params)
        self.skipped += other.skipped
        return updates, {"t": other.t, "arrays": other._packed()}

    def _other(self):
        """An optimizer with the same options, and nothing done yet."""
        other = copy.copy(self)
        other._state = other._loaded = other._work = None
        other._sets, other.t, other.skipped = dict(self._sets), 0, 0
        return other

    def __getstate__(self):
        left_out = "_rule", "_sets", "_state", "_work"
        own = {name: value for name, value in vars(self).items() if name not in left_out}
        return {**own, "_loaded": self.state_dict()["arrays"] or None}

    def __setstate__(self, own):
        vars(self).update(own, _rule=_around.tamed(rules.get(self.method)), _state=None, _work=None)
        self._sets = {key: self._settings(*key) for key in [(), *((k,) for k in self._groups)]}


@functools.cache
def names():
    """The public names of the optimizers, and the methods of their rules."""
    found = {rules.options_class(rules.get(m)).__name__: m for m in rules.methods()}
    return {**found, "AdamW": "adam"}


@functools.cache
def optimizer(name) -> Any:
    """The class of this name."""
    method, adamw = names()[name], name == "AdamW"
    known = _settings.defaults(method, None, adamw)
    rule = rules.get(method)
    own = {
        "method": method,
        "adamw": adamw,
        "__module__": "fastopt",
        "__doc__": _doc(name, rule, known),
        "__signature__": _signature(known),
    }
    return type(name, (Optimizer,), own)


def _signature(known):
    kind = inspect.Parameter
    rate = kind("learning_rate", kind.POSITIONAL_OR_KEYWORD, default=known["learning_rate"])
    more = {"groups": None, "style": None, "clip_norm": None, "on_nonfinite": None}
    rest = {**{k: v for k, v in known.items() if k != "learning_rate"}, **more}
    parameters = [kind(k, kind.KEYWORD_ONLY, default=v) for k, v in rest.items()]
    return inspect.Signature([rate, *parameters])


def _doc(name, rule, known):
    own = [n for n in rules.options_class(rule)._fields if n != "learning_rate"]
    head = rule.__doc__
    if name == "AdamW":
        head = "Adam with decoupled weight decay (Loshchilov and Hutter 2019).\n\n" + head
    listed = f"{', '.join(own)} : optional\n    Of the rule: see above." if own else ""
    return f"{head}\n{DOC.replace('OWN', listed).replace('NAME', name)}"


DOC = """An optimizer object: it steps arrays in place, whoever made them.

Parameters
----------
learning_rate : float or callable
    A number, one of `fastopt.schedules`, or any function of the step t = 1, 2, ...
OWN
weight_decay : float
    Draws parameters towards zero: added to the gradient as ``weight_decay * x`` (an L2 penalty),
    or, with `decoupled_weight_decay`, ``learning_rate * weight_decay * x`` taken off x itself.
decoupled_weight_decay : bool
clip_value : float, optional
    Gradients are brought into [-clip_value, clip_value].
maximize : bool
    Climb instead.
groups : dict of dicts, optional
    Hyperparameters for some of the arrays. An array belongs to a group whose key stands in its
    name, which is the keys and places that lead to it, joined by dots: ``{"bias": {"weight_decay":
    0.0}}`` holds for params["layers"][0]["bias"]. Of several groups the later one wins.
style : {"torch", "optax", "keras"}, optional
    Defaults and conventions of another library; options that are given win.
clip_norm : float, optional
    Gradients are scaled down where the norm of all of them together is larger. On a device the
    step waits for the norm.
on_nonfinite : {"raise", "skip", "propagate"}, optional
    What happens before a step whose gradients are not finite: a FloatingPointError; nothing, and
    `skipped` counts it; the step. By default "raise", and "propagate" on a device, where looking
    means waiting.

Attributes
----------
t : int
    Steps done.
skipped : int
    Steps left out.
learning_rate
    May be set at any time.

Examples
--------
>>> import numpy as np, fastopt
>>> params = {"w": np.ones((2, 3)), "b": np.zeros(3)}
>>> opt = fastopt.NAME(0.1)
>>> opt.step(params, {"w": np.ones((2, 3)), "b": np.ones(3)})
>>> bool((params["w"] < 1.0).all())
True
"""
