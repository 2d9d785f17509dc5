"""The public classes of optimizers, made from the rules when their names are first used."""

import functools
import inspect
from typing import Any

from fastopt import rules
from fastopt.optimizers import hyperparameters
from fastopt.optimizers.optimizer import Optimizer


@functools.cache
def names():
    """Return a dict of the public names of the optimizers and the methods of their rules."""
    found = {rules.options_class(rules.get(m)).__name__: m for m in rules.methods()}
    return {**found, "AdamW": "adam"}


@functools.cache
def optimizer(name) -> Any:
    """Return the class of this name."""
    method, adamw = names()[name], name == "AdamW"
    known = hyperparameters.defaults(method, None, adamw)
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
    more = dict.fromkeys(("groups", "style", "clip_norm", "on_nonfinite"))
    rest = {**{k: v for k, v in known.items() if k != "learning_rate"}, **more, "row_wise": False}
    parameters = [kind(k, kind.KEYWORD_ONLY, default=v) for k, v in rest.items()]
    return inspect.Signature([rate, *parameters])


def _doc(name, rule, known):
    own = [n for n in rules.options_class(rule)._fields if n != "learning_rate"]
    head = rule.__doc__
    if name == "AdamW":
        head = "Adam with decoupled weight decay (Loshchilov and Hutter 2019).\n\n" + head
    listed = f"{', '.join(own)} : optional\n    Of the rule: see above." if own else ""
    return f"{head}\n{DOC.replace('OWN', listed).replace('NAME', name)}"


DOC = """An optimizer object that steps arrays in place, of any library.

Parameters
----------
learning_rate : float or callable
    A number, one of `fastopt.schedules`, or any function of the step t = 1, 2, ...
OWN
weight_decay : float
    Pull of the parameters towards zero. ``weight_decay * x`` is added to the gradient (an L2
    penalty). With `decoupled_weight_decay`, ``learning_rate * weight_decay * x`` is subtracted
    from x instead.
decoupled_weight_decay : bool
    Apply weight decay to x directly, not to the gradient.
clip_value : float, optional
    Gradients are clipped to [-clip_value, clip_value].
maximize : bool
    Maximize the objective instead of minimizing it.
groups : dict of dicts, optional
    Hyperparameters for some of the arrays. An array's name is the keys and positions that lead to
    it, joined by dots. An array belongs to a group if the group's key occurs in its name:
    ``{"bias": {"weight_decay": 0.0}}`` holds for params["layers"][0]["bias"]. If several groups
    match, the later one wins.
style : {"torch", "optax", "keras"}, optional
    Defaults and conventions of another library; options given explicitly win.
clip_norm : float, optional
    Gradients are scaled down if their common norm is larger. On a device the step waits for the
    norm.
on_nonfinite : {"raise", "skip", "propagate"}, optional
    What to do if a gradient is not finite: "raise" a FloatingPointError, "skip" the step and
    increase `skipped`, or "propagate" (take the step). The default is "raise", and "propagate" on
    a device, where checking means waiting.
row_wise : bool
    Keep one accumulator a row of each matrix, the mean of g² over the row. It is for AdaGrad, and
    for RMSProp without momentum. Tables of embeddings then need a fraction of the memory.

Attributes
----------
t : int
    Number of steps done.
skipped : int
    Number of steps skipped because a gradient was not finite.
learning_rate
    The rate or its schedule, which may be set at any time.

Examples
--------
>>> import numpy as np, fastopt
>>> params = {"w": np.ones((2, 3)), "b": np.zeros(3)}
>>> opt = fastopt.NAME(0.1)
>>> opt.step(params, {"w": np.ones((2, 3)), "b": np.ones(3)})
>>> bool((params["w"] < 1.0).all())
True
"""
